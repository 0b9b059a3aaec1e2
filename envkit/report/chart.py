"""What drawing a chart needs before there is a terminal or a page: numbers that are finite, scales, ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from envkit.core.report import Line, Mark, Series

_NEAR_ZERO = 0.4
"""A linear axis starts at zero when its least value is below this share of the largest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A place on a curve; y is None in a gap."""

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """An axis from `low` to `high`, both finite and low < high."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float | None:
        """Where a value lies, 0..1; None where a logarithm does not exist."""
        if self.log:
            if value <= 0:
                return None
            low, high, value = math.log10(self.low), math.log10(self.high), math.log10(value)
        else:
            low, high = self.low, self.high
        # Halves, since the difference of two large floats may be infinite; that of two tiny ones may be zero.
        span = high / 2 - low / 2
        return min(max((value / 2 - low / 2) / span, 0.0), 1.0) if span > 0 else 0.5


def finite(value: float | None) -> float | None:
    """The value as a float, or None where it is none that can be drawn."""
    try:
        number = None if value is None else float(value)
    except OverflowError:
        return None
    return number if number is not None and math.isfinite(number) else None


def points(series: Series, line: Line) -> list[Point]:
    """The points of a curve in the order of x; values that cannot be drawn are gaps."""
    found: list[Point] = []
    for index, (x, y) in enumerate(zip(series.x, line.y, strict=False)):
        at = finite(x)
        if at is None:
            continue
        low = finite(line.low[index]) if index < len(line.low) else None
        high = finite(line.high[index]) if index < len(line.high) else None
        found.append(Point(x=at, y=finite(y), low=low, high=high))
    return sorted(found, key=lambda point: point.x)


def laid(series: Series) -> Series:
    """Parts of a whole on top of each other: each curve is the upper edge of its part, from `low` to `high`.

    What cannot be drawn is nothing.
    """
    below = [0.0] * len(series.x)
    lines: list[Line] = []
    for line in series.ys:
        values = [finite(y) or 0.0 for y in line.y] + [0.0] * (len(below) - len(line.y))
        above = [low + value for low, value in zip(below, values, strict=False)]
        lines.append(Line(name=line.name, y=tuple(above), low=tuple(below), high=tuple(above)))
        below = above
    return replace(series, ys=tuple(lines))


def missing(series: Series, line: Line) -> int:
    """How many values of a curve cannot be drawn: not measured, NaN or infinite."""
    return sum(finite(y) is None for _, y in zip(series.x, line.y, strict=False))


def marks(series: Series) -> list[Mark]:
    """Marks that have a place, in the order of x."""
    return sorted((mark for mark in series.marks if finite(mark.x) is not None), key=lambda mark: mark.x)


def scale(values: Iterable[float | None], *, log: bool = False) -> Scale | None:
    """The scale that holds the values; None without values. A lone value gets some room on both sides."""
    known = [number for number in map(finite, values) if number is not None]
    if log and any(number > 0 for number in known):
        known = [number for number in known if number > 0]
    else:
        log = False
    if not known:
        return None
    low, high = min(known), max(known)
    if log and (low == high or math.log10(low) == math.log10(high)):
        return Scale(low=max(low / 10, 5e-324), high=min(high * 10, 1.7e308), log=True)
    if low == high:
        room = abs(low) / 2 or 1.0
        return Scale(low=max(low - room, -1.7e308), high=min(high + room, 1.7e308))
    if not log and 0 < low < high * _NEAR_ZERO:
        low = 0.0
    return Scale(low=low, high=high, log=log)


def series_scales(series: Series) -> tuple[Scale, Scale] | None:
    """The x and y scales of a chart; None where there is nothing to draw."""
    drawn = [point for line in series.ys for point in points(series, line)]
    y = scale((number for point in drawn for number in (point.y, point.low, point.high)), log=series.log_y)
    x = scale([point.x for point in drawn] + [mark.x for mark in series.marks])
    return (x, y) if x and y else None


def bars_scale(values: Iterable[float | None]) -> Scale:
    """A scale that holds zero and the values."""
    known = [number for number in map(finite, values) if number is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    return Scale(low=low, high=high if high > low else low + 1.0)


def ticks(axis: Scale, count: int = 5) -> list[float]:
    """Round numbers on an axis: 1, 2, 5 times a power of ten; on a long log axis powers of ten."""
    if axis.log:
        return _log_ticks(axis, count)
    span = axis.high / 2 - axis.low / 2
    rough = span / count * 2
    if not math.isfinite(rough) or rough < 1e-300:
        return [axis.low, axis.high]
    power = float(f"1e{math.floor(math.log10(rough))}")
    step_size = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(axis.low / step_size - 1e-9), math.floor(axis.high / step_size + 1e-9)
    found = [index * step_size for index in range(first, min(last, first + 20) + 1)]
    return [value for value in found if math.isfinite(value)] or [axis.low, axis.high]


def _log_ticks(axis: Scale, count: int) -> list[float]:
    first, last = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    step = max(1, -(-(last - first) // count))
    for factors in ((1, 2, 5), (1,)):
        found = [float(f"{factor}e{power}") for power in range(first, last + 1, step) for factor in factors]
        inside = [value for value in found if axis.low <= value <= axis.high]
        if 2 <= len(inside) <= count + 1:
            return inside
    return [axis.low, axis.high]
