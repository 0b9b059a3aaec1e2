"""How fast a run would be with other workers, and with batches that cost less. Pure."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from envkit.diagnose.model import Change, Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import source
from envkit.diagnose.speed.analyzers.wait_facts import Feed
from envkit.diagnose.speed.view import Line, View

SLACK = 0.06
"""Relative error of these models beyond what their two ends show: caches and memory are shared, too."""
_ENOUGH = 0.05
"""More workers must make a step shorter by this part to be worth more than fewer."""
_HIDES = 0.3
"""Part of the making in which no CPU is used, from which more workers than CPUs can be of use."""
_MOST = 16
_FEW = 4
"""CPUs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Seconds of a step with so many workers."""

    workers: int
    least: float
    most: float

    @property
    def middle(self) -> float:
        """Between both."""
        return (self.least + self.most) / 2


def alone(feed: Feed) -> Feed:
    """The same on a machine where no other program runs: causes do not depend on those, gains do."""
    return replace(feed, making=replace(feed.making, free=feed.making.cpus))


def pace(feed: Feed, workers: int) -> Pace:
    """With so many workers that live on between epochs.

    What the model says of the run as it is, where it has workers already, is set right by what was measured.
    """
    least, most = whatif.fed(feed.compute, feed.making, workers)
    most += _crowded(feed, workers)
    refill = feed.making.seconds / feed.per_epoch if feed.per_epoch else 0.0
    scale = 1.0
    if feed.workers:
        usual = feed.step * (1 - feed.first)
        scale = min(1.5, max(0.8, usual / (sum(whatif.fed(feed.compute, feed.making, feed.workers)) / 2)))
    return Pace(
        workers=workers,
        least=max(feed.compute, least * scale) + refill / 2,
        most=max(feed.compute, most * scale) + refill,
    )


def _crowded(feed: Feed, workers: int) -> float:
    """Seconds of a step that are lost where workers take CPUs from the threads of the framework, at most.

    Where there are few CPUs: with many, the scheduler mostly finds another one. Measured on two.
    """
    made = feed.making
    if made.cpus > _FEW:
        return 0.0
    busy = workers * (min(1.0, made.cpu / made.seconds) if made.seconds > 0 else 1.0)
    return feed.stalls * min(1.0, busy / made.cpus) if feed.threads + busy > made.cpus + 0.5 else 0.0


def best(feed: Feed) -> Pace | None:
    """The fewest further workers that come near the best; None where more can do nothing."""
    cpus = max(1, round(feed.making.cpus))
    if feed.loader.streams:
        numbers = [1] if not feed.workers else []  # two would give each sample twice
    else:
        hides = feed.blocked >= _HIDES
        numbers = sorted({1, 2, 3, 4, 6, 8, 12, _MOST, cpus, max(1, cpus - 1)})
        numbers = [one for one in numbers if feed.workers < one <= (_MOST if hides else min(cpus, _MOST))]
        if cpus == 1 and not hides:
            numbers = []
    quiet = alone(feed)
    paces = [pace(quiet, one) for one in numbers]
    if not paces:
        return None
    shortest = min(one.middle for one in paces)
    return next(one for one in paces if one.middle <= shortest * (1 + _ENOUGH))


def more_workers(feed: Feed) -> Gain | None:
    """What the best number of further workers gains; None where it gains nothing."""
    found = best(feed)
    if found is None or found.middle >= feed.step * 0.97:
        return None
    here = pace(feed, found.workers)
    return Gain(
        fix=f"num_workers={found.workers}, persistent_workers=True",
        predicted=whatif.between(feed.durations, here.least, min(here.most, feed.step), slack=SLACK),
        change=Change(name="workers", value=str(found.workers)),
        key="too-few-workers",
    )


def without(feed: Feed, part: float) -> float:
    """Seconds of a step when this part of the making of batches is gone, the workers as they are."""
    left = replace(feed.making, seconds=feed.making.seconds * (1 - part), cpu=feed.making.cpu * (1 - part))
    if not feed.workers:
        return feed.compute + left.seconds
    least, most = whatif.fed(feed.compute, left, feed.workers)
    return min(feed.step, max(feed.compute, (least + most) / 2))


def saved(feed: Feed, part: float) -> float:
    """Share of the time that goes with this part of the making."""
    return max(0.0, 1 - without(feed, part) / feed.step)


def cheaper(feed: Feed, fix: str, part: float, key: str) -> Gain:
    """What it gains when between most of this part of the making and all of it is gone."""
    ends = without(feed, part), without(feed, 0.7 * part)
    return Gain(fix=fix, key=key, predicted=whatif.between(feed.durations, min(ends), max(ends), slack=SLACK))


def made_at(view: View, feed: Feed, argument: str = "") -> Line | None:
    """The person's line that makes the loader; that of an argument, where the call spans several lines."""
    if not feed.loader.stack:
        return None
    frame = feed.loader.stack[0]
    line = frame.line
    if argument:
        line = _argument(view.files.get(frame.file, ""), frame.line, argument) or line
    return Line(frame.file, line, frame.function, 0.0, view.text(frame.file, line))


def _argument(text: str, line: int, name: str) -> int | None:
    """The line of an argument of the call that begins in a line."""
    for node in source.own(text, line):
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and call.lineno <= line <= (call.end_lineno or line):
                for keyword in call.keywords:
                    if keyword.arg == name:
                        return keyword.lineno
    return None
