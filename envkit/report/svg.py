"""Charts of a page: lines and areas in SVG that stretches, words in HTML that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from envkit.core.report import Bar, Bars, Line, Series
from envkit.core.text import plural
from envkit.report import chart, foreign
from envkit.report.chart import Point, Scale
from envkit.report.markup import Markup, element, join

_SIZE = 1000
"""Units of a plot in both directions."""
_MOST = 1200
"""Points drawn of one curve; of more, the extremes of each stretch are kept."""
_COLORS = 6
_DASHES = ("", "7 4", "2 3", "9 3 2 3")


def series(block: Series, name: str) -> Markup:
    """Curves with their intervals over one x axis. `name` is unique on the page."""
    label = foreign.line(block.y_label, limit=200)
    told = _described(block)
    block = chart.laid(block) if block.stacked else block
    scales = chart.series_scales(block)
    if scales is None:
        words = label or ", ".join(foreign.line(line.name, limit=200) for line in block.ys)
        return element("p", f"{words}: nothing to draw" if words else "nothing to draw", class_="dim")
    across, up = scales
    axis = f"{label}, log scale".lstrip(", ") if up.log else label
    plot = element(
        "div",
        element("div", *_labels(up, "bottom"), class_="y", aria_hidden="true"),
        element("div", _drawing(block, across, up, name, told), *_flags(block, across), class_="area"),
        element("div", *_labels(across, "left"), class_="x", aria_hidden="true"),
        class_="plot",
    )
    return element(
        "figure",
        element("figcaption", element("span", axis, class_="axis"), _legend(block)),
        plot,
        element("p", foreign.line(block.x_label, limit=200), class_="axis x-label") if block.x_label else "",
        _marks(block),
        class_="chart",
    )


def _drawing(block: Series, across: Scale, up: Scale, name: str, told: str) -> Markup:
    """told: the curves in words."""
    levels = [value for value in chart.ticks(up) if up.at(value) is not None]
    grid = [_path(f"M0 {_down(up, value)}H{_SIZE}", "grid") for value in levels]
    curves: list[Markup] = []
    for index, line in enumerate(block.ys):
        found = _thinned(chart.points(block, line))
        color = f"c{index % _COLORS}"
        area = f"layer {color}" if block.stacked else f"band {color}"
        curves += [_path(route, area) for route in _bands(found, across, up)]
        if not block.stacked:
            route = " ".join(_route(run, across, up) for run in _runs(found, up, lambda point: point.y))
            curves.append(_path(route, f"line {color}", _dash(index)))
    marks = [_path(f"M{_right(across, mark.x)} 0V{_SIZE}", "mark") for mark in chart.marks(block)]
    title = foreign.line(block.y_label or "Curves", limit=200)
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", told, id=f"{name}-desc"),
        *grid, *curves, *marks,
        viewBox=f"0 0 {_SIZE} {_SIZE}", preserveAspectRatio="none", role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )  # fmt: skip


def _path(route: str, kind: str, dash: str | None = None) -> Markup:
    return element("path", d=route, class_=kind, stroke_dasharray=dash or None)


def _dash(index: int) -> str:
    return _DASHES[index % len(_DASHES)]


def _right(across: Scale, value: float) -> str:
    return f"{(across.at(value) or 0) * _SIZE:.1f}".removesuffix(".0")


def _down(up: Scale, value: float) -> str:
    return f"{(1 - (up.at(value) or 0)) * _SIZE:.1f}".removesuffix(".0")


def _runs(found: list[Point], up: Scale, of: Callable[[Point], float | None]) -> Iterator[list[Point]]:
    """Stretches without a gap."""
    run: list[Point] = []
    for point in found:
        value = of(point)
        if value is not None and up.at(value) is not None:
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _route(run: list[Point], across: Scale, up: Scale) -> str:
    steps = [f"{_right(across, point.x)} {_down(up, point.y)}" for point in run if point.y is not None]
    # A lone point is a line of no length, which round caps make a dot.
    return f"M{steps[0]}h0" if len(steps) == 1 else "M" + "L".join(steps)


def _bands(found: list[Point], across: Scale, up: Scale) -> Iterator[str]:
    """Areas between low and high; a low that has no logarithm lies on the lower edge."""
    for run in _runs(found, up, lambda point: None if point.low is None else point.high):
        there = [
            f"{_right(across, point.x)} {_down(up, point.high)}" for point in run if point.high is not None
        ]
        back = [f"{_right(across, point.x)} {_down(up, point.low)}" for point in run if point.low is not None]
        yield "M" + "L".join([*there, *reversed(back)]) + "Z"


def _thinned(found: list[Point]) -> list[Point]:
    """Of too many points: the ends, the extremes and the first gap of each stretch."""
    if len(found) <= _MOST:
        return found
    stretch = -(-len(found) * 4 // _MOST)
    kept: list[Point] = []
    for start in range(0, len(found), stretch):
        part = list(enumerate(found[start : start + stretch]))
        known = [(point.y, index) for index, point in part if point.y is not None]
        gap = [index for index, point in part if point.y is None][:1]
        places = {0, len(part) - 1, *gap, *((min(known)[1], max(known)[1]) if known else ())}
        kept += [part[index][1] for index in sorted(places)]
    return kept


def _described(block: Series) -> str:
    """The chart in words."""
    words = []
    for line in block.ys:
        known = [point.y for point in chart.points(block, line) if point.y is not None]
        gaps = chart.missing(block, line)
        told = "nothing to draw"
        if known:
            low, high, last = (foreign.figure(value) for value in (min(known), max(known), known[-1]))
            told = f"from {low} to {high}, last {last}"
        if gaps:
            told += f", {plural(gaps, 'value')} missing or not finite"
        words.append(f"{foreign.line(line.name, limit=200)}: {told}.")
    return " ".join(words)


def _labels(axis: Scale, side: str) -> list[Markup]:
    return [
        element("span", foreign.figure(value), style=f"{side}:{(axis.at(value) or 0) * 100:.2f}%")
        for value in chart.ticks(axis)
    ]


def _legend(block: Series) -> Markup:
    return element("ul", *(_key(line, block, index) for index, line in enumerate(block.ys)), class_="legend")


def _key(line: Line, block: Series, index: int) -> Markup:
    color = f"c{index % _COLORS}"
    if block.stacked:
        stroke = _path("M0 0H28V10H0Z", f"layer {color}")
    else:
        stroke = _path("M0 5H28", f"line {color}", _dash(index))
    sample = element("svg", stroke, viewBox="0 0 28 10", width=28, height=10, aria_hidden="true")
    words: list[str] = [sample, " ", foreign.line(line.name, limit=200)]
    if line.low and line.high and not block.stacked:
        words.append(element("span", " with its interval", class_="dim"))
    if gaps := chart.missing(block, line):
        words.append(element("span", f" · {plural(gaps, 'value')} missing or not finite", class_="dim"))
    return element("li", *words)


def _flags(block: Series, across: Scale) -> list[Markup]:
    flags = []
    for number, mark in enumerate(chart.marks(block), 1):
        place = f"left:{(across.at(mark.x) or 0) * 100:.2f}%"
        flags.append(element("span", str(number), class_="flag", style=place, aria_hidden="true"))
    return flags


def _marks(block: Series) -> Markup:
    marks = chart.marks(block)
    if not marks:
        return Markup("")
    unit = foreign.line(block.x_label, limit=60)
    items = [
        element(
            "li", element("b", f"{unit} {foreign.figure(mark.x)}".strip()), ": ", foreign.line(mark.label)
        )
        for mark in marks
    ]
    return element("ol", *items, class_="marks")


def bars(block: Bars) -> Markup:
    """A bar a row, its figures beside it, its interval drawn over its end."""
    unit = foreign.line(block.unit, limit=60)
    axis = chart.bars_scale(number for bar in block.bars for number in (bar.value, bar.low, bar.high))
    rows = [
        element(
            "tr",
            element("th", foreign.line(bar.label, limit=400), scope="row"),
            element("td", _bar(bar, axis), class_="bar"),
            element("td", _figures(bar, unit), class_="number"),
        )
        for bar in block.bars
    ]
    return element("table", element("tbody", *rows), class_="bars")


def _figures(bar: Bar, unit: str) -> Markup:
    words: list[str] = [f"{foreign.figure(bar.value)} {unit}".strip()]
    if bar.low is not None or bar.high is not None:
        words += [
            " ",
            element("span", f"[{foreign.figure(bar.low)}, {foreign.figure(bar.high)}]", class_="dim"),
        ]
    return join(words)


def _bar(bar: Bar, axis: Scale) -> Markup:
    value, low, high = (chart.finite(number) for number in (bar.value, bar.low, bar.high))
    parts: list[Markup] = []
    if value is not None:
        start, end = sorted(((axis.at(0.0) or 0) * _SIZE, (axis.at(value) or 0) * _SIZE))
        parts.append(element("rect", x=f"{start:.1f}", y=4, width=f"{max(end - start, 1):.1f}", height=16))
    if low is not None and high is not None:
        left, right = _right(axis, low), _right(axis, high)
        parts.append(_path(f"M{left} 12H{right}M{left} 7V17M{right} 7V17", "whisker"))
    return element("svg", *parts, viewBox=f"0 0 {_SIZE} 24", preserveAspectRatio="none", aria_hidden="true")
