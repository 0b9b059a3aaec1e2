"""The values that renderers know: a report, its findings, and sections made of blocks.

Every command turns its answer into a `Report`; `envkit.report` turns a `Report` into text, JSON, Markdown or
HTML, and knows nothing else. Blocks are msgspec structs and not dataclasses because they form a union whose
members have to be told apart when a saved report is loaded: each carries its `kind`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from envkit.core.finding import Finding

Cell = str | int | float | None
Verdict = Literal[
    "healthy", "problems", "unknown", "faulty",
    "same", "faster", "slower", "inconclusive",
    "planned", "refused", "built", "drifted",
]  # fmt: skip


class Text(Struct, frozen=True, kw_only=True, tag_field="kind", tag="text"):
    """A paragraph."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One line of `KeyValues`."""

    key: str
    value: str
    note: str | None = None


class KeyValues(Struct, frozen=True, kw_only=True, tag_field="kind", tag="key-values"):
    """Facts, one a line."""

    pairs: tuple[Pair, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a `Table`."""

    title: str
    unit: str | None = None
    align: Literal["left", "right"] = "left"


class Table(Struct, frozen=True, kw_only=True, tag_field="kind", tag="table"):
    """Rows of equal length under columns with units."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A place on the x axis of a `Series` worth pointing at."""

    x: float
    label: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One curve: y for each x, with an interval where the number carries its doubt."""

    name: str
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    """low and high are empty, or as long as y."""


class Series(Struct, frozen=True, kw_only=True, tag_field="kind", tag="series"):
    """Curves over one x axis."""

    x: tuple[float, ...]
    ys: tuple[Line, ...]
    x_label: str = ""
    y_label: str = ""
    log_y: bool = False
    stacked: bool = False
    """The curves are parts of a whole: a page draws them on top of each other, text one below the other."""
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """One bar of `Bars`, with an interval where the number carries its doubt."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


class Bars(Struct, frozen=True, kw_only=True, tag_field="kind", tag="bars"):
    """Labelled magnitudes of one unit."""

    bars: tuple[Bar, ...]
    unit: str = ""


class Code(Struct, frozen=True, kw_only=True, tag_field="kind", tag="code"):
    """Lines of a file, some of them marked."""

    path: str
    """Empty for lines of no file, as a command to paste: they are shown whole and without numbers."""
    lines: tuple[str, ...]
    first_line: int = 1
    marked: tuple[int, ...] = ()
    """Line numbers of the file, 1-based."""


class Diff(Struct, frozen=True, kw_only=True, tag_field="kind", tag="diff"):
    """A unified diff."""

    text: str


Block = Text | KeyValues | Table | Series | Bars | Code | Diff


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]
    detail: bool = False
    """Shown only with -v."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The answer of a command."""

    command: str
    """As it was typed: `envkit doctor`."""
    verdict: Verdict
    headline: str = ""
    """What was looked at, in one line."""
    conclusion: str = ""
    """Said at the end instead of what the verdict alone would say."""
    findings: tuple[Finding, ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    findings_first: bool = False
    """Whether findings stand before the sections in text, too, which then say more of them; the list of every
    check is left out."""
    schema: str = "envkit.report/1"
