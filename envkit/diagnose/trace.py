"""What the watcher saw of a script: the value between running and judging.

Instants are `time.monotonic()` of the machine, steps count the optimiser's updates from 0. None = not read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Which places along the first axis are bad."""

    length: int
    bad: tuple[int, ...]
    count: int
    samples: tuple[int, ...] | None = None
    """The same as indices of the dataset."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What the model was given in the step that was looked at."""

    model: str
    argument: int
    values: Values
    bad: Rows | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Steps:
    """The course of training, one entry a step."""

    loss: tuple[float | None, ...] = ()
    """NaN and Inf as they are."""
    gradient: tuple[float | None, ...] = ()
    """Global norm."""
    rate: tuple[float | None, ...] = ()
    ended: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trip:
    """The first value that was not finite."""

    what: Literal["loss", "gradient", "weights"]
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
    """What broke, or the exception."""
    steps: int = 0
    """Done beyond the step that failed without the change."""
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """One process of the script."""

    argv: tuple[str, ...] = ()
    framework: str | None = None
    version: str | None = None
    steps: Steps = Steps()
    trip: Trip | None = None
    replay: str | None = None
    """How the repetition ended: `repeated`, `not-reproduced`, `no-copy`, `timeout`, `crashed`."""
    events: tuple[Event, ...] = ()
    batches: tuple[Batch, ...] = ()
    trials: tuple[Trial, ...] = ()
    optimizers: tuple[Optimizer, ...] = ()
    error: str | None = None
    """The exception that ended the script."""
    error_type: str | None = None
    own_seconds: float | None = None
    """What watching took, of `seconds`."""
    seconds: float | None = None
    faults: tuple[str, ...] = ()
    """Of the watcher."""
    schema: str = "envkit.trace/1"
