"""What the watcher saw of a script: the value between running and judging.

Instants are `time.monotonic()` of the machine, steps count the optimiser's updates from 0. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from envkit.diagnose.speed.trace import UNTIMED, SpeedTrace
from envkit.diagnose.trace_crash import Crash
from envkit.diagnose.trace_step import Arrival, Batch, Event, Field, Frame, NumpyCall, Spoilt, Update, Weight


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
