"""Two groups of processes: is B faster or slower than A, the same, or can this run not say?

The rule, in full:

1. Values are rates, one a process; all is done on their logarithms, so that A beside B and B beside A
   mirror each other.
2. *Interleaved* runs (`paired`) are cut into blocks of neighbours, two pairs each (the last block three
   when there is an odd number), and A is compared with B inside blocks only. So what the machine does
   slowly, drift or a state that lasts for several processes, falls out. Groups that were measured apart are
   one block.
3. The interval is the bootstrap interval over processes (of the median ratio of pairs; of the ratio of
   medians where measured apart), widened to the interval of the exact rank-sum test over blocks where that
   is wider.
4. Interval inside the margin (3 %, both ways): `same`. Else 1 outside the interval: `faster` or `slower`.
   Else `inconclusive`, as below `MINIMUM` processes a side.

Why so: wrong (equal things called different) and found (B 10 % slower), 6 processes a side, 500 runs of
`benchmarks/stats_rules.py`; there the rule was chosen, never on measured times.

    noise of the machine            this rule    bootstrap    bootstrap    signed rank
                                                 of medians   of pairs     of pairs
    normal, 5 %                     3.4 / 74     5.0 / 88     7.0 / 82     2.8 / 67
    Student's t, 2 degrees          3.8 / 48     4.4 / 66     5.6 / 60     3.2 / 42
    a fifth much slower             4.4 / 42     5.4 / 46     8.6 / 47     3.6 / 40
    fast and slow states of 10      3.4 / 73     3.6 / 41     6.8 / 75     3.0 / 75
    fast and slow states of 25      2.8 / 91     4.0 / 71     6.6 / 91     2.8 / 91
    drift                           1.0 / 98     0.6 / 64     4.4 / 100    1.6 / 100
    random walk                     1.6 / 74     0.6 / 49     4.6 / 90     2.4 / 73

The bootstrap over medians loses what the machine does slowly, the one over pairs is wrong too often, and the
signed-rank test cannot decide with 5 pairs at all.

Why 3 %: equal builds on machines made for measuring differ by up to 2 % (published coefficients of
variation of throughput on one data centre GPU: 0.07 to 1.9 %), so less is not worth an alarm; a wider
margin would call the loss of a fused kernel or of pinned memory the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from envkit.stats.bootstrap import median, percentiles, resampled_medians
from envkit.stats.model import MINIMUM, Comparison, Verdict
from envkit.stats.ranks import differences, shift_interval
from envkit.stats.summary import finite

MARGIN = 0.03
"""Relative difference that is called the same."""
REACH = 1.5
"""Half widths of the interval at which 4 of 5 runs see a difference: the interval has to leave out 1, and
the estimate varies itself (0.84 / 1.96 half widths beyond)."""

Block = tuple[tuple[float, ...], tuple[float, ...]]


def compare(
    a: Sequence[float],
    b: Sequence[float],
    *,
    paired: bool = False,
    margin: float = MARGIN,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """B beside A: rates of processes, larger is better.

    `paired`: a[i] and b[i] were neighbours in time, in the order of starting, and which of the two came first
    alternated. The ratio is then the median over neighbours, not that of the two medians.
    `detectable` is the relative difference that a run with this spread and this number of processes shows
    as faster or slower in 4 of 5 cases; never less than the margin's worth.

    Raises ValueError for rates that are not above 0, an empty group, or pairs of unequal number.
    """
    first, second = _logarithms(a), _logarithms(b)
    if paired and len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values are no pairs")
    blocks = _blocks(first, second) if paired else [(first, second)]
    ratio = median(differences(blocks)) if paired else median(second) - median(first)
    interval = shift_interval(blocks, 1 - confidence) if min(len(first), len(second)) >= MINIMUM else None
    if interval is None:
        return _too_few(ratio, len(first), len(second))
    # The slower side comes first, so that B beside A draws the same resamples as A beside B.
    if ratio < 0 or (ratio == 0 and first > second):
        bottom, top = _bootstrap(second, first, paired, confidence, seed)
        bootstrap = (-top, -bottom)
    else:
        bootstrap = _bootstrap(first, second, paired, confidence, seed)
    low, high = min(interval[0], bootstrap[0], ratio), max(interval[1], bootstrap[1], ratio)
    return _judged(ratio, low, high, math.log1p(margin), (len(first), len(second)))


def _logarithms(values: Sequence[float]) -> tuple[float, ...]:
    numbers = finite(values)
    if min(numbers) <= 0:
        raise ValueError(f"a rate of {min(numbers)} cannot be compared: rates are above 0")
    return tuple(math.log(number) for number in numbers)


def _blocks(first: tuple[float, ...], second: tuple[float, ...]) -> list[Block]:
    starts = list(range(0, len(first) - 1, 2)) or [0]
    ends = [*starts[1:], len(first)]
    return [(first[start:end], second[start:end]) for start, end in zip(starts, ends, strict=True)]


def _bootstrap(
    first: tuple[float, ...], second: tuple[float, ...], paired: bool, confidence: float, seed: int
) -> tuple[float, float]:
    """Percentile interval of the shift of the median."""
    rng = random.Random(seed)
    if paired:
        shifts = [y - x for x, y in zip(first, second, strict=True)]
        return percentiles(resampled_medians(shifts, rng), confidence)
    pair = zip(resampled_medians(first, rng), resampled_medians(second, rng), strict=True)
    return percentiles([y - x for x, y in pair], confidence)


def _judged(ratio: float, low: float, high: float, margin: float, counts: tuple[int, int]) -> Comparison:
    verdict: Verdict = "inconclusive"
    if -margin < low and high < margin:
        verdict = "same"
    elif low > 0:
        verdict = "faster"
    elif high < 0:
        verdict = "slower"
    detectable = _detectable((high - low) / 2, margin)
    return Comparison(
        verdict=verdict,
        ratio=math.exp(ratio),
        low=math.exp(low),
        high=math.exp(high),
        detectable=detectable,
        count_a=counts[0],
        count_b=counts[1],
        why=_why(detectable) if verdict == "inconclusive" else "",
    )


def _detectable(half: float, margin: float) -> float:
    """Relative difference that is seen in 4 of 5 runs whose intervals have this half width, in logarithms."""
    beyond_one = REACH * half
    beyond_margin = margin - (2 - REACH) * half
    return math.expm1(max(beyond_one, beyond_margin))


def _why(detectable: float) -> str:
    seen = f"{detectable:.0%}" if detectable < 1 else f"{1 + detectable:.1f} times"
    return (
        f"the processes differ too much among themselves: this run could have seen about {seen};"
        " with more processes (--repeat) it sees less"
    )


def _too_few(ratio: float, count_a: int, count_b: int) -> Comparison:
    return Comparison(
        verdict="inconclusive",
        ratio=math.exp(ratio),
        low=None,
        high=None,
        detectable=None,
        count_a=count_a,
        count_b=count_b,
        why=f"{count_a} and {count_b} processes: an interval takes at least {MINIMUM} a side",
    )
