"""A history whose level changes, or does not."""

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envkit.stats import changes

NILE = (
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799,
    958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916,
    692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698,
    845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801,
    1040, 860, 874, 848, 890, 744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170,
    912, 746, 919, 718, 714, 740,
)  # fmt: skip
"""Yearly flow of the Nile at Aswan, 1871 to 1970, in 10^8 m3 (Cobb 1978, who has the means 1097.75 and
849.97)."""


def test_the_nile_falls_after_1898():
    (found,) = changes(NILE)
    assert 1871 + found.at == 1899
    assert sum(NILE[: found.at]) / found.at == pytest.approx(1097.75)
    assert sum(NILE[found.at :]) / (100 - found.at) == pytest.approx(849.97, abs=0.005)
    assert (found.before, found.after) == (statistics.median(NILE[:28]), statistics.median(NILE[28:]))
    assert found.p < 0.001


@pytest.mark.parametrize("count", range(8))
def test_too_few_results_show_nothing(count):
    assert changes([100.0] * (count // 2) + [10.0] * (count - count // 2)) == ()


def test_eight_results_show_a_clear_change():
    (found,) = changes([100.0, 101.0, 99.5, 100.2, 90.0, 90.5, 89.0, 90.1])
    assert found.at == 4
    assert found.ratio == pytest.approx(0.9, abs=0.005)


def test_two_odd_results_are_no_level():
    assert changes([100.0, 101.0, 99.0, 100.5, 50.0, 100.2, 99.8, 180.0, 100.1, 100.3]) == ()


def test_less_than_the_margin_is_no_change():
    values = [100.0, 100.1, 99.9, 100.05, 99.95] * 2 + [99.0, 99.1, 98.9, 99.05, 98.95] * 2
    assert changes(values) == ()
    assert [one.at for one in changes(values, margin=0.005)] == [10]


def test_several_levels_in_their_order():
    rng = random.Random(1)
    values = [rng.gauss(level, 1) for level in (100, 80, 120) for _ in range(15)]
    assert [one.at for one in changes(values)] == [15, 30]
    assert [round(one.ratio, 1) for one in changes(values)] == [0.8, 1.5]


def test_nothing_and_bad_values():
    assert changes([]) == ()
    with pytest.raises(ValueError, match="above 0"):
        changes([1.0, 0.0])
    with pytest.raises(ValueError, match="finite"):
        changes([1.0, float("nan")])


@given(st.lists(st.floats(1, 1000), max_size=14), st.sampled_from([0.5, 4.0, 1024.0]))
@settings(max_examples=25, deadline=None)
def test_a_unit_changes_nothing(values, factor):
    scaled = changes([value * factor for value in values])
    assert [(one.at, one.p) for one in scaled] == [(one.at, one.p) for one in changes(values)]


@given(st.lists(st.floats(1, 1000), min_size=8, max_size=14))
@settings(max_examples=25, deadline=None)
def test_the_same_level_everywhere_has_no_change(values):
    assert changes([values[0]] * len(values)) == ()


def test_false_alarms():
    """100 histories of 12 equal runs, heavy-tailed: 12 % is 3 deviations above 5 %."""
    rng = random.Random(3)
    histories = [
        [rng.lognormvariate(0, 0.4 if rng.random() < 0.2 else 0.05) for _ in range(12)] for _ in range(100)
    ]
    assert sum(bool(changes(values, seed=number)) for number, values in enumerate(histories)) <= 12
