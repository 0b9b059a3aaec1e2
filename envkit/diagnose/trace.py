"""What the watcher saw of a script: the value between running and judging.

Instants are `time.monotonic()` of the machine, steps count the optimiser's updates from 0. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from envkit.diagnose.speed.trace import UNTIMED, SpeedTrace

Frame = tuple[str, int, str]
"""File, line, function."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Values:
    """What a tensor holds."""

    shape: tuple[int, ...]
    dtype: str
    nan: int | None = None
    inf: int | None = None
    minus_inf: int | None = None
    """Of those; a mask may be made of them."""
    min: float | None = None
    """Of the finite values, as the others here."""
    max: float | None = None
    mean: float | None = None
    zeros: int | None = None
    at: float | str | None = None
    """The value at the place of a bad result; `nan`, `inf`, `-inf` as text."""
    role: str | None = None
    """`parameter`, `buffer`, `data`, where it is no result of an operation."""
    name: str | None = None
    """What the model or the person calls it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Which places along the first axis are bad."""

    length: int
    bad: tuple[int, ...]
    count: int
    samples: tuple[int, ...] | None = None
    """The same as indices of the dataset."""
    worst: tuple[int, ...] | None = None
    """Where most are bad: of `samples` the few that are far worse than the others."""
    under: tuple[int, ...] | None = None
    """Where the dataset is a part of another one: indices of that."""
    how: str | None = None
    """How they are known: `loader`, `slice`, or in words how they were found."""
    usual: float | None = None
    """Of rows that are far from all others: the usual size of a row's largest value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An operation whose result is not finite, in the step that was looked at."""

    step: int
    number: int
    op: str
    """`aten.log.default`."""
    became: Literal["nan", "inf"]
    born: bool
    """What it was given did not hold such a value."""
    given: Literal["finite", "inf", "nan"]
    phase: Literal["forward", "backward", "optimizer"]
    count: int
    of: int
    place: tuple[int, ...]
    out: Values
    inputs: tuple[Values, ...]
    parents: tuple[int, ...] = ()
    """Events that what it was given came from."""
    scalars: tuple[float | int | bool, ...] = ()
    rows: Rows | None = None
    module: str | None = None
    node: str | None = None
    """The function of the backward pass, `LogBackward0`."""
    stack: tuple[Frame, ...] = ()
    """The person's own frames, innermost first; of the forward call where the phase is `backward`."""
    source: str | None = None
    """What held such values before any operation: `data`, `parameter`, `buffer`, `memory` (never set),
    `before` (an earlier step). None = an operation computed them."""
    name: str | None = None
    """What the person calls that."""
    columns: tuple[int, ...] | None = None
    """Features of a table that are bad in every row."""
    masked: bool = False
    """Among what it was given are Inf that the script wrote on purpose."""
    masked_row: bool | None = None
    """Of a softmax: some row has nothing but -inf."""
    selected: str | None = None
    """In a backward pass: the function of the forward pass that left places of this result out."""
    own: bool = False
    """It runs in a backward pass that the person wrote."""
    data: bool = False
    """What it was given does not depend on a weight."""
    wide: float | str | None = None
    """What the same operation gives there in float64."""
    lost: float | None = None
    """An epsilon that was added to what it was given and is zero in that precision."""
    batch: tuple[int, ...] | None = None
    """Samples of the whole batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """From which event the loss, or the first gradient, of the failing step has its value."""

    what: str
    event: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """A parameter before the update of the failing step."""

    name: str | None = None
    max: float | None = None
    """The largest size of its finite values."""
    bad: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class NumpyCall:
    """What numpy would have warned of in the failing step."""

    what: str
    """`divide by zero`, `invalid value`, `overflow`."""
    call: str | None = None
    """What the line does: `log`, `sqrt`, `exp`, `std`, `mean`, `div`."""
    stack: tuple[Frame, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What the model was given in the step that was looked at."""

    model: str
    argument: int
    values: Values
    bad: Rows | None = None
    far: Rows | None = None
    """Samples whose values are far larger than those of all others."""
    name: str | None = None
    """What the person calls it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The course of training, one entry a step."""

    loss: tuple[float | None, ...] = ()
    """NaN and Inf as they are."""
    gradient: tuple[float | None, ...] = ()
    """Global norm."""
    rate: tuple[float | None, ...] = ()
    ended: tuple[float, ...] = ()
    scale: tuple[float | None, ...] = ()
    """Of a loss scaler; () where there is none, as the two below."""
    clipped: tuple[float | None, ...] = ()
    """Global norm before the script itself clipped the gradients."""
    skipped: tuple[int, ...] = ()
    """Steps whose update a loss scaler left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A parameter in a wide step. Root mean squares, of a part of the values where there are many."""

    name: str
    gradient: float
    weight: float
    update: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    """What a module gave in a wide step."""

    module: str
    """Its class."""
    place: int
    """Among the modules without children, in the order of their calls."""
    mean: float
    std: float
    zeros: float
    """Share of exact zeros."""
    ends: float
    """Share beyond 0.99 in size: saturated, after tanh or sigmoid."""
    top: float
    """Largest in size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A tensor that a model was given in a wide step."""

    model: str
    argument: int
    shape: tuple[int, ...]
    dtype: str
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wide:
    """A step that was looked at as a whole, now and then."""

    step: int
    parameters: tuple[Layer, ...] = ()
    activations: tuple[Activation, ...] = ()
    inputs: tuple[Given, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trip:
    """The first value that was not finite."""

    what: Literal["loss", "gradient", "weights", "evaluation"]
    """evaluation: a model gave nothing but NaN when it was evaluated, while it trained well."""
    value: str
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimizer:
    """An optimiser where the script made it."""

    name: str
    rate: float | None = None
    stack: tuple[Frame, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """What the guilty rows of a batch hold in one field of the data, beside the other rows."""

    name: str
    """As the script calls it."""
    shape: tuple[int, ...]
    row: int
    """The guilty row with the largest value."""
    value: float | str
    """That value without its sign; `inf` as text, here and below."""
    largest: float | str
    """Of the other rows."""
    usual: float | str
    """The median of their largest values."""
    guilty: int | None = None
    """Guilty rows, where rows may be boxes."""
    boxes: int | None = None
    """Guilty rows with a box, as two corners, of zero or negative size; None where rows are no boxes."""
    boxes_others: int | None = None
    """The same of the other rows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spoilt:
    """A parameter, a buffer or what an optimiser keeps that was bad before the failing step."""

    name: str
    part: Literal["parameter", "buffer", "optimizer"]
    values: Values
    untouched: tuple[str, int, str] | None = None
    """File, line and text of the line that registered it, where nothing has written to it since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """An update that made weights bad although their gradients were finite."""

    optimizer: str
    name: str
    """Of the parameter."""
    dtype: str
    bad: int
    of: int
    unmoved: int = 0
    """Bad values whose gradient was exactly zero."""
    eps: float | None = None
    rate: float | None = None
    gradient: float | None = None
    """Largest."""
    stack: tuple[Frame, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What became of the run with one change, from a copy of the process before the step that failed."""

    name: str
    how: str
    """`survived`, `broke`, `crashed`, `timeout`, `no-copy`; `no-time` = not run; `no-change` = nothing on
    that line has a safe form."""
    arguments: dict[str, Any] = field(default_factory=dict)
    what: str | None = None
    """What broke, or the exception; `end` = the script came to its own end, `time` = no time was left."""
    step: int | None = None
    """Where it ended."""
    begins: int | None = None
    """The step that the copy began with."""
    back: bool = False
    """Whether that was an older copy."""
    again: bool = False
    """Whether it was no copy, but the whole run repeated with the change."""
    better: bool = False
    """Whether it then beat the run without the change to the end, with two seeds."""
    steps: int = 0
    """Done beyond the step that failed without the change."""
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A tensor or array that a name of the script stood for when it ended."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    device: str | None = None
    least: int | None = None
    """Of whole numbers on the CPU."""
    most: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashLayer:
    """The module that was computing when the script ended."""

    type: str
    name: str = ""
    """In the model, `encoder.fc1`."""
    settings: str = ""
    """As it prints itself: `in_features=256, out_features=120, bias=True`."""
    users: bool = False
    """Whether its forward is the person's own code."""
    given: tuple[Held, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryHeld:
    """Bytes of a process that ran out of memory, as its objects say."""

    parameters: int = 0
    gradients: int = 0
    optimizer: int = 0
    """States of optimisers."""
    others: int = 0
    graphs: int = 0
    """Numbers that hold the graph that they were computed by, as losses kept in a list."""
    largest: tuple[tuple[int, tuple[int, ...], str], ...] = ()
    """Bytes, shape and type of the largest of the others."""
    allocated: int | None = None
    """Of the GPU, by the framework's allocator; what is more than the above are mostly activations."""
    reserved: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CrashFrame:
    """A line of the traceback."""

    file: str
    line: int
    function: str
    users: bool
    """Whether it is the person's own code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Crash:
    """The exception, or the fatal signal, that ended a process."""

    type: str
    text: str = ""
    frames: tuple[CrashFrame, ...] = ()
    """Outermost first."""
    tensors: tuple[Held, ...] = ()
    """Of the person's innermost function."""
    layer: CrashLayer | None = None
    memory: MemoryHeld | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """Something outside of the process that the script wrote to, talked to or started."""

    what: Literal["write", "remove", "connect", "child"]
    name: str
    """Whole path; host and port; command line."""
    new: bool | None = None
    """Of a path: there was nothing before."""
    address: str | None = None
    program: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """How a repetition of the whole run ended in this process."""

    state: str
    """`repeated` = the step went wrong again and was looked at; `passed` = it did not go wrong; `tripped` =
    another step went wrong; `script ended`; `fault: ...`."""
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """One process of the script."""

    argv: tuple[str, ...] = ()
    pid: int | None = None
    parent: int | None = None
    """Process that started it."""
    rank: int | None = None
    """Among the processes of a distributed run."""
    world: int | None = None
    """How many those are."""
    seed: str | None = None
    """What the random numbers that the script does not seed are drawn from."""
    began: float | None = None
    """When the watcher started in it."""
    reach: tuple[Reach, ...] = ()
    repetition: str | None = None
    """What became of a repetition of the whole run, in a sentence."""
    again: tuple[Again, ...] = ()
    candidates: tuple[dict[str, Any], ...] = ()
    """Changes that are worth a trial, as a repetition of the run found them: `name`, `with`."""
    framework: str | None = None
    version: str | None = None
    steps: Steps = Steps()
    trip: Trip | None = None
    replay: str | None = None
    """How the repetition ended: `repeated`, `not-reproduced`, `no-copy`, `timeout`, `crashed`."""
    events: tuple[Event, ...] = ()
    batches: tuple[Batch, ...] = ()
    arrival: Arrival | None = None
    weights: tuple[Weight, ...] = ()
    """The largest, those first that are not finite."""
    numpy: tuple[NumpyCall, ...] = ()
    fields: tuple[Field, ...] = ()
    spoilt: tuple[Spoilt, ...] = ()
    updates: tuple[Update, ...] = ()
    trials: tuple[Trial, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    schedules: tuple[Optimizer, ...] = ()
    """Of the learning rate, where the script made them."""
    crash: Crash | None = None
    whole: bool = False
    """Whether the process came to its own end; what is killed does not."""
    stopped: bool = False
    """Whether it was ended at the trip, as `--stop-on-fault` asks."""
    wide: tuple[Wide, ...] = ()
    hooks_seconds: float | None = None
    """Of `own_seconds`, hooks of each step."""
    copies_seconds: float | None = None
    """The rest: copies of the process, with the faults of their pages."""
    install_seconds: float | None = None
    """Before the training, once."""
    replay_seconds: float | None = None
    """Repeating the step that failed, and trials."""
    copies: bool = True
    """False: copies of the process ended, since there was no memory for them."""
    uncopied: str | None = None
    """Why this process could not be copied at all, where that is so."""
    own_seconds: float | None = None
    """What watching took, of `seconds`."""
    seconds: float | None = None
    faults: tuple[str, ...] = ()
    """Of the watcher."""
    speed: SpeedTrace = UNTIMED
    """Where its time went."""
