"""The JSON of `envkit bench`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A median with the bounds of its bootstrap interval."""

    median: float
    low: float
    high: float
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """What this machine's own limit was, measured beside the workload."""

    what: str
    """`gemm`, `memory-bandwidth`, `h2d`."""
    value: Interval
    share: float
    """What the workload reached of it, 0..1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadResult:
    """One workload on one device in one precision."""

    workload: str
    framework: str
    device: str
    precision: str
    throughput: Interval
    ceiling: Ceiling | None = None
    unstable: tuple[str, ...] = ()
    """Why the figure may not hold: clocks, temperature, throttling, other processes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """What `envkit bench --json` prints."""

    fingerprint: dict[str, str]
    """What must be equal for two results to be compared."""
    results: tuple[WorkloadResult, ...]
    schema: str = "envkit.bench/1"
