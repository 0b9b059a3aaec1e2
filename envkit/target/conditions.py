"""What the machine was like while something ran: the values of the host's sampler.

Instants are `time.monotonic()`. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuMoment:
    """One GPU at one instant."""

    index: int
    sm_clock: int | None = None
    """MHz."""
    memory_clock: int | None = None
    reasons: tuple[str, ...] = ()
    """Clock-event reasons that hold it back: `sw-power-cap`, `hw-thermal-slowdown` ...; idle is none of them."""
    temperature: int | None = None
    """Celsius."""
    power: float | None = None
    """Watts."""
    power_limit: float | None = None
    energy: float | None = None
    """Joules since the driver was loaded."""
    utilisation: float | None = None
    """0..1, of the driver's last sampling period."""
    others: tuple[str, ...] | None = None
    """Names of processes on it that are not of this bench."""
    pcie_generation: int | None = None
    pcie_width: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The machine at one instant; counters are since boot, their differences count."""

    at: float
    load: float | None = None
    """Runnable tasks, mean of one minute."""
    busy: float | None = None
    """CPU seconds of all tasks of this machine."""
    own: float | None = None
    """CPU seconds of what was measured: the process and its descendants."""
    steal: float | None = None
    """CPU seconds that the hypervisor gave to others."""
    throttled: float | None = None
    """Seconds that the cgroup's quota held its tasks back."""
    pressure: float | None = None
    """Seconds that some task waited for a CPU (PSI)."""
    available: int | None = None
    """Bytes of memory."""
    major_faults: int | None = None
    clock: float | None = None
    """Mean CPU clock, MHz."""
    temperature: float | None = None
    """Celsius, of the CPU."""
    energy: float | None = None
    """Joules of the CPU packages (RAPL)."""
    gpus: tuple[GpuMoment, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """What the sampler saw during one process."""

    cpus: float | None = None
    """CPUs that may be used: affinity and quota."""
    quota: float | None = None
    """The cgroup's quota in CPUs; None = none, or not read."""
    period: float = 1.0
    """Seconds between moments."""
    moments: tuple[Moment, ...] = ()
    trouble: tuple[str, ...] = ()
    """Why something could not be sampled."""
