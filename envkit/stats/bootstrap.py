"""Medians of bootstrap resamples, and percentiles of them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

RESAMPLES = 2000
"""The 2.5 % point of a median of 5 to 10 values is one of few values; this finds the right one."""


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of `values` lies, linear between neighbours (type 7 of Hyndman
    and Fan).

    `values` must be sorted and not empty.
    """
    place = share * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (place - below) * (values[above] - values[below])


def median(values: Sequence[float]) -> float:
    """The middle value, the mean of both for an even number."""
    if not values:
        raise ValueError("no values: there is no median")
    return quantile(sorted(values), 0.5)


def resampled_medians(values: Sequence[float], rng: random.Random, count: int = RESAMPLES) -> list[float]:
    """Medians of `count` resamples of `values` with replacement, each as long as `values`.

    No resample is drawn. The sorted resample is x[floor(n U)] for the order statistics of n uniform
    numbers; the middle one is a beta variate, and given it, the next is the smallest of the rest above. So
    a resample costs the same for 5 values and for 5000.
    """
    ordered = sorted(values)
    size = len(ordered)
    lower = (size + 1) // 2
    medians = []
    for _ in range(count):
        first = rng.betavariate(lower, size - lower + 1)
        middle = ordered[min(int(first * size), size - 1)]
        if size % 2 == 0:
            second = 1 - (1 - first) * rng.random() ** (1 / (size - lower))
            middle = (middle + ordered[min(int(second * size), size - 1)]) / 2
        medians.append(middle)
    return medians


def percentiles(statistics: Sequence[float], confidence: float) -> tuple[float, float]:
    """The percentile interval of resampled statistics."""
    ordered = sorted(statistics)
    tail = (1 - confidence) / 2
    return quantile(ordered, tail), quantile(ordered, 1 - tail)
