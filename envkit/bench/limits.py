"""What a result reached of what this machine gave a moment ago, and of what its datasheet promises. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from envkit.bench.model import Ceiling, Interval
from envkit.bench.samples import Device, Limit, ProcessSamples, Run
from envkit.compat.model import Compat
from envkit.compat.references import datasheet_peak
from envkit.stats import estimate
from envkit.target.conditions import Conditions

BOUND_BY = {
    "mlp": "gemm",
    "cnn": "gemm",
    "rnn": "gemm",
    "transformer": "gemm",
    "resnet50": "gemm",
    "gemm": "gemm",
    "memcpy": "memory-bandwidth",
    "allreduce": "allreduce",
}
"""The ceiling that a workload cannot pass. `dataloader` is not here: decoding has no such limit."""
_BEYOND = 0.05
"""By how much noise may lift a workload above its ceiling. More, and the ceiling was disturbed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """One workload of one process beside the ceiling of the same process."""

    limit: Limit
    ceiling: float
    """In `limit.unit`."""
    reached: float

    @property
    def share(self) -> float:
        """Above 1 where the ceiling was disturbed."""
        return self.reached / self.ceiling


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What all processes say of a workload and its ceiling."""

    ceiling: Ceiling | None
    note: str = ""
    """Why there is no share where one was to be expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mfu:
    """Model FLOPs utilisation: FLOP/s by the closed form over the datasheet's peak in that precision."""

    value: float | None
    """0..1."""
    note: str = ""
    """Why there is none, for a GPU whose FLOP/s are known."""


def ceiling(limits: Sequence[Limit], share: float | None = None) -> Ceiling:
    """One ceiling, measured in several processes: the median over them of the median of each.

    limits: of one kind and precision, at least one, each with samples. Their best shapes may differ.
    """
    found = estimate([statistics.median(limit.samples) for limit in limits])
    shapes = statistics.multimode(limit.shape for limit in limits)
    return Ceiling(
        what=limits[0].what,
        value=Interval(median=found.median, low=found.low, high=found.high, unit=limits[0].unit),
        share=share,
        precision=limits[0].precision,
        shape=shapes[0],
    )


def ceilings(processes: Sequence[ProcessSamples]) -> tuple[Ceiling, ...]:
    """Every ceiling that these processes measured, in the order of measuring."""
    groups: dict[tuple[str, str | None], list[Limit]] = {}
    for process in processes:
        for limit in process.limits:
            if limit.samples:
                groups.setdefault((limit.what, limit.precision), []).append(limit)
    return tuple(ceiling(group) for group in groups.values())


def bounding(run: Run, limits: Sequence[Limit]) -> Bound | None:
    """The ceiling that bounds a run, from its own process; None where none was measured in its precision."""
    what = BOUND_BY.get(run.workload)
    if what is None or not run.steps or run.seconds <= 0:
        return None
    done = run.flops if what == "gemm" else float(run.items)
    for limit in limits:
        if limit.what == what and limit.samples and limit.precision in (None, run.options.precision) and done:
            top = statistics.median(limit.samples)
            if top > 0:
                return Bound(limit=limit, ceiling=top, reached=done * run.steps / run.seconds)
    return None


def reached(measured: Sequence[tuple[Run, Sequence[Limit]]]) -> Reached:
    """The ceiling of a workload and the share of it, the median over processes.

    measured: each process' run with the limits of the same process: a machine that is slow for a while is
    slow for both.
    """
    bounds = [bound for run, limits in measured if (bound := bounding(run, limits)) is not None]
    if not bounds:
        return Reached(ceiling=None)
    share = statistics.median(bound.share for bound in bounds)
    limits = [bound.limit for bound in bounds]
    if share > 1 + _BEYOND:
        note = (
            f"it reached {share:.2f} times the measured {limits[0].what} ceiling, so the machine was slower "
            "while that was measured: no share is given"
        )
        return Reached(ceiling=ceiling(limits), note=note)
    return Reached(ceiling=ceiling(limits, min(share, 1.0)))


def mfu(
    achieved: float | None, precision: str, device: Device, power_limit: float | None, compat: Compat
) -> Mfu:
    """The share of the datasheet's peak, for a device that is surely known.

    achieved: FLOP/s of one device. power_limit: watts, as enforced while it ran. A value above 1 is never
    given: then the device is not what its name says, or the FLOPs were counted wrongly.
    """
    if achieved is None or device.kind != "cuda":
        return Mfu(value=None)
    peak = datasheet_peak(compat, device.name, precision, memory=device.memory, power_limit=power_limit)
    if peak is None:
        why = _unknown(device, power_limit)
        return Mfu(value=None, note=f"no share of the datasheet's peak in {precision}: {why}")
    value = achieved / peak.flops
    if value > 1:
        return Mfu(
            value=None,
            note=f"{value * 100:.0f} % of the datasheet's peak of the {peak.device} ({peak.form_factor}) "
            "cannot be: the device or the FLOPs are not what they are taken for",
        )
    return Mfu(value=value)


def power_limit(conditions: Conditions | None, run: Run, device: Device) -> float | None:
    """The lowest power limit of a device while a run was measured, watts; None = not read."""
    if conditions is None or run.began is None or run.ended is None:
        return None
    named = {facts.index for facts in conditions.gpus if facts.uuid and facts.uuid == device.uuid}
    told = device.uuid is not None and any(facts.uuid for facts in conditions.gpus)
    everyone = {gpu.index for moment in conditions.moments for gpu in moment.gpus}
    # CUDA need not count as the driver does: without an UUID only a single GPU is sure.
    chosen = named if told or len(everyone) != 1 else everyone
    found = [
        gpu.power_limit
        for moment in conditions.moments
        if run.began <= moment.at <= run.ended
        for gpu in moment.gpus
        if gpu.index in chosen and gpu.power_limit is not None
    ]
    return min(found, default=None)


def _unknown(device: Device, watts: float | None) -> str:
    if watts is None:
        return f"the power limit of {device.name} was not read"
    if device.memory is None:
        return f"the memory of {device.name} was not read"
    memory = f"{device.memory / 1e9:.0f} GB"
    return f"none is known for a {device.name} with {memory} and a power limit of {watts:.0f} W"
