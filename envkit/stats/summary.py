"""One group of processes: its median and how sure it is."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from envkit.stats.bootstrap import median, percentiles, resampled_medians
from envkit.stats.model import MINIMUM, Estimate
from envkit.stats.ranks import median_cut


def estimate(values: Sequence[float], *, confidence: float = 0.95, seed: int = 0) -> Estimate:
    """The median of one value a process, with an interval.

    The interval is the bootstrap interval of the median, widened to the exact one of order statistics (sign
    test) where that is wider: the bootstrap alone holds the median of 5 to 10 processes in 87 to 94 of 100
    runs instead of 95. No interval can hold the median of n values with more than 1 - 2^(1-n), 93.75 % for
    5; `confidence` of the answer says what it is.

    Raises ValueError when there is no value, or one that is not finite.
    """
    numbers = finite(values)
    middle = median(numbers)
    size = len(numbers)
    if size < MINIMUM:
        return Estimate(median=middle, low=None, high=None, count=size, confidence=confidence)
    reached = min(confidence, 1 - 2.0 ** (1 - size))
    low, high = percentiles(resampled_medians(numbers, random.Random(seed)), confidence)
    ordered = sorted(numbers)
    outside = max(median_cut(size, 1 - reached), 1)
    return Estimate(
        median=middle,
        low=min(low, ordered[outside - 1]),
        high=max(high, ordered[-outside]),
        count=size,
        confidence=reached,
    )


def finite(values: Sequence[float]) -> tuple[float, ...]:
    """`values` as floats; ValueError for an empty group and for what is not a finite number."""
    numbers = tuple(float(value) for value in values)
    if not numbers:
        raise ValueError("no values: there is nothing to estimate")
    for number in numbers:
        if not math.isfinite(number):
            raise ValueError(f"{number} is not a finite number")
    return numbers


def typical(values: Sequence[float]) -> float:
    """The median over consecutive stretches of the mean of each: `values` are seconds of steps, in order.

    A stretch has 8 steps, since a loader hands out as many batches at once as it has workers, and fewer where
    that would leave less than 20 stretches. The median over them leaves out the moments in which a neighbour
    took the machine. Raises ValueError for no values.
    """
    if not values:
        raise ValueError("no values")
    length = min(8, max(1, len(values) // 20))
    starts = range(0, len(values) - length + 1, length)
    return median([math.fsum(values[start : start + length]) / length for start in starts])
