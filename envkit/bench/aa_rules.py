"""Rules that say whether one group of processes differs from another: envkit's own, and usual ones. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envkit.stats import Verdict, compare, median, percentiles, resampled_medians, typical

TORCHBENCH = 0.07
"""The relative difference at which torchbench reports a regression."""
_RESAMPLES = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """One process of the pool."""

    steps: tuple[float, ...]
    """Seconds of its measured steps."""
    stretch: int = 0
    """Number of the uninterrupted run of processes that it belongs to; only those of one stretch are
    neighbours."""

    @property
    def middle(self) -> float:
        """Seconds of its median step."""
        return median(self.steps)

    @property
    def rate(self) -> float:
        """Steps a second over all that was measured: the throughput that `bench` reports of a process."""
        return len(self.steps) / math.fsum(self.steps)

    @property
    def typical_rate(self) -> float:
        """Steps a second of its typical stretch of steps: what `bench` compares."""
        return 1 / typical(self.steps)

    def slower(self, share: float) -> Process:
        """The same with each step longer by `share`."""
        return Process(steps=tuple(step * (1 + share) for step in self.steps), stretch=self.stretch)


Side = Sequence[Process]
Rule = Callable[[Side, Side], Verdict]


def envkit_rule(a: Side, b: Side) -> Verdict:
    """`stats.compare` of interleaved processes, as `--vs` does it."""
    return compare([one.typical_rate for one in a], [one.typical_rate for one in b], paired=True).verdict


def envkit_of_throughput(a: Side, b: Side) -> Verdict:
    """The same with the throughput of each process over all of its time."""
    return compare([one.rate for one in a], [one.rate for one in b], paired=True).verdict


def envkit_of_medians(a: Side, b: Side) -> Verdict:
    """The same with the median step of each process in place of its throughput."""
    return compare(_rates(a), _rates(b), paired=True).verdict


def process_bootstrap(a: Side, b: Side) -> Verdict:
    """Percentile bootstrap over process medians, as if the two sides had been measured apart."""
    return _by_bootstrap([one.middle for one in a], [one.middle for one in b])


def seven_per_cent(a: Side, b: Side) -> Verdict:
    """Medians of the process medians differ by more than 7 %."""
    ratio = median(_rates(b)) / median(_rates(a))
    if abs(ratio - 1) <= TORCHBENCH:
        return "same"
    return "faster" if ratio > 1 else "slower"


def step_bootstrap(a: Side, b: Side) -> Verdict:
    """95 % bootstrap interval of the ratio of median steps, each step taken as a sample of its own."""
    return _by_bootstrap([s for one in a for s in one.steps], [s for one in b for s in one.steps])


def _one_each(rule: Rule) -> Rule:
    return lambda a, b: rule(a[:1], b[:1])


def _rates(side: Side) -> list[float]:
    return [1 / one.middle for one in side]


def _by_bootstrap(a: Sequence[float], b: Sequence[float]) -> Verdict:
    """From seconds: B is faster where its medians are smaller."""
    rng = random.Random(0)
    resampled = zip(resampled_medians(a, rng, _RESAMPLES), resampled_medians(b, rng, _RESAMPLES), strict=True)
    low, high = percentiles([first / second for first, second in resampled], 0.95)
    return "faster" if low > 1 else "slower" if high < 1 else "inconclusive"


RULES: tuple[tuple[str, Rule], ...] = (
    ("envkit", envkit_rule),
    ("envkit, of throughput", envkit_of_throughput),
    ("envkit, of median steps", envkit_of_medians),
    ("bootstrap of processes", process_bootstrap),
    ("7 %, same processes", seven_per_cent),
    ("7 %, one each", _one_each(seven_per_cent)),
    ("bootstrap of steps", step_bootstrap),
    ("bootstrap of steps, one each", _one_each(step_bootstrap)),
)
