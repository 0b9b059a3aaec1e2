"""The JSON of `envkit bench`: what was judged from the samples."""

from __future__ import annotations

from dataclasses import dataclass, field

from envkit.bench.samples import Failure, LearningCheck, Options
from envkit.core.finding import Finding
from envkit.core.report import Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A median with its bootstrap interval over processes."""

    median: float
    low: float | None
    """null below 5 processes, which give no interval."""
    high: float | None
    unit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceiling:
    """What this machine's own limit was, measured beside the workload."""

    what: str
    """`gemm`, `memory-bandwidth`, `h2d`, `d2h`, ..."""
    value: Interval
    share: float | None
    """What the workload reached of it, 0..1; null where the workload does not use it."""
    precision: str | None = None
    shape: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTimes:
    """Times of single steps over all processes, seconds."""

    p50: float
    p95: float
    first: float | None = None
    device_p50: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceShown:
    """A published figure beside this one."""

    what: str
    value: float
    unit: str
    share: float
    """This result over the reference."""
    comparable: str
    """`same`, `close`, `order-of-magnitude`."""
    conditions: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadResult:
    """One workload on one device in one precision."""

    workload: str
    framework: str
    device: str
    precision: str
    throughput: Interval
    arm: str = "A"
    device_name: str = ""
    options: Options | None = None
    batch_size: int | None = None
    nproc: int = 1
    processes: tuple[float, ...] = ()
    """Throughput of each process, in `throughput.unit`, in the order of starting."""
    typical: tuple[float, ...] = ()
    """The same of each process's typical stretch of steps: what comparisons use."""
    step: StepTimes | None = None
    flops_per_step: float | None = None
    achieved: float | None = None
    """FLOP/s by the closed form."""
    rss: int | None = None
    """Bytes, peak."""
    device_memory: int | None = None
    energy: float | None = None
    """Joules for one item, of GPU and CPU packages as far as they can be read."""
    ceiling: Ceiling | None = None
    """The one that bounds this workload."""
    mfu: float | None = None
    """Share of the datasheet's peak, where the device and its form are known; never above 1."""
    check: LearningCheck | None = None
    references: tuple[ReferenceShown, ...] = ()
    unstable: tuple[str, ...] = ()
    """Why the figure may not hold: clocks, temperature, throttling, other processes."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One workload of two arms or two files."""

    workload: str
    verdict: Verdict
    """`faster`, `slower`, `same`, `inconclusive`: B beside A."""
    ratio: float
    """Throughput of B over A."""
    low: float | None
    high: float | None
    detectable: float | None
    """The smallest relative difference that this run could have seen."""
    a: Interval
    b: Interval
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaled:
    """One number of processes of a scaling run."""

    workload: str
    nproc: int
    mode: str
    """`weak`: the same batch for each process; `strong`: the same batch over all."""
    throughput: Interval
    efficiency: float
    low: float | None = None
    high: float | None = None
    exposed: float | None = None
    """Share of a step that waits for communication, 0..1."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """What `envkit bench --json` prints."""

    fingerprint: dict[str, str]
    """What must be equal for two results to be compared."""
    results: tuple[WorkloadResult, ...]
    ceilings: tuple[Ceiling, ...] = ()
    compared: tuple[Compared, ...] = ()
    scaling: tuple[Scaled, ...] = ()
    failures: tuple[Failure, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Why a result may be below what it should be, and failures of numerics."""
    conditions: dict[str, str] = field(default_factory=dict)
    date: str = ""
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    schema: str = "envkit.bench/1"
