"""Medians of resamples without resampling."""

import random
from collections import Counter
from itertools import product
from statistics import median as textbook

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envkit.stats import median, percentiles, quantile, resampled_medians

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


@pytest.mark.parametrize(
    "values", [(1.0,), (1.0, 5.0), (1.0, 2.0, 7.0), (1.0, 2.0, 4.0, 9.0), (3.0, 1.0, 4.0, 1.0, 5.0)]
)
def test_they_are_distributed_like_those_of_all_resamples(values):
    size, draws = len(values), 20_000
    exact = Counter(textbook(chosen) for chosen in product(values, repeat=size))
    drawn = Counter(resampled_medians(values, random.Random(7), draws))
    assert drawn.keys() <= exact.keys()
    for value, ways in exact.items():
        assert drawn[value] / draws == pytest.approx(ways / size**size, abs=0.015)


def test_quantiles_of_type_seven():
    """As R's default and numpy's: 1, 2, 3, 4 has 1.75, 2.5 and 3.25."""
    assert [quantile((1, 2, 3, 4), share) for share in (0, 0.25, 0.5, 0.75, 1)] == [1, 1.75, 2.5, 3.25, 4]


@settings(deadline=None)
@given(NUMBERS)
def test_the_median_is_that_of_the_textbook(values):
    assert median(values) == pytest.approx(textbook(values), abs=1e-9)


def test_no_values_have_no_median():
    with pytest.raises(ValueError, match="no values"):
        median([])


@settings(deadline=None)
@given(NUMBERS, st.floats(0.01, 0.99))
def test_an_interval_lies_within_the_values_and_widens(values, confidence):
    low, high = percentiles(values, confidence)
    wide = percentiles(values, (1 + confidence) / 2)
    assert min(values) <= wide[0] <= low + 1e-6
    assert high - 1e-6 <= wide[1] <= max(values)
