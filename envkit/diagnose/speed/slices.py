"""Runs that took turns: how fast each was in its slices, and what one gains over another. Pure.

Only one of several runs goes at a time, the others are stopped. Each has a time of its own, which stands
still while it is stopped; steps that lie across a stop are counted in parts. Runs are compared round by
round, so that what the machine does slowly falls out, and by the sums of steps and seconds, so that rare
long steps (a save, the start of an epoch) count as what they take.
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from envkit.stats import median
from envkit.stats.bootstrap import quantile

LEAST_ROUNDS = 3
"""Of which something can be said."""
_RESAMPLES = 1000
_LEVEL = 0.95
_SETTLE = 0.06
"""Seconds at the beginning of a slice that are left out: caches are cold, and what the run waited for came
while it was stopped."""
_SETTLE_PART = 0.3
"""Of a slice, at most."""
_T = {3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26, 12: 2.20, 15: 2.14, 20: 2.09}
"""Two-sided 95 % points of Student's t for so many rounds."""
_NORMAL = 1.96


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """When a run went. Instants of `time.monotonic()`."""

    began: float
    ended: float
    round: int | None = None
    """None = its start, which is not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What a run did in a round, after the first moments of its slice."""

    steps: float
    seconds: float


def paces(ended: Sequence[float], windows: Sequence[Window]) -> dict[int, Pace]:
    """What was done in each round.

    ended: instants at which steps ended, rising. windows: in the order of time, without overlap.
    """
    if len(ended) < 2 or not windows:
        return {}
    starts, before = [one.began for one in windows], [0.0]
    for one in windows:
        before.append(before[-1] + one.ended - one.began)

    def own(at: float) -> float:
        place = bisect.bisect_right(starts, at) - 1
        if place < 0:
            return 0.0
        return before[place] + min(at, windows[place].ended) - windows[place].began

    done = [own(at) for at in ended]
    usual = median([two - one for one, two in pairwise(done)])
    found: dict[int, list[float]] = {}
    for place, one in enumerate(windows):
        if one.round is None:
            continue
        length = one.ended - one.began
        settle = min(max(_SETTLE, min(usual, 0.5)), _SETTLE_PART * length)
        first = max(before[place] + settle, done[0])
        last = min(before[place + 1], done[-1])
        if last - first > 0.25 * length:
            sums = found.setdefault(one.round, [0.0, 0.0])
            sums[0] += _count(done, last) - _count(done, first)
            sums[1] += last - first
    return {number: Pace(steps=sums[0], seconds=sums[1]) for number, sums in found.items()}


def _count(done: Sequence[float], at: float) -> float:
    """Steps that were done at an instant of the run's own time, the one in progress as a part."""
    place = bisect.bisect_right(done, at) - 1
    if place >= len(done) - 1:
        return float(len(done) - 1)
    length = done[place + 1] - done[place]
    return place + ((at - done[place]) / length if length > 0 else 0.0)


def gain(
    control: dict[int, Pace], changed: dict[int, Pace], *, scale: float = 1.0, seed: int = 0
) -> tuple[float, float] | None:
    """(low, high) of how much faster the changed run is, factor minus one; None with too few rounds.

    scale: samples of its step relative to those of the control. The interval is the bootstrap's over rounds,
    wider by what Student's t is wider than the normal distribution, since rounds are few.
    """
    both = control.keys() & changed.keys()
    rounds = sorted(one for one in both if control[one].steps and changed[one].steps)
    if len(rounds) < LEAST_ROUNDS:
        return None
    rng, count = random.Random(seed), len(rounds)
    whole = _ratio(control, changed, rounds)
    logs = sorted(
        _ratio(control, changed, [rounds[rng.randrange(count)] for _ in rounds]) for _ in range(_RESAMPLES)
    )
    tail = (1 - _LEVEL) / 2
    # Rounds in which the machine was fast weigh more: they are as good as so many equal ones.
    equal = _equal([math.sqrt(control[one].steps * changed[one].steps) for one in rounds])
    # The bootstrap of n values has the spread of n, not of n - 1.
    wider = _t(equal) / _NORMAL * math.sqrt(equal / (equal - 1))
    low = whole + wider * (min(whole, quantile(logs, tail)) - whole)
    high = whole + wider * (max(whole, quantile(logs, 1 - tail)) - whole)
    return scale * math.exp(low) - 1.0, scale * math.exp(high) - 1.0


def _equal(weights: Sequence[float]) -> float:
    """How many rounds of equal weight are as many as these; 2 at least."""
    return max(2.0, sum(weights) ** 2 / sum(one * one for one in weights))


def _t(count: float) -> float:
    return _T[max((one for one in _T if one <= count), default=3)]


def _ratio(control: dict[int, Pace], changed: dict[int, Pace], rounds: Sequence[int]) -> float:
    """Logarithm of how many times faster."""
    steps = [sum(one[number].steps for number in rounds) for one in (control, changed)]
    seconds = [sum(one[number].seconds for number in rounds) for one in (control, changed)]
    return math.log(steps[1] / seconds[1]) - math.log(steps[0] / seconds[0])
