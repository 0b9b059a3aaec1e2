"""What held a run back, in figures, out of the conditions beside it. Pure; `unstable` and `why` read it."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.bench.samples import ProcessSamples
from envkit.target.conditions import Conditions, Moment
from envkit.target.during import change, moments


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
