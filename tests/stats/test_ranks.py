"""Exact distributions beside published tables, and beside counting by hand."""

from collections import Counter
from itertools import combinations
from math import comb

import pytest

from envkit.stats.ranks import cut, median_cut, rank_sum_counts, shift_interval, stratified_counts


@pytest.mark.parametrize(
    ("first", "second", "critical"),
    [
        (5, 5, 2),
        (5, 8, 6),
        (6, 6, 5),
        (7, 7, 8),
        (8, 8, 13),
        (9, 9, 17),
        (10, 10, 23),
        (12, 12, 37),
        (20, 20, 127),
    ],
)
def test_critical_values_of_mann_and_whitney(first, second, critical):
    """Two-sided, 5 %: tables of Mann-Whitney U in textbooks (as in Siegel and Castellan)."""
    assert cut(rank_sum_counts(first, second), 0.05) == critical + 1


@pytest.mark.parametrize(
    ("size", "critical"), [(6, 0), (8, 0), (9, 1), (10, 1), (12, 2), (15, 3), (20, 5), (25, 7)]
)
def test_critical_values_of_the_sign_test(size, critical):
    assert median_cut(size, 0.05) == critical + 1


@pytest.mark.parametrize("size", [1, 4, 5])
def test_a_median_of_five_has_no_interval_at_95_per_cent(size):
    assert median_cut(size, 0.05) == 0


@pytest.mark.parametrize(("first", "second"), [(2, 3), (4, 4), (5, 3)])
def test_the_rank_sum_counts_every_order(first, second):
    places = range(first + second)
    counted = Counter(
        sum(b > a for a in chosen for b in places if b not in chosen)
        for chosen in combinations(places, first)
    )
    assert rank_sum_counts(first, second) == tuple(counted[u] for u in range(first * second + 1))


def test_blocks_are_shuffled_on_their_own():
    counted = Counter(
        one + other
        for one, ways in enumerate(rank_sum_counts(2, 2))
        for other, more in enumerate(rank_sum_counts(3, 3))
        for _ in range(ways * more)
    )
    found = stratified_counts(((2, 2), (3, 3)))
    assert found == tuple(counted[u] for u in range(14))
    assert sum(found) == comb(4, 2) * comb(6, 3)


def test_one_block_is_the_interval_of_hodges_and_lehmann():
    """All 25 differences, of which the two smallest and largest lie outside (U = 2 is critical)."""
    a, b = (10.0, 11.0, 13.0, 16.0, 20.0), (30.0, 31.0, 33.0, 36.0, 40.0)
    ordered = sorted(y - x for x in a for y in b)
    assert shift_interval([(a, b)], 0.05) == (ordered[2], ordered[-3])


def test_too_few_for_the_level():
    assert shift_interval([((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))], 0.05) is None
    assert shift_interval([((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))], 0.11) == (1.0, 5.0)
