"""B beside A: verdicts, properties that must hold for all values, and how often it is wrong."""

import math
import random
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envkit.stats import MINIMUM, compare, median
from tests.stats import noise

RATE = st.floats(1, 1000)
PAIRS = st.lists(st.tuples(RATE, RATE), min_size=1, max_size=12)
MIRROR = {"faster": "slower", "slower": "faster", "same": "same", "inconclusive": "inconclusive"}
STEADY = [100.0, 100.4, 99.7, 100.1, 99.9, 100.2]


def apart(pairs):
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.0, "same"), (0.99, "same"), (1.01, "same"), (0.9, "slower"), (1.1, "faster")]
)
def test_steady_processes(paired, factor, verdict):
    found = compare(STEADY, [rate * factor for rate in reversed(STEADY)], paired=paired)
    assert found.verdict == verdict
    assert found.ratio == pytest.approx(factor, abs=0.005)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.ratio <= found.high
    assert found.why == ""


def test_wild_processes_are_inconclusive_and_say_what_would_have_been_seen():
    found = compare([100, 40, 90, 55, 120, 70], [60, 95, 50, 110, 45, 80], paired=True)
    assert found.verdict == "inconclusive"
    assert found.detectable is not None
    assert found.detectable > 0.5
    assert "could have seen" in found.why


@pytest.mark.parametrize("count", range(1, MINIMUM))
def test_too_few_processes_are_inconclusive_whatever_they_say(count):
    for paired in (True, False):
        found = compare([100.0] * count, [10.0] * count, paired=paired)
        assert found.verdict == "inconclusive"
        assert (found.low, found.high, found.detectable) == (None, None, None)
        assert found.ratio == pytest.approx(0.1)
        assert str(MINIMUM) in found.why


def test_one_short_side_is_enough_for_no_interval():
    assert compare([100.0] * 30, [10.0] * 4).low is None


def test_neighbours_see_what_groups_apart_cannot():
    """The machine is half as fast for a while; B is 8 % slower all the time."""
    a = [100, 101, 50, 50.5, 50.2, 99, 100.5, 100.2]
    b = [rate * 0.92 for rate in a]
    assert compare(a, b, paired=True).verdict == "slower"
    assert compare(a, b).verdict == "inconclusive"


def test_drift_is_no_difference_when_the_order_alternates():
    falling = [100 * 0.97**place for place in range(16)]
    a = [falling[place] for place in range(16) if place % 4 in (0, 3)]
    b = [falling[place] for place in range(16) if place % 4 in (1, 2)]
    assert compare(a, b, paired=True).verdict in ("same", "inconclusive")


@pytest.mark.parametrize(
    "bad", [([], [1.0]), ([1.0], []), ([1.0], [0.0]), ([1.0], [-1.0]), ([math.nan], [1.0])]
)
def test_what_is_no_rate_is_refused(bad):
    with pytest.raises(ValueError, match=r"no values|above 0|not a finite"):
        compare(*bad)


def test_pairs_of_unequal_number_are_refused():
    with pytest.raises(ValueError, match="no pairs"):
        compare([1.0, 2.0], [1.0], paired=True)


def test_no_spread_at_all():
    found = compare([5.0] * 6, [5.0] * 6, paired=True)
    assert (found.verdict, found.ratio, found.low, found.high) == ("same", 1, 1, 1)
    assert found.detectable == pytest.approx(0.03)
    assert compare([5.0] * 6, [6.0] * 6).verdict == "faster"


@given(PAIRS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_beside_b_mirrors_b_beside_a(pairs, paired):
    a, b = apart(pairs)
    found, mirrored = compare(a, b, paired=paired), compare(b, a, paired=paired)
    assert mirrored.verdict == MIRROR[found.verdict]
    assert mirrored.ratio == pytest.approx(1 / found.ratio)
    if found.low is not None and found.high is not None and found.detectable is not None:
        assert (mirrored.low, mirrored.high) == pytest.approx((1 / found.high, 1 / found.low))
        assert mirrored.detectable == pytest.approx(found.detectable)


@given(PAIRS, st.booleans(), st.sampled_from([2.0**power for power in (-20, -3, 1, 30)]))
@settings(max_examples=40, deadline=None)
def test_a_unit_changes_nothing(pairs, paired, factor):
    a, b = apart(pairs)
    found = compare(a, b, paired=paired)
    scaled = compare([x * factor for x in a], [x * factor for x in b], paired=paired)
    assert scaled.ratio == pytest.approx(found.ratio)
    if found.low is not None:
        assert (scaled.low, scaled.high) == pytest.approx((found.low, found.high))


@given(PAIRS, st.booleans(), st.floats(1.001, 5))
@settings(max_examples=40, deadline=None)
def test_what_is_faster_stays_faster_when_it_gets_faster(pairs, paired, factor):
    a, b = apart(pairs)
    found, better = compare(a, b, paired=paired), compare(a, [rate * factor for rate in b], paired=paired)
    assert better.ratio == pytest.approx(found.ratio * factor)
    if found.verdict == "faster":
        assert better.verdict == "faster"
    if better.verdict == "slower":
        assert found.verdict == "slower"


@given(PAIRS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_verdict_can_be_read_from_the_interval(pairs, paired):
    found = compare(*apart(pairs), paired=paired, margin=0.03)
    if found.low is None or found.high is None:
        assert found.verdict == "inconclusive"
        return
    assert found.low <= found.ratio <= found.high
    inside = found.low > 1 / 1.03 and found.high < 1.03
    assert (found.verdict == "same") == inside
    assert (found.verdict == "faster") == (found.low > 1 and not inside)
    assert (found.verdict == "slower") == (found.high < 1 and not inside)


def test_a_wider_margin_calls_more_the_same():
    b = [rate * 0.96 for rate in STEADY]
    assert compare(STEADY, b, margin=0.01).verdict == "slower"
    assert compare(STEADY, b, margin=0.06).verdict == "same"


def test_at_most_one_of_twenty_orders_of_five_pairs_is_called_different():
    """Every way to call two of the first four and three of the last six processes A."""
    values = [1.0, 1.5, 2.2, 3.1, 4.7, 7.0, 9.9, 15.0, 22.0, 40.0]
    told = []
    for first, second in product(combinations(range(4), 2), combinations(range(4, 10), 3)):
        chosen = {*first, *second}
        a = [values[place] for place in range(10) if place in chosen]
        b = [values[place] for place in range(10) if place not in chosen]
        told.append(compare(a, b, paired=True).verdict)
    assert len(told) == 120
    assert 0 < 120 - told.count("inconclusive") <= 6


def test_at_most_one_of_twenty_splits_of_ten_is_called_different():
    values = [1.0, 1.5, 2.2, 3.1, 4.7, 7.0, 9.9, 15.0, 22.0, 40.0]
    told = [
        compare(
            [values[place] for place in chosen], [values[place] for place in range(10) if place not in chosen]
        )
        for chosen in combinations(range(10), 5)
    ]
    different = sum(one.verdict != "inconclusive" for one in told)
    assert 0 < different <= 0.05 * len(told)


@pytest.mark.parametrize("per_side", [5, 8])
@pytest.mark.parametrize("make", noise.ALL)
def test_false_alarms(make, per_side):
    """120 runs: 12 are 2.5 deviations above 5 %."""
    rng = random.Random(per_side)
    told = [compare(*noise.sides(make(rng, 2 * per_side)), paired=True).verdict for _ in range(120)]
    assert told.count("faster") + told.count("slower") <= 12


@pytest.mark.parametrize("make", [noise.normal, noise.heavy, noise.outliers])
def test_false_alarms_of_what_was_measured_apart(make):
    rng = random.Random(2)
    told = []
    for _ in range(120):
        values = [math.exp(value) for value in make(rng, 12)]
        told.append(compare(values[:6], values[6:]).verdict)
    assert told.count("faster") + told.count("slower") <= 12


@pytest.mark.parametrize("per_side", [5, 12])
def test_the_detectable_difference_is_seen_in_about_four_of_five(per_side):
    """Normal noise: the difference that most runs name as detectable is then put in."""
    rng = random.Random(per_side)
    runs = [noise.sides(noise.normal(rng, 2 * per_side)) for _ in range(150)]
    named = [compare(a, b, paired=True).detectable for a, b in runs]
    typical = median([one for one in named if one is not None])
    found = sum(compare(a, [x / (1 + typical) for x in b], paired=True).verdict == "slower" for a, b in runs)
    assert 0.68 * 150 <= found <= 0.93 * 150
