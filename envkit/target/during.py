"""What conditions say of a stretch of time: counters between its ends, moments inside it. Pure.

Instants are `time.monotonic()`, as in the conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from envkit.target.conditions import Conditions, GpuMoment, Moment

_COVERED = 0.5
"""Share of a stretch that moments must cover for a counter's change to stand for it."""
_USED = 0.05
"""Utilisation from which a GPU is taken for one in use, where nothing else tells."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """How far a counter went."""

    amount: float
    seconds: float
    """That it was seen for: the stretch, or the part of it that moments cover."""

    @property
    def rate(self) -> float:
        """For a second."""
        return self.amount / self.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Energy:
    """What a stretch of time cost."""

    joules: float
    source: str
    """What was added up: `NVML (GPU 0) and RAPL`."""


def change(
    conditions: Conditions, read: Callable[[Moment], float | None], began: float, ended: float
) -> Change | None:
    """How far the counter that `read` takes from a moment went between two instants, by linear interpolation.

    None when it was not read, when it went backwards, and when less than half of the stretch was seen.
    """
    points = [(moment.at, value) for moment in conditions.moments if (value := read(moment)) is not None]
    if len(points) < 2 or not ended > began:
        return None
    first, last = max(began, points[0][0]), min(ended, points[-1][0])
    if last - first <= 0 or last - first < _COVERED * (ended - began):
        return None
    amount = _at(points, last) - _at(points, first)
    return Change(amount=amount, seconds=last - first) if amount >= 0 else None


def _at(points: list[tuple[float, float]], instant: float) -> float:
    for (t0, v0), (t1, v1) in pairwise(points):
        if t0 <= instant <= t1:
            return v0 if t1 == t0 else v0 + (v1 - v0) * (instant - t0) / (t1 - t0)
    return points[-1][1]


def moments(conditions: Conditions, began: float, ended: float) -> tuple[Moment, ...]:
    """Those inside a stretch; for one that is shorter than the period, the nearest one."""
    inside = tuple(moment for moment in conditions.moments if began <= moment.at <= ended)
    if inside or not conditions.moments:
        return inside
    middle = (began + ended) / 2
    nearest = min(conditions.moments, key=lambda moment: abs(moment.at - middle))
    return (nearest,) if abs(nearest.at - middle) <= conditions.period else ()


def gpus_in_use(
    conditions: Conditions, began: float, ended: float, devices: Collection[str] | None = None
) -> tuple[int, ...]:
    """Indices (of NVML) of the GPUs that what was measured ran on.

    devices: their UUIDs, where they are known; () = none, it ran on the CPU. Else: those on which its
    processes were seen; where that cannot be told, the only GPU there is, else those that were busy.
    """
    if devices is not None:
        wanted = {_bare(uuid) for uuid in devices}
        named = [facts.index for facts in conditions.gpus if facts.uuid and _bare(facts.uuid) in wanted]
        if named or not devices:
            return tuple(named)
    seen = [gpu for moment in moments(conditions, began, ended) for gpu in moment.gpus]
    indices = sorted({gpu.index for gpu in seen})
    mine = sorted({gpu.index for gpu in seen if gpu.own})
    unknown = sorted({gpu.index for gpu in seen if gpu.own is None} - set(mine))
    if mine or not unknown:
        return tuple(mine)
    if len(indices) == 1:
        return tuple(indices)
    return tuple(index for index in unknown if _mean_use(seen, index) >= _USED)


def _bare(uuid: str) -> str:
    """NVML writes `GPU-` before it, frameworks may not."""
    return uuid.lower().removeprefix("gpu-")


def _mean_use(seen: list[GpuMoment], index: int) -> float:
    shares = [gpu.utilisation for gpu in seen if gpu.index == index and gpu.utilisation is not None]
    return sum(shares) / len(shares) if shares else 0.0


def of_gpu(moment: Moment, index: int) -> GpuMoment | None:
    """One GPU at one instant; None when it did not answer then."""
    return next((gpu for gpu in moment.gpus if gpu.index == index), None)


def energy_of(
    conditions: Conditions, began: float, ended: float, devices: Collection[str] | None = None
) -> Energy | None:
    """Joules of the CPU packages and of the GPUs in use between two instants, as far as each can be read.

    A GPU without an energy counter gives its power over time. None when nothing could be read.
    devices: as for `gpus_in_use`.
    """
    joules = 0.0
    sources: list[str] = []
    for index in gpus_in_use(conditions, began, ended, devices):
        counted = _whole(change(conditions, partial(_gpu_energy, index=index), began, ended), began, ended)
        spent = counted or _power_over_time(conditions, index, began, ended)
        if spent is not None:
            joules += spent
            sources.append(f"NVML (GPU {index})" if counted else f"NVML power (GPU {index})")
    cpu = _whole(change(conditions, lambda moment: moment.energy, began, ended), began, ended)
    if cpu is not None:
        joules += cpu
        sources.append("RAPL")
    return Energy(joules=joules, source=" and ".join(sources)) if sources else None


def _gpu_energy(moment: Moment, index: int) -> float | None:
    gpu = of_gpu(moment, index)
    return None if gpu is None else gpu.energy


def _whole(counted: Change | None, began: float, ended: float) -> float | None:
    """The amount for all of the stretch, at the rate of the part that was seen. A counter that stood still is
    none: sandboxes and virtual machines show such."""
    return counted.rate * (ended - began) if counted is not None and counted.amount > 0 else None


def _power_over_time(conditions: Conditions, index: int, began: float, ended: float) -> float | None:
    found = [
        gpu.power
        for moment in moments(conditions, began, ended)
        if (gpu := of_gpu(moment, index)) is not None and gpu.power is not None
    ]
    return sum(found) / len(found) * (ended - began) if found else None
