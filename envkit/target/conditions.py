"""What the machine was like while something ran: the values of the host's sampler.

Instants are `time.monotonic()`. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuFacts:
    """What does not change of one GPU while something runs."""

    index: int
    name: str | None = None
    uuid: str | None = None
    sm_clock_max: int | None = None
    """MHz."""
    memory_clock_max: int | None = None
    power_default: float | None = None
    """Watts: the limit that it has when nobody sets one."""
    pcie_width_max: int | None = None
    temperature_slowdown: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuMoment:
    """One GPU at one instant."""

    index: int
    sm_clock: int | None = None
    """MHz."""
    memory_clock: int | None = None
    reasons: tuple[str, ...] = ()
    """Clock-event reasons, by the names of the snapshot: `sw-power-cap`, `hw-thermal`, `gpu-idle` ..."""
    temperature: float | None = None
    """Celsius."""
    power: float | None = None
    """Watts."""
    power_limit: float | None = None
    energy: float | None = None
    """Joules since the driver was loaded."""
    utilisation: float | None = None
    """0..1, of the driver's last sampling period."""
    others: tuple[str, ...] | None = None
    """Names of computing processes on it that are not of what is measured; only those that use it now, where
    the driver says which do. None also where it cannot be told whose they are."""
    own: bool | None = None
    """Whether what is measured is on it."""
    pcie_generation: int | None = None
    pcie_width: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The machine at one instant; counters are since boot, their differences count."""

    at: float
    load: float | None = None
    """Runnable tasks, mean of one minute."""
    busy: float | None = None
    """CPU seconds of all tasks on the CPUs that may be used (`Conditions.counted`)."""
    own: float | None = None
    """CPU seconds of what was measured: the process with its descendants, and envkit itself. None while
    nothing is measured."""
    steal: float | None = None
    """CPU seconds that the hypervisor gave to others, of the same CPUs."""
    throttled: float | None = None
    """CPU seconds that the cgroup's quota held its tasks back; None without a quota."""
    used: float | None = None
    """CPU seconds of the tasks below that quota."""
    pressure: float | None = None
    """Seconds that some task waited for a CPU (PSI)."""
    available: int | None = None
    """Bytes of memory."""
    major_faults: int | None = None
    swapped: int | None = None
    """Bytes moved to swap and back."""
    clock: float | None = None
    """MHz, mean of the CPUs that were busy since the moment before."""
    temperature: float | None = None
    """Celsius, of the CPU."""
    energy: float | None = None
    """Joules of the CPU packages and their memory (RAPL) since the sampler began."""
    heat_events: int | None = None
    """Times that a CPU package held its clock back for heat."""
    gpus: tuple[GpuMoment, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What the sampler saw during one process."""

    cpus: float | None = None
    """CPUs that may be used: affinity and quota."""
    quota: float | None = None
    """The cgroup's quota in CPUs; None = none, or not read."""
    counted: int | None = None
    """CPUs that `busy` and `steal` add up."""
    clock_max: float | None = None
    """MHz that the CPUs can reach."""
    period: float = 1.0
    """Seconds between moments."""
    moments: tuple[Moment, ...] = ()
    gpus: tuple[GpuFacts, ...] = ()
    trouble: tuple[str, ...] = ()
    """Why something could not be sampled."""
