"""What the watcher saw of a run's time. Seconds by the wall clock where nothing else is said.

Instants are `time.monotonic()` of the machine, steps count the optimiser's updates from 0. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["wait", "forward", "backward", "optimizer", "other", "start", "end", "replay"]
"""What the main thread was doing: waiting for a batch from a loader; computing the loss (where that is known
from outside, as in Keras); gradients; the update; the rest, the person's own lines among it. Before the first
step; after the last one; while the watcher repeats a step."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One function call of a stack."""

    file: str
    line: int
    function: str
    users: bool
    """Whether it is the person's own code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A look at the main thread, or at that of a data worker."""

    step: int
    """Steps that were done."""
    phase: Phase
    stack: int
    """Place in `SpeedTrace.stacks`."""
    seconds: float
    """That it stands for: since the look before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The process at one instant; counters since its start, whose differences count."""

    at: float
    step: int
    user: float | None = None
    """CPU seconds of all its threads, without its children."""
    system: float | None = None
    children: float | None = None
    """CPU seconds of its children that live, data workers among them."""
    ran: float | None = None
    """CPU seconds of the main thread."""
    queued: float | None = None
    """Seconds in which the main thread could run and had no CPU."""
    minor_faults: int | None = None
    major_faults: int | None = None
    switched: int | None = None
    """Involuntary context switches of all threads."""
    read_bytes: int | None = None
    """From storage, of the process and its living children."""
    read_calls: int | None = None
    read_chars: int | None = None
    """Bytes that these calls gave, from storage or from memory."""
    blocked: float | None = None
    """Seconds that the main thread waited for storage (delay accounting), where the kernel says so."""
    rss: int | None = None
    """Bytes."""
    threads: int | None = None
    collected: float | None = None
    """Seconds in Python's garbage collection."""
    collections: int | None = None
    """Full ones (generation 2)."""
    beside: float | None = None
    """Seconds in which other threads of it ran Python for a tf.data pipeline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loader:
    """A data loader that the script took batches from: a torch DataLoader, a tf.data pipeline, ..."""

    number: int
    """In the order of their first use, in this process."""
    kind: str
    """`torch`, `tf.data`, `keras`."""
    workers: int | None = None
    batch_size: int | None = None
    pin_memory: bool | None = None
    persistent: bool | None = None
    prefetch: int | None = None
    drop_last: bool | None = None
    dataset: str | None = None
    """Its class."""
    length: int | None = None
    """Samples."""
    streams: bool | None = None
    """An iterable dataset: more workers need its own code."""
    collate: str | None = None
    """The function, where it is the person's own."""
    context: str | None = None
    """How workers start: `fork`, `spawn`, `forkserver`."""
    stack: tuple[Frame, ...] = ()
    """Where it was made, innermost first; only the person's frames."""
    batches: int = 0
    """Taken."""
    waited: float = 0.0
    """Seconds, of all batches, the first ones of epochs among them."""
    epochs: int = 0
    """Iterators begun."""
    first_waits: float = 0.0
    """Of these: for the first batch of each epoch, with the start of workers."""
    training: bool = True
    """Whether its batches were trained on, as far as is known."""
    pids: tuple[int, ...] = ()
    """Of its newest workers."""
    options: dict[str, bool | int | float | str | None] = field(default_factory=dict)
    """Of pipelines with other options: `map_parallel`, `cache`, ..."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """A data worker at its last report."""

    loader: int
    number: int
    pid: int
    batches: int = 0
    samples: int = 0
    fetched: float = 0.0
    """Seconds in which it made batches."""
    collated: float = 0.0
    """Of these: putting samples together."""
    cpu: float = 0.0
    """CPU seconds, of the same time."""
    sent: float = 0.0
    """CPU seconds for handing batches over, in a thread beside."""
    started: float | None = None
    """Seconds from its start to its first sample."""
    threads: int | None = None
    """Of torch."""
    tasks: int | None = None
    """Threads of its process, those of other libraries among them."""
    bytes: int | None = None
    """Of one batch, as tensors."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """Operations of a step that are alike."""

    often: float
    """In a step."""
    name: str
    """As the loss's graph has it, `Relu`; or `product`, `convolution`, `attention`, `recurrent`."""
    dtype: str
    shape: tuple[int, ...]
    """Of the result."""
    more: dict[str, int | bool | str | tuple[int, ...] | None] = field(default_factory=dict)
    """What else says what it costs: `inner`, `weight`, `given`, `stride`, `wanted`, ..."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensors:
    """Tensors that are alike."""

    shape: tuple[int, ...]
    dtype: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How training is really set up, seen some steps after its beginning."""

    threads: int | None = None
    """Of the framework, within an operation."""
    interop: int | None = None
    omp: str | None = None
    """OMP_NUM_THREADS, as the script has it."""
    dtypes: dict[str, int] = field(default_factory=dict)
    """Of parameters: values of each type."""
    inputs: tuple[str, ...] = ()
    """Types of what models are given."""
    autocast: str | None = None
    """The type, where it is on; None = off."""
    computed: str | None = None
    """The type in which most products of matrices and convolutions are worked out."""
    device: str | None = None
    """`cpu`, `cuda`, `mps`: where the parameters are."""
    matmul_precision: str | None = None
    tf32: bool | None = None
    cudnn_benchmark: bool | None = None
    anomaly: bool | None = None
    """torch's detect_anomaly."""
    deterministic: bool | None = None
    profiler: bool | None = None
    """A profiler runs."""
    blocking: bool | None = None
    """CUDA_LAUNCH_BLOCKING and the like."""
    eager: bool | None = None
    """Keras: run_eagerly, or functions run eagerly by a global switch."""
    execution: int | None = None
    """Keras: steps_per_execution; None = one."""
    checks: tuple[str, ...] = ()
    """TensorFlow: debugging that looks at each operation, `enable_check_numerics`."""
    compiled: bool | None = None
    """torch.compile, jit_compile."""
    flush_denormal: bool | None = None
    denormals: float | None = None
    """Share of the looked-at values of weights and gradients."""
    channels_last: bool | None = None
    """Of models with 4-dimensional convolutions; None = there are none."""
    conv_bias_norm: int | None = None
    """Convolutions with a bias right before a batch norm."""
    optimizer: str | None = None
    foreach: bool | None = None
    """As set; None = the default."""
    fused: bool | None = None
    parameters: int | None = None
    """Tensors that are trained."""
    values: int | None = None
    """Values in them."""
    batch: int | None = None
    """Rows that a model is given in a step."""
    operations: int | None = None
    """Nodes of the loss's graph: operations of a step, of the forward pass alone."""
    flops: float | None = None
    """Of matrix products and convolutions of a step, forward and backward, from shapes; None = unknown."""
    wrappers: tuple[str, ...] = ()
    """`DataParallel`, `DistributedDataParallel(find_unused_parameters)`, ..."""
    attention: tuple[str, ...] = ()
    """Attention built from parts: the person's lines, `file:line`; one empty where it is none of theirs."""
    shapes: tuple[tuple[int, ...], ...] = ()
    """Of weights of matrix products."""
    recipe: tuple[Operation, ...] = ()
    """The dearest operations of a step."""
    sizes: tuple[Tensors, ...] = ()
    """What the optimiser trains, the largest first."""
    momentum: bool | None = None
    """Of SGD."""
    scaler: bool | None = None
    world: int | None = None
    backend: str | None = None
    """Of torch.distributed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compilation:
    """Compilation of parts of the script."""

    step: int
    seconds: float
    what: str = ""
    """The function, `file:line name`."""
    why: str = ""
    """Why it was done again; empty the first time."""
    failed: str = ""
    """The exception with which it ended; what it was for runs uncompiled then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTimes:
    """One entry a step, beside `Steps.ended`; where a phase cannot be seen, None for all."""

    wait: tuple[float, ...] | None = None
    backward: tuple[float, ...] | None = None
    optimizer: tuple[float, ...] | None = None


_UNSEEN = StepTimes()


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeedTrace:
    """One process."""

    times: StepTimes = _UNSEEN
    stacks: tuple[tuple[Frame, ...], ...] = ()
    """Innermost first."""
    samples: tuple[Sample, ...] = ()
    worker_samples: tuple[Sample, ...] = ()
    """Of data workers, where `step` is batches done; of threads that run Python for a tf.data pipeline.
    Phase `wait`."""
    moments: tuple[Moment, ...] = ()
    loaders: tuple[Loader, ...] = ()
    workers: tuple[Worker, ...] = ()
    settings: Settings | None = None
    compilations: tuple[Compilation, ...] = ()
    looking: float | None = None
    """CPU seconds that looking at stacks and counters took."""
    training_from: float | None = None
    """Instant of the first step's beginning, as far as is known: the first backward pass or update."""
    blind: tuple[str, ...] = ()
    """What could not be seen, and why."""


UNTIMED = SpeedTrace()
"""Nothing was seen."""
