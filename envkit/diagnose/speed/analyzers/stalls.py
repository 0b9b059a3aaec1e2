"""S16: what runs at intervals and stops the loop: evaluation, checkpoints, logging. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import gcd

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source, vocabulary
from envkit.diagnose.speed.analyzers.own import Look
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Frame
from envkit.diagnose.speed.view import Line, View
from envkit.stats import median

LEAST = 0.08
"""Share of the time from which a stall is told."""
_OFTEN, _EACH_EPOCH = 0.15, 0.35
"""The same of evaluation: a look at held-out data is part of training. Once an epoch it is usual."""
_TIMES = 3
"""That it must have been seen: once or twice says nothing of how often (run-medic asks for three, too)."""
_SEEN = 0.03
"""Share that a place must have to be looked at."""
_LONG = 2.5
"""Times the median, from which a step is an outlier."""
_CHANCE = 1e-3
"""That a place which runs in each step is by chance seen at intervals only."""
_RARER = 10
"""So many times rarer is what the gain is told of."""
_WORDS = {
    "evaluate": ("evaluation", "Evaluate less often, or on a fixed part of the held-out data"),
    "save": (
        "saving checkpoints",
        "Save less often; keep the last one or two; hand the saving to a thread with a copy of the state",
    ),
    "log": ("logging", "Log and draw less often, or from another thread"),
    "own": ("the script's own work", "Do it less often, or once before the loop"),
}
_EVALUATIONS = ("evaluation_loop.py", "keras/src/trainers/", "keras/src/backend/", "transformers/trainer.py")


@dataclass(frozen=True, slots=True)
class Stall:
    """Work that is done at intervals."""

    looks: tuple[Look, ...]
    what: str
    """A key of `_WORDS`."""
    steps: tuple[int, ...]
    """In which it was seen."""
    every: int | None
    """Steps from one to the next, where that is the same."""
    line: Line | None


def stall(view: View, found: Sequence[Look]) -> Stall | None:
    """All that was seen at intervals only, or None."""
    places = _rare(view, found)
    taken = [one for one in found if _stops(view, one, places)]
    if not taken:
        return None
    steps = tuple(sorted({one.sample.step for one in taken}))
    return Stall(tuple(taken), _what(view, taken, places), steps, _regular(steps), _line(view, taken, places))


def _rare(view: View, found: Sequence[Look]) -> frozenset[tuple[str, int]]:
    """Places that only few steps went through, and that took long."""
    seconds: dict[tuple[str, int], float] = {}
    steps: dict[tuple[str, int], set[int]] = {}
    count: dict[tuple[str, int], int] = {}
    for one in found:
        for place in {(frame.file, frame.line) for frame in one.stack}:
            seconds[place] = seconds.get(place, 0.0) + one.sample.seconds
            steps.setdefault(place, set()).add(one.sample.step)
            count[place] = count.get(place, 0) + 1
    outliers = _outliers(view)
    start = max(1, view.first)
    long = sum(view.durations[step - start] for step in outliers) / view.seconds
    return frozenset(
        place
        for place, took in seconds.items()
        if took >= _SEEN * view.sampled and _at_intervals(sorted(steps[place]), count[place], outliers, long)
    )


def _outliers(view: View) -> frozenset[int]:
    start = max(1, view.first)
    return frozenset(start + place for place, one in enumerate(view.durations) if one > _LONG * view.step)


def _at_intervals(steps: Sequence[int], looks: int, outliers: frozenset[int], long: float) -> bool:
    """Whether a place that was seen in these steps runs in few of all steps.

    Either they lie at equal distances, or all of them are outliers while outliers have little of the time
    (`long`): a place that each step goes through would not be seen so.
    """
    every = _regular(steps)
    if every is not None and len(steps) >= 3 and every ** (2.0 - len(steps)) <= 10 * _CHANCE:
        return True
    if not outliers.issuperset(steps):
        return False
    return (len(steps) >= 2 and long ** len(steps) <= _CHANCE) or (looks >= 10 and long <= 0.5)


def _regular(steps: Sequence[int]) -> int | None:
    """The distance of steps, 3 or more, or None."""
    if len(steps) < 3:
        return None
    every = gcd(*(two - one for one, two in pairwise(steps)))
    return every if every >= 3 else None


def _stops(view: View, look: Look, places: frozenset[tuple[str, int]]) -> bool:
    """Whether this look is one of the stalls: not of a loader that begins an epoch, and no compiler."""
    hit = [frame for frame in look.stack if (frame.file, frame.line) in places]
    if not hit or look.kind == "compile":
        return False
    if look.sample.phase != "wait":
        return True
    mine = own.users(look.stack)
    # Waiting for the first batch of an epoch is the loader's; that of an evaluation belongs to it.
    return (
        bool(mine)
        and not source.loop_of_training(view.files.get(mine[0].file, ""), mine[0].line)
        and (any(frame.users and frame != mine[0] for frame in hit) or _evaluates(view, look))
    )


def _evaluates(view: View, look: Look) -> bool:
    if any(
        (
            own.library(frame, _EVALUATIONS)
            and frame.function.startswith(("evaluat", "_evaluat", "_run_sanity"))
        )
        or frame.function == "evaluation_loop"
        for frame in look.stack
    ):
        return True
    return any(
        vocabulary.evaluates(view.files.get(frame.file, ""), frame.line, frame.function)
        for frame in own.users(look.stack)
    )


def _what(view: View, taken: Sequence[Look], places: frozenset[tuple[str, int]]) -> str:
    sums: dict[str, float] = {}
    for one in taken:
        helper = replace(one, stack=_from(one.stack, places))
        what = (
            one.kind
            if one.kind == "save" or (one.kind == "log" and not _evaluates(view, helper))
            else "evaluate"
            if _evaluates(view, helper)
            else _saved(view, helper)
        )
        sums[what] = sums.get(what, 0.0) + one.sample.seconds
    return max(sums, key=sums.__getitem__)


def _from(stack: tuple[Frame, ...], places: frozenset[tuple[str, int]]) -> tuple[Frame, ...]:
    """The frames from the innermost one to the outermost rare one: the loop itself says nothing of what it
    is."""
    last = max(place for place, frame in enumerate(stack) if (frame.file, frame.line) in places)
    return stack[: last + 1]


def _saved(view: View, look: Look) -> str:
    lines = [(view.files.get(frame.file, ""), frame.line) for frame in own.users(look.stack)]
    names = [name for text, line in lines for name in source.calls(source.own(text, line))]
    return "save" if vocabulary.saves(names) else "log" if vocabulary.writes(names) else "own"


def _line(view: View, taken: Sequence[Look], places: frozenset[tuple[str, int]]) -> Line | None:
    """The person's rare line with most of it, that of the loop before what it called."""
    sums: dict[tuple[str, int, str], float] = {}
    for one in taken:
        for frame in {each for each in own.users(one.stack) if (each.file, each.line) in places}:
            key = frame.file, frame.line, frame.function
            sums[key] = sums.get(key, 0.0) + one.sample.seconds
    if not sums:
        return own.dearest(view, taken)
    depth = {
        (frame.file, frame.line, frame.function): place
        for one in taken
        for place, frame in enumerate(reversed(own.users(one.stack)))
    }
    best = max(sums, key=lambda key: (round(sums[key] / view.sampled, 2), -depth[key]))
    return own.line(view, best, sums[best])


def stalls(view: View) -> Iterable[Slow]:
    """S16."""
    found = own.looks(view)
    one = stall(view, found)
    if one is None:
        return
    mine = {id(each) for each in one.looks}
    share, number = own.told(view, found, lambda each: id(each) in mine)
    if share < _least(view, one) or number < 4 or len(one.steps) < _TIMES:
        return
    what, say = _WORDS[one.what]
    spent = _seconds(one)
    usual = median([spent[step] for step in one.steps])
    how = f"every {one.every} steps" if one.every else f"in {len(one.steps)} of {len(view.durations)} steps"
    place = own.named(one.line)
    yield Slow(
        key="periodic-stall",
        share=share,
        summary=f"{what} stops the loop {how} and takes {share:.0%} of the time"
        + (f" ({place})" if place else ""),
        evidence=(
            Evidence(
                what=what,
                value=f"{usual:.2g} s {how}, a step takes {view.step:.2g} s",
                source="looks at the stack",
            ),
            Evidence(
                what="share of the time", value=f"{share:.0%} ({number} looks)", source="looks at the stack"
            ),
        ),
        where=own.at(one.line) if one.line else Where(),
        confidence=0.85 if one.every else 0.75,
        gains=(Gain(fix=f"{what} {_RARER} times more rarely", predicted=_gain(view, spent, share, number)),),
        fix=(FixStep(say=f"{say} ({place})" if place else say),),
    )


def _least(view: View, one: Stall) -> float:
    if one.what != "evaluate":
        return LEAST
    loaders = [each for each in view.training_loaders if each.epochs and each.batches]
    epoch = loaders[0].batches / loaders[0].epochs if loaders else None
    apart = one.every or (len(view.durations) / len(one.steps) if one.steps else None)
    return _EACH_EPOCH if epoch and apart and apart > 0.9 * epoch else _OFTEN


def _seconds(one: Stall) -> dict[int, float]:
    found: dict[int, float] = {}
    for each in one.looks:
        found[each.sample.step] = found.get(each.sample.step, 0.0) + each.sample.seconds
    return found


def _gain(view: View, spent: dict[int, float], share: float, number: int) -> tuple[float, float]:
    rarer = 1 - 1 / _RARER
    low, high = own.interval(share, number)
    start = max(1, view.first)
    after = [
        max(one - rarer * spent.get(start + place, 0.0), 0.05 * one)
        for place, one in enumerate(view.durations)
    ]
    one = whatif.gain(view.durations, after)
    two = whatif.of_share(low * rarer, high * rarer)
    middle = whatif.of_share(share * rarer, share * rarer)[0]
    return min(middle, max(one[0], two[0])), max(middle, min(one[1], two[1]))
