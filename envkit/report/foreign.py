"""Every string of a report is foreign: here it becomes inert before a format escapes it in its own way."""

from __future__ import annotations

import math
import re
from typing import Any

from envkit.core import text
from envkit.core.report import Cell, Column

# File names that are not UTF-8 reach us as lone surrogates, which no output encoding takes.
_SURROGATES = re.compile("[\ud800-\udfff]")


def _whole(value: str) -> str:
    return _SURROGATES.sub("\ufffd", value)


def line(value: str, *, limit: int = 2_000) -> str:
    """The value on one line."""
    return text.one_line(_whole(value), limit=limit)


def lines(value: str, *, limit: int = 1_000_000) -> list[str]:
    """The lines of the value, with tabs expanded."""
    return [one.expandtabs(4) for one in text.plain(_whole(value), limit=limit).split("\n")]


def paragraphs(value: str) -> list[str]:
    """Paragraphs (between empty lines), each on one line."""
    parts = re.split(r"\n\s*\n", text.plain(_whole(value), limit=100_000))
    return [line(part, limit=10_000) for part in parts if part.strip()]


def command(value: str) -> str:
    """A command line, whole however long it is: half a command is worse than none."""
    return text.plain(_whole(value), limit=max(len(value), 1)).strip("\n")


def encodable(value: Any) -> Any:
    """A JSON value without lone surrogates."""
    match value:
        case str():
            return _whole(value)
        case dict():
            return {_whole(key): encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [encodable(item) for item in value]
    return value


def figure(value: Cell) -> str:
    """A cell as people read it: four significant digits, never an exponent for what fits on a line."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case str():
            return line(value, limit=1_000)
        case int():
            return str(value) if abs(value) < 10**18 else f"{_as_float(value):.3e}"
        case _:
            return _float(value)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _float(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e12 else f"{value:.4g}"


def heading(column: Column) -> str:
    """The title of a column, with its unit."""
    title = line(column.title, limit=200)
    return f"{title} ({line(column.unit, limit=60)})" if column.unit else title


def right_aligned(column: Column, cells: tuple[Cell, ...]) -> bool:
    """Whether a column is set flush right: it says so, or it holds numbers only."""
    if column.align == "right":
        return True
    present = [cell for cell in cells if cell is not None]
    return bool(present) and all(isinstance(cell, int | float) for cell in present)


def column_cells(rows: tuple[tuple[Cell, ...], ...], index: int) -> tuple[Cell, ...]:
    """The cells of a column; a row that is too short has none there."""
    return tuple(row[index] if index < len(row) else None for row in rows)
