"""Where a series of results, one a run, changed its level. For `envkit bench history`: few points, some of
them odd.

The place is the one whose two sides differ most by the standardised rank-sum; whether that is more than
luck is asked of shuffled series, with the same search over all places (so looking everywhere costs nothing
extra). Then each side is searched in the same way, with the level divided among the searches of that depth.
Ranks make one odd run harmless.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from envkit.stats.bootstrap import median
from envkit.stats.compare import MARGIN
from envkit.stats.summary import finite

SIDE = 3
"""Results that a level takes at least: one or two odd runs are no new level."""
_SHUFFLES = 1999


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A new level in a series of rates."""

    at: int
    """Index of the first result of the new level."""
    before: float
    """Median of the level before it."""
    after: float
    p: float
    """How often a shuffled series has a place at least as sharp."""

    @property
    def ratio(self) -> float:
        """The new level over the old one."""
        return self.after / self.before


def changes(
    values: Sequence[float], *, level: float = 0.05, margin: float = MARGIN, seed: int = 0
) -> tuple[Change, ...]:
    """Changes of level in rates of one kind (one fingerprint), in the order of time.

    Levels that differ by less than `margin` are one. With fewer than 8 results nothing can be found at 5 %:
    too few orders exist. Results that follow each other are taken as independent: a machine that is slow
    for days is a change.

    Raises ValueError for rates that are not above 0.
    """
    if not values:
        return ()
    if min(finite(values)) <= 0:
        raise ValueError(f"a rate of {min(values)} cannot be compared: rates are above 0")
    borders = _split(finite(values), 0, level, margin, random.Random(seed))
    edges = [0, *(place for place, _ in borders), len(values)]
    levels = [median(values[start:end]) for start, end in pairwise(edges)]
    return tuple(
        Change(at=place, before=levels[index], after=levels[index + 1], p=p)
        for index, (place, p) in enumerate(borders)
    )


def _split(
    values: Sequence[float], offset: int, level: float, margin: float, rng: random.Random
) -> list[tuple[int, float]]:
    if len(values) < 2 * SIDE:
        return []
    ranks = _ranks(values)
    place, sharp = _sharpest(ranks)
    left, right = values[:place], values[place:]
    if abs(math.log(median(right) / median(left))) < math.log1p(margin):
        return []
    p = _luck(ranks, sharp, rng)
    if p > level:
        return []
    return [
        *_split(left, offset, level / 2, margin, rng),
        (offset + place, p),
        *_split(right, offset + place, level / 2, margin, rng),
    ]


def _ranks(values: Sequence[float]) -> list[float]:
    """1 for the smallest; equal values share the mean of their ranks."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for index in order[start:end]:
            ranks[index] = (start + end + 1) / 2
        start = end
    return ranks


def _sharpest(ranks: Sequence[float]) -> tuple[int, float]:
    """The place with the largest standardised rank-sum, and that."""
    size = len(ranks)
    best, sharp, total = SIDE, -1.0, sum(ranks[: SIDE - 1])
    for place in range(SIDE, size - SIDE + 1):
        total += ranks[place - 1]
        expected = place * (size + 1) / 2
        deviation = math.sqrt(place * (size - place) * (size + 1) / 12)
        if (score := abs(total - expected) / deviation) > sharp + 1e-12:
            best, sharp = place, score
    return best, sharp


def _luck(ranks: Sequence[float], sharp: float, rng: random.Random) -> float:
    shuffled, at_least = list(ranks), 1
    for _ in range(_SHUFFLES):
        rng.shuffle(shuffled)
        at_least += _sharpest(shuffled)[1] >= sharp - 1e-9
    return at_least / (_SHUFFLES + 1)
