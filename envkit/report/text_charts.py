"""Charts made of characters."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len

from envkit.core.report import Bar, Bars, Line, Series
from envkit.core.text import plural
from envkit.report import chart, foreign
from envkit.report.chart import Scale
from envkit.report.ink import Ink, hanging, pad

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_ASCII = " .:#"
"""A cell empty, a third, two thirds and full."""
_WIDEST = 72
"""Cells of a plot; wider says no more."""
_WIDEST_BAR = 50
_NARROWEST_BAR = 6
"""With fewer cells than these, figures alone say more."""


def render(block: Series | Bars, ink: Ink) -> list[str]:
    """A chart, indented by two."""
    return _series(block, ink) if isinstance(block, Series) else _bars(block, ink)


def _series(block: Series, ink: Ink) -> list[str]:
    """Each curve as filled columns over one x axis; several curves share one y scale."""
    label = ink.spell(foreign.line(block.y_label, limit=200))
    scales = chart.series_scales(block)
    if scales is None:
        names = ", ".join(foreign.line(line.name, limit=200) for line in block.ys)
        return ink.flow([("", names or label), ("dim", "(nothing to draw)")], indent=2)
    across, up = scales
    height = 6 if len(block.ys) == 1 else 3
    gutter = max(cell_len(foreign.figure(value)) for value in (up.low, up.high))
    width = max(min(ink.width - gutter - 5, _WIDEST), 8)
    axis = ", ".join(filter(None, (label, "log scale" if up.log else "")))
    lines = ink.flow([("dim", axis)], indent=2)
    for line in block.ys:
        name = foreign.line(line.name, limit=400)
        lines += ink.flow([("strong", name), ("dim", _range(block, line))], indent=2)
        lines += _plot(_columns(block, line, across, width), up, height, gutter, ink)
    return lines + _axis(block, across, width, gutter, ink)


def _range(block: Series, line: Line) -> str:
    """`0.41 to 2.3, last 0.43; 2 values missing`."""
    known = [point.y for point in chart.points(block, line) if point.y is not None]
    words = []
    if known:
        low, high, last = (foreign.figure(value) for value in (min(known), max(known), known[-1]))
        words.append(f"{low} to {high}, last {last}")
    if gaps := chart.missing(block, line):
        words.append(f"{plural(gaps, 'value')} missing or not finite")
    return "; ".join(words)


def _columns(block: Series, line: Line, across: Scale, width: int) -> list[float | None]:
    """A value for each column: of those that fall there, the one farthest from the median of all, so that
    neither spikes nor dips are lost."""
    points = chart.points(block, line)
    known = [point.y for point in points if point.y is not None]
    if not known:
        return [None] * width
    middle = sorted(known)[len(known) // 2]
    columns: list[float | None] = [None] * width
    gaps: set[int] = set()
    previous: tuple[int, float] | None = None
    for point in points:
        index = round((across.at(point.x) or 0) * (width - 1))
        if point.y is None:
            gaps.add(index)
            previous = None
            continue
        held = columns[index]
        if held is None or abs(point.y - middle) > abs(held - middle):
            columns[index] = point.y
        if previous and not gaps.intersection(range(previous[0] + 1, index)):
            # Fewer points than columns: a column between two neighbours holds the earlier one.
            for between in range(previous[0] + 1, index):
                columns[between] = previous[1]
        previous = (index, point.y)
    return columns


def _plot(columns: list[float | None], up: Scale, height: int, gutter: int, ink: Ink) -> list[str]:
    levels = _EIGHTHS if ink.unicode else _ASCII
    steps = len(levels) - 1
    filled = []
    for value in columns:
        share = None if value is None else up.at(value)
        # The smallest value still shows, so that it differs from a gap.
        filled.append(0 if share is None else max(1, round(share * height * steps)))
    lines = []
    for row in range(height - 1, -1, -1):
        name = foreign.figure(up.high) if row == height - 1 else foreign.figure(up.low) if row == 0 else ""
        cells = "".join(levels[min(max(count - row * steps, 0), steps)] for count in filled)
        lines.append(
            f"  {pad(name, gutter, right=True)} {ink.glyph('bar')}{ink.paint('chart', cells.rstrip())}"
        )
    return lines


def _axis(block: Series, across: Scale, width: int, gutter: int, ink: Ink) -> list[str]:
    """The x axis, its ends, and pointers at the marks."""
    margin = " " * (gutter + 3)
    rule = [ink.glyph("rule")] * width
    marks = chart.marks(block)
    for mark in marks:
        rule[round((across.at(mark.x) or 0) * (width - 1))] = ink.glyph("pointer")
    first, last = foreign.figure(across.low), foreign.figure(across.high)
    label = ink.spell(foreign.line(block.x_label, limit=60))
    middle = label if cell_len(label) + len(first) + len(last) + 2 <= width else ""
    room = width - len(first) - len(last) - cell_len(middle)
    ends = f"{first}{' ' * (room // 2)}{middle}{' ' * (room - room // 2)}{last}"
    lines = [f"{margin}{ink.glyph('corner')}{''.join(rule)}", f"{margin} {ends}"]
    if label and not middle:
        lines += ink.flow([("dim", label)], indent=2)
    for mark in marks:
        place = foreign.figure(mark.x)
        words = [("note", ink.glyph("pointer")), ("dim", place), ("", foreign.line(mark.label))]
        lines += ink.flow(words, indent=len(margin) + 1, hang=len(margin) + 3)
    return lines


def _bars(block: Bars, ink: Ink) -> list[str]:
    """A bar a line; the interval is drawn over its end and written behind."""
    if not block.bars:
        return []
    unit = ink.spell(foreign.line(block.unit, limit=60))
    axis = chart.bars_scale(number for bar in block.bars for number in (bar.value, bar.low, bar.high))
    labels = [ink.spell(foreign.line(bar.label, limit=400)) for bar in block.bars]
    figures = [_figures(bar, unit) for bar in block.bars]
    widest = max(map(cell_len, figures))
    label_width = min(max(map(cell_len, labels)), max(ink.prose // 3, 8))
    room = min(ink.prose - 2 - label_width - 2 - 2 - widest, _WIDEST_BAR)
    if room < _NARROWEST_BAR:
        return ink.ledger([(label, written, "") for label, written in zip(labels, figures, strict=True)])
    lines = []
    for bar, label, written in zip(block.bars, labels, figures, strict=True):
        wrapped = hanging(label, label_width)
        drawn = ink.paint("chart", pad(_bar(bar, axis, room, ink), room))
        lines.append(f"  {pad(wrapped[0], label_width)}  {drawn}  {written}".rstrip())
        lines += [f"  {more}" for more in wrapped[1:]]
    return lines


def _figures(bar: Bar, unit: str) -> str:
    written = f"{foreign.figure(bar.value)} {unit}".strip()
    if bar.low is None and bar.high is None:
        return written
    return f"{written} [{foreign.figure(bar.low)}, {foreign.figure(bar.high)}]"


def _bar(bar: Bar, axis: Scale, width: int, ink: Ink) -> str:
    full, doubt, line, end = "█▒─┤" if ink.unicode else "#=-|"
    column: Callable[[float], int] = lambda value: round((axis.at(value) or 0) * width)  # noqa: E731
    cells = [" "] * width
    value = chart.finite(bar.value)
    if value is not None:
        first, last = sorted((column(0), column(value)))
        cells[first:last] = full * (last - first)
    low, high = chart.finite(bar.low), chart.finite(bar.high)
    if low is not None and high is not None:
        first, last = sorted((column(low), column(high)))
        for index in range(first, last):
            cells[index] = doubt if cells[index] == full else line
        if last > first and cells[last - 1] == line:
            cells[last - 1] = end
    return "".join(cells).rstrip()
