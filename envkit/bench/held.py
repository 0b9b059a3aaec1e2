"""What held a run back, in figures, out of the conditions beside it. Pure; `unstable` and `why` read it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from envkit.bench.samples import ProcessSamples
from envkit.target.conditions import Conditions, GpuFacts, GpuMoment, Moment
from envkit.target.during import change, gpus_in_use, moments, of_gpu

_IDLE_USE = 0.05
"""Utilisation up to which a GPU idles, and its clock says nothing."""
HOT = ("hw-thermal", "sw-thermal")
BRAKE = ("hw-power-brake",)
CAP = ("sw-power-cap",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """One workload in one process, and the conditions beside it."""

    conditions: Conditions
    began: float
    ended: float
    devices: tuple[str, ...] | None = None
    """UUIDs of the GPUs that it ran on, () for none; None = as the conditions show."""
    threads: int | None = None
    """Of the framework, in each process."""
    processes: int = 1
    """That ran at the same time on this machine."""


def stretch_of(process: ProcessSamples, workload: str) -> Stretch | None:
    """The measured part of a workload in a process or launch; None where it was not sampled."""
    runs = [run for run in process.runs if run.workload == workload]
    began = min((run.began for run in runs if run.began is not None), default=None)
    ended = max((run.ended for run in runs if run.ended is not None), default=None)
    if process.conditions is None or began is None or ended is None or ended <= began:
        return None
    environment = process.environment
    device = None if environment is None else environment.device
    devices: tuple[str, ...] | None = None
    if device is not None and device.kind != "cuda":
        devices = ()
    elif device is not None and device.uuid and len(runs) == 1:  # only one worker told of its own
        devices = (device.uuid,)
    return Stretch(
        conditions=process.conditions,
        began=began,
        ended=ended,
        devices=devices,
        threads=None if environment is None else environment.threads,
        processes=len(runs),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CpuHeld:
    """Shares are 0..1; None = not read."""

    seconds: float
    """Of the stretch."""
    own: float | None = None
    """Share of the CPUs that may be used, as are `others` and `steal`."""
    others: float | None = None
    steal: float | None = None
    throttled: float | None = None
    """CPU time that the quota took away, of that which was asked for: used and held back together."""
    swapped: float | None = None
    """Bytes a second."""
    faults: float | None = None
    """Pages a second that were read from disk."""
    clocks: tuple[float, ...] = ()
    """MHz."""
    heat_events: float | None = None
    temperature: float | None = None
    """Celsius, the highest."""
    load: float | None = None
    """The highest."""

    @property
    def idle(self) -> float | None:
        """Share of the CPUs that nobody wanted."""
        if self.own is None or self.others is None:
            return None
        return max(0.0, 1.0 - self.own - self.others - (self.steal or 0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuHeld:
    """One GPU that the run was on, in the moments in which it worked."""

    index: int
    facts: GpuFacts | None
    working: tuple[GpuMoment, ...]
    others: tuple[str, ...] = ()
    """Names of other processes on it, at any moment."""
    seen: int = 0
    """All moments, idle ones too."""

    @property
    def clocks(self) -> tuple[int, ...]:
        """MHz, of the moments that have them."""
        return tuple(gpu.sm_clock for gpu in self.working if gpu.sm_clock)

    def under(self, reasons: Collection[str]) -> tuple[GpuMoment, ...]:
        """The moments in which one of these reasons held it back."""
        return tuple(gpu for gpu in self.working if set(reasons) & set(gpu.reasons))

    def lost(self, reasons: Collection[str]) -> float | None:
        """Share of its highest clock that was missing while these held it back, over all moments, 0..1."""
        most = (self.facts.sm_clock_max if self.facts else None) or max(self.clocks, default=None)
        if not most or not self.working:
            return None
        missing = [1 - min(1.0, gpu.sm_clock / most) for gpu in self.under(reasons) if gpu.sm_clock]
        return sum(missing) / len(self.working)


def cpu_held(conditions: Conditions, began: float, ended: float) -> CpuHeld:
    """Of the CPUs, between two instants."""
    counted = conditions.counted

    def share(of: float | None, seconds: float) -> float | None:
        return None if of is None or not counted else min(1.0, of / (seconds * counted))

    own = change(conditions, lambda moment: moment.own, began, ended)
    others = change(conditions, _others, began, ended)
    steal = change(conditions, lambda moment: moment.steal, began, ended)
    inside = moments(conditions, began, ended)
    swapped = change(conditions, lambda moment: moment.swapped, began, ended)
    faults = change(conditions, lambda moment: moment.major_faults, began, ended)
    heat = change(conditions, lambda moment: moment.heat_events, began, ended)
    return CpuHeld(
        seconds=ended - began,
        own=share(own.amount, own.seconds) if own else None,
        others=share(others.amount, others.seconds) if others else None,
        steal=share(steal.amount, steal.seconds) if steal else None,
        throttled=_throttled(conditions, began, ended),
        swapped=swapped.rate if swapped else None,
        faults=faults.rate if faults else None,
        clocks=tuple(moment.clock for moment in inside if moment.clock),
        heat_events=heat.amount if heat else None,
        temperature=max((m.temperature for m in inside if m.temperature is not None), default=None),
        load=max((m.load for m in inside if m.load is not None), default=None),
    )


def _others(moment: Moment) -> float | None:
    """What is not own may go back by a tick or two: times are counted in ticks, each on its own."""
    return None if moment.busy is None or moment.own is None else moment.busy - moment.own


def _throttled(conditions: Conditions, began: float, ended: float) -> float | None:
    held = change(conditions, lambda moment: moment.throttled, began, ended)
    used = change(conditions, lambda moment: moment.used, began, ended)
    used = used or change(conditions, lambda moment: moment.own, began, ended)
    if held is None or used is None or held.rate + used.rate <= 0:
        return None
    return held.rate / (held.rate + used.rate)


def gpus_held(
    conditions: Conditions, began: float, ended: float, devices: Collection[str] | None = None
) -> tuple[GpuHeld, ...]:
    """Of the GPUs that were used, between two instants. devices: as for `gpus_in_use`."""
    inside = moments(conditions, began, ended)
    found = []
    for index in gpus_in_use(conditions, began, ended, devices):
        seen = [gpu for moment in inside if (gpu := of_gpu(moment, index)) is not None]
        working = tuple(
            gpu
            for gpu in seen
            if "gpu-idle" not in gpu.reasons and (gpu.utilisation is None or gpu.utilisation > _IDLE_USE)
        )
        names = dict.fromkeys(name for gpu in seen for name in gpu.others or ())
        facts = next((facts for facts in conditions.gpus if facts.index == index), None)
        found.append(GpuHeld(index=index, facts=facts, working=working, others=tuple(names), seen=len(seen)))
    return tuple(found)
