"""What the processes of a bench measured: the value between running and judging.

Times are seconds, instants are `time.monotonic()` of the machine that ran (one clock for all its processes),
sizes are bytes, rates are per second, energies are joules. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.stats import typical
from envkit.target.conditions import Conditions

Ended = Literal["done", "interrupted", "crashed", "timeout"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a workload is run: what an arm of a comparison may change."""

    framework: str
    """`torch` or `tensorflow`."""
    device: str
    """As asked for: `auto`, `cpu`, `cuda`, `cuda:1`."""
    precision: str = "fp32"
    """`fp32`, `tf32`, `bf16`, `fp16`."""
    compile: str | None = None
    """Mode of torch.compile (`default`, `reduce-overhead`, `max-autotune`), or `xla` for jit_compile."""
    batch_size: int | None = None
    """For one process; None = the workload's own."""
    channels_last: bool = False
    fused: bool = False
    """The optimiser as one kernel."""
    workers: int | None = None
    """Worker processes of the `dataloader` workload."""
    scale: Literal["quick", "default", "full"] = "default"
    nproc: int = 1
    """Processes on this node."""
    nnodes: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One side of a comparison; a plain bench has one."""

    name: str
    """`A` or `B`."""
    options: Options
    target: str
    """The Python or image that it ran in."""
    said: str = ""
    """The options of `--vs` as they were given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """What the payload computes on."""

    kind: str
    """`cpu`, `cuda`, `mps`, `xpu`."""
    name: str
    index: int | None = None
    uuid: str | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """The target as one process saw it."""

    framework: str
    version: str
    python: str
    device: Device
    threads: int | None = None
    cuda: str | None = None
    cudnn: str | None = None
    rank: int = 0
    world: int = 1
    started: float = 0.0
    import_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """One of this machine's own ceilings, measured in the same process as the workloads."""

    what: str
    """`gemm`, `memory-bandwidth`, `h2d`, `d2h`, `h2d-pageable`, `d2h-pageable`, `d2d`, `allreduce`."""
    unit: Literal["FLOP/s", "B/s"]
    precision: str | None = None
    shape: str = ""
    samples: tuple[float, ...] = ()
    """Rates of single repetitions, in `unit`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningCheck:
    """Whether the workload learns what can be learnt."""

    data: str
    """`made` or `digits`."""
    steps: int
    first: float
    """Loss of the first step."""
    last: float
    demanded: float
    """What `last` must not exceed."""
    ok: bool
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One workload in one process."""

    workload: str
    batch_size: int
    """For one process."""
    items: int
    """Samples or tokens of one step of one process."""
    unit: str
    """What an item is: `samples`, `tokens`, `FLOP`, `B`."""
    options: Options
    """As it really ran: what could not be had is not in here, see `notes`."""
    flops: float | None = None
    """Floating-point operations of one step of one process, by closed form, forward and backward."""
    parameters: int | None = None
    steps: int = 0
    seconds: float = 0.0
    """Of all measured steps together, the device synchronised before and after."""
    began: float | None = None
    ended: float | None = None
    step_seconds: tuple[float, ...] = ()
    device_seconds: tuple[float, ...] | None = None
    """Of the same steps, by events of the device."""
    first_step: float | None = None
    warm_steps: int | None = None
    warm_seconds: float | None = None
    stable: bool | None = None
    """Whether warm-up ended because the steps had become steady, and not because its time was up."""
    rss: int | None = None
    """Peak resident memory of the process until the end of this workload."""
    device_memory: int | None = None
    """Peak allocated by the framework."""
    no_sync_seconds: tuple[float, ...] | None = None
    """Step times of the same training without its collectives, where there are several processes."""
    check: LearningCheck | None = None
    rank: int = 0
    notes: tuple[str, ...] = ()
    """What was changed on the way: a halved batch after out of memory."""

    @property
    def rate(self) -> float | None:
        """Items a second of this process."""
        return self.steps * self.items / self.seconds if self.steps and self.seconds > 0 else None

    @property
    def typical_rate(self) -> float | None:
        """Items a second of its typical stretch of steps (`stats.typical`): what comparisons use."""
        seconds = typical(self.step_seconds) if self.step_seconds else 0.0
        return self.items / seconds if seconds > 0 else self.rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A workload that could not be run to its end."""

    workload: str
    kind: Literal["error", "out-of-memory", "unsupported", "does-not-learn", "no-space"]
    error: str
    traceback: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessSamples:
    """One repetition: a process started for it, or one launch of torchrun with all its workers."""

    arm: str
    number: int
    """Place in the order of starting, over all arms."""
    began: float
    ended: float
    how: Ended
    detail: str = ""
    """Why it did not end well: signal, exit code, last lines."""
    environment: Environment | None = None
    runs: tuple[Run, ...] = ()
    """Of all ranks."""
    limits: tuple[Limit, ...] = ()
    failures: tuple[Failure, ...] = ()
    conditions: Conditions | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Everything that one `envkit bench` measured; what `--save` writes."""

    fingerprint: dict[str, str]
    arms: tuple[Arm, ...]
    processes: tuple[ProcessSamples, ...]
    date: str
    """UTC, ISO 8601."""
    interrupted: bool = False
    schema: str = "envkit.bench-samples/1"
