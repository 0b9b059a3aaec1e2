"""Steps and seconds of runs that took turns, what one gains over another, and the paths of their losses."""

from __future__ import annotations

import math
import random

import pytest

from envkit.diagnose.speed.paths import path
from envkit.diagnose.speed.slices import Pace, Window, gain, paces


def _turns(step: float, count: int = 12, length: float = 1.0) -> tuple[list[float], list[Window]]:
    """A run of even steps that goes for a while, stands still for three times as long, and so on."""
    windows = [
        Window(began=4 * n * length, ended=(4 * n + 1) * length, round=None if n == 0 else n - 1)
        for n in range(count)
    ]
    ended, own = [], step
    while own < count * length:
        turn = int(own / length)
        ended.append(4 * turn * length + own - turn * length)
        own += step
    return ended, windows


@pytest.mark.parametrize("step", [0.004, 0.033, 0.3, 0.7])
def test_speed_of_each_slice(step: float):
    """Steps that lie across a stop count in parts, and the stop does not."""
    found = paces(*_turns(step))
    assert set(found) >= set(range(10)) and None not in found
    for pace in found.values():
        assert pace.steps / pace.seconds == pytest.approx(1 / step, rel=1e-6)
        assert 0.25 < pace.seconds < 1.0


def test_nothing_known():
    assert paces([], []) == {} and paces([1.0], [Window(began=0.0, ended=2.0, round=0)]) == {}
    ended, windows = _turns(0.1)
    assert 5 not in paces([one for one in ended if one < 20.0], windows)  # it ended before


def _rounds(
    rng: random.Random, count: int, speed: float, noise: float
) -> tuple[dict[int, Pace], dict[int, Pace]]:
    """Two runs on a machine that is now fast, now slow, for both alike, and then for each by itself."""
    both = []
    machine = 0.0
    shared = []
    for _ in range(count):
        machine += rng.gauss(0.0, 0.2)
        shared.append(machine)
    for rate in (1.0, speed):
        both.append(
            {
                n: Pace(steps=30 * rate * math.exp(shared[n] + rng.gauss(0.0, noise)), seconds=1.0)
                for n in range(count)
            }
        )
    return both[0], both[1]


@pytest.mark.parametrize("noise", [0.03, 0.3])
def test_interval_holds_the_truth(noise: float):
    """In 19 of 20 cases or so, whatever the machine does meanwhile."""
    rng = random.Random(1)
    held = 0
    for case in range(100):
        found = gain(*_rounds(rng, 8, 1.3, noise), seed=case)
        assert found is not None
        held += found[0] <= 0.3 <= found[1]
    assert held >= 91


def test_interval_is_of_use():
    found = gain(*_rounds(random.Random(2), 12, 1.3, 0.03))
    assert found is not None and 0.2 < found[0] < 0.3 < found[1] < 0.4


def test_rare_long_steps_count():
    """A run that stands still in every fourth round, and one that does not: a median would not see that."""
    control = {n: Pace(steps=10.0 if n % 4 else 1.0, seconds=1.0) for n in range(16)}
    changed = {n: Pace(steps=10.0, seconds=1.0) for n in range(16)}
    found = gain(control, changed)
    assert found is not None and 0.0 < found[0] < 160 / 124 - 1 < found[1]


def test_batches_count_as_samples():
    control = {n: Pace(steps=10.0, seconds=1.0) for n in range(5)}
    changed = {n: Pace(steps=5.0, seconds=1.0) for n in range(5)}
    assert gain(control, changed, scale=4.0) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize("rounds", [(0, 1), (3, 4, 5)])
def test_too_few_rounds(rounds: tuple[int, ...]):
    control = {n: Pace(steps=10.0, seconds=1.0) for n in range(3)}
    assert gain(control, {n: Pace(steps=20.0, seconds=1.0) for n in rounds}) is None


def _falling(count: int, noise: float, seed: int, floor: float = 0.2) -> list[float]:
    rng = random.Random(seed)
    return [(floor + 2.0 * 0.97**n) * math.exp(rng.gauss(0.0, noise)) for n in range(count)]


LOSSES = _falling(80, 0.1, 1)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (LOSSES, "same"),
        (LOSSES[:30], "same"),
        ([one * (1 + 1e-6 * n) for n, one in enumerate(LOSSES)], "same"),  # other rounding
        (_falling(80, 0.1, 2), "alike"),  # other draws
        ([one * 1.5 for one in LOSSES], "other"),
        ([2.2] * 80, "other"),  # it does not learn
        (LOSSES[:20] + [one + 1.0 for one in LOSSES[20:]], "other"),
        (LOSSES[:3], "unknown"),
        ([None] * 80, "unknown"),
        ([math.nan] * 80, "unknown"),
    ],
)
def test_paths(changed: list[float | None], found: str):
    assert path(LOSSES, changed) == found


def test_noise_hides_the_path():
    assert path(_falling(80, 1.0, 1), _falling(80, 1.0, 2)) == "unknown"
