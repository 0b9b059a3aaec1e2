"""The course of a run's steps as a chart: what each took, in which phase, and which stand out. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from envkit.core.report import Block, Line, Mark, Section, Series, Text
from envkit.diagnose.speed import words
from envkit.diagnose.speed.view import NAMES, View
from envkit.stats import median

POINTS = 600
"""Drawn at most."""
_LEAST = 8
_STALL = 3.0
"""Times a usual step from which one stands out."""
_WORTH = 0.02
"""Of the time that such steps must take together to be told."""
_MARKS = 4
_EPOCHS = 9
"""More beginnings of epochs than these are not marked."""
_SPAN = 10.0
"""Times a usual step beyond which phases laid on each other would all be flat."""


def timeline(view: View, folder: str, *, page: bool, detail: bool) -> list[Section]:
    """One section, or none where there are too few steps. page: with the phases; text has no room."""
    durations = view.durations
    if len(durations) < _LEAST:
        return []
    shown = thinned(durations)
    first = len(view.trace.steps.ended) - len(durations)
    scale, unit = (1.0, "seconds") if view.step >= 1 else (1e3, "ms")
    layers = _layers(view) if page else []
    stacked = len(layers) > 1 and max(durations) <= _SPAN * view.step
    if not stacked:
        layers = [("step", durations), *(layers if len(layers) > 1 else [])]
    lines = tuple(
        Line(name=name, y=tuple(round(values[place] * scale, 4) for place in shown))
        for name, values in layers
    )
    stalls = _stalls(durations)
    lost = sum(durations[place] - view.step for place in stalls) / view.seconds
    stalls = stalls if lost >= _WORTH else []
    chart = Series(
        x=tuple(float(first + place) for place in shown),
        ys=lines,
        x_label="step",
        y_label=unit,
        log_y=max(durations) > _SPAN * view.step,
        stacked=stacked,
        marks=(*_epochs(view), *_marks(view, stalls, first, folder)),
    )
    blocks: list[Block] = [chart]
    if stalls:
        many = "1 step" if len(stalls) == 1 else f"{len(stalls)} steps"
        said = f"{many} took more than {_STALL:.0f} times a usual one: {words.percent(lost)} of the time."
        blocks.insert(0, Text(text=said))
    return [Section(title="Each step", blocks=tuple(blocks), detail=detail)]


def thinned(durations: Sequence[float], most: int = POINTS) -> list[int]:
    """Places to draw: of each stretch its usual step and its longest: what stands out is not lost."""
    count = len(durations)
    if count <= most:
        return list(range(count))
    stretch = -(-count * 2 // most)
    kept: list[int] = []
    for start in range(0, count, stretch):
        part = sorted(range(start, min(start + stretch, count)), key=durations.__getitem__)
        kept += sorted({part[len(part) // 2], part[-1]})
    return kept


def _layers(view: View) -> list[tuple[str, Sequence[float]]]:
    """Phases that were timed, and the rest; together the step."""
    found: list[tuple[str, Sequence[float]]] = []
    for name in ("wait", "backward", "optimizer"):
        column = view.column(name)
        if len(column) == len(view.durations) and any(column):
            found.append((NAMES[name], column))
    if found:
        known = [sum(values[place] for _, values in found) for place in range(len(view.durations))]
        rest = [max(0.0, whole - one) for whole, one in zip(view.durations, known, strict=True)]
        found.append(("the rest: forward, own code", rest))
    return found


def _stalls(durations: Sequence[float]) -> list[int]:
    """Places of steps that stand out."""
    usual = median(durations)
    return [place for place, one in enumerate(durations) if one > _STALL * usual]


def _marks(view: View, stalls: Sequence[int], first: int, folder: str) -> list[Mark]:
    """Of the longest ones, with the person's line that they were in."""
    longest = sorted(stalls, key=lambda place: -view.durations[place])[:_MARKS]
    lines = _lines_of({first + place for place in longest}, view, folder)
    return [
        Mark(
            x=float(first + place),
            label=words.duration(view.durations[place])
            + (f", {lines[first + place]}" if first + place in lines else ""),
        )
        for place in longest
    ]


def _lines_of(steps: set[int], view: View, folder: str) -> dict[int, str]:
    """The person's line in which each of these steps was seen most."""
    seen: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for sample in view.samples:
        if sample.step in steps:
            frame = next((one for one in view.stack(sample) if one.users), None)
            if frame is not None:
                seen[sample.step][f"{words.shortened(frame.file, folder)}:{frame.line}"] += sample.seconds
    return {step: max(places, key=lambda name: places[name]) for step, places in seen.items()}


def _epochs(view: View) -> list[Mark]:
    """Beginnings of epochs, where steps and batches of the one loader tell them."""
    loaders, steps = view.training_loaders, len(view.trace.steps.ended)
    if len(loaders) != 1 or not 2 <= loaders[0].epochs <= _EPOCHS:
        return []
    epochs, batches = loaders[0].epochs, loaders[0].batches
    if not steps or batches % steps or steps % epochs:
        return []
    each = steps // epochs
    return [Mark(x=float(number * each), label=f"epoch {number + 1} begins") for number in range(1, epochs)]
