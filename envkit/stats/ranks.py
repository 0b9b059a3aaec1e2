"""Exact null distributions of ranks, and the intervals that they give: no table, no normal approximation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import comb


@lru_cache(maxsize=1024)
def rank_sum_counts(first: int, second: int) -> tuple[int, ...]:
    """How many orders of two groups have U = 0, 1, ... pairs (a, b) with b above a.

    Coefficients of the Gaussian binomial (Mann and Whitney 1947). They add up to comb(first + second, first).
    """
    if first == 0 or second == 0:
        return (1,)
    with_first, with_second = rank_sum_counts(first - 1, second), rank_sum_counts(first, second - 1)
    counts = [0] * (first * second + 1)
    for u, ways in enumerate(with_first):
        counts[u + second] += ways
    for u, ways in enumerate(with_second):
        counts[u] += ways
    return tuple(counts)


@lru_cache(maxsize=1024)
def stratified_counts(sizes: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """The same of the sum of U over blocks, each a pair of group sizes, that are shuffled on their own."""
    total = [1]
    for first, second in sizes:
        block = rank_sum_counts(first, second)
        summed = [0] * (len(total) + len(block) - 1)
        for left, ways in enumerate(total):
            for right, more in enumerate(block):
                summed[left + right] += ways * more
        total = summed
    return tuple(total)


def cut(counts: Sequence[int], level: float) -> int:
    """How many of the smallest sorted differences lie outside the interval, on each side.

    The interval from the `cut`-th smallest to the `cut`-th largest difference has a level of at most
    `level`, both sides together; 0 when no interval of these sizes reaches it.
    """
    total, below = sum(counts), 0
    for u, ways in enumerate(counts):
        below += ways
        if 2 * below > level * total:
            return u
    return len(counts)


def differences(blocks: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[float]:
    """All differences b - a within blocks, sorted."""
    return sorted(b - a for first, second in blocks for a in first for b in second)


def shift_interval(
    blocks: Sequence[tuple[Sequence[float], Sequence[float]]], level: float
) -> tuple[float, float] | None:
    """The shifts of b against a that the rank-sum test, stratified over blocks, does not reject at `level`.

    With one block it is the interval of Mann-Whitney and Hodges-Lehmann; with several that of van Elteren's
    test with equal weights. None where the sizes are too small for `level`.
    """
    ways = stratified_counts(tuple((len(first), len(second)) for first, second in blocks))
    outside = cut(ways, level)
    if outside == 0:
        return None
    pooled = differences(blocks)
    return pooled[outside - 1], pooled[-outside]


def median_cut(size: int, level: float) -> int:
    """The same as `cut` for the median of one group: order statistics by the sign test."""
    return cut([comb(size, below) for below in range(size + 1)], level)
