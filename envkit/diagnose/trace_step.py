"""One step with every operation looked at: what was seen of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
