"""When warm-up is over."""

from __future__ import annotations

import random
import sys

import pytest

from tests.payload.targets import PAYLOAD

sys.path.append(str(PAYLOAD))
from _envkit_payload import steady

WIDTH = 10


def noisy(levels: list[float], scatter: float, seed: int = 0) -> list[float]:
    """A window of steps about each level."""
    rng = random.Random(seed)
    return [level * (1 + rng.uniform(-scatter, scatter)) for level in levels for _ in range(WIDTH)]


@pytest.mark.parametrize("scatter", [0.0, 0.02, 0.2])
def test_steps_that_stay_are_steady(scatter):
    found = [steady.steady(noisy([1.0] * 3, scatter, seed), WIDTH) for seed in range(50)]
    assert sum(found) >= 40  # the next window decides again


@pytest.mark.parametrize("levels", [[3.0, 2.0, 1.0], [1.0, 1.0, 2.0], [1.3, 1.15, 1.0], [1.0, 1.2, 1.0]])
def test_steps_that_still_move_are_not(levels):
    assert not any(steady.steady(noisy(levels, 0.02, seed), WIDTH) for seed in range(50))


def test_what_was_before_the_last_windows_does_not_count():
    assert steady.steady(noisy([50.0, 9.0, 1.0, 1.0, 1.0], 0.01), WIDTH)


def test_one_slow_step_of_a_window_does_not_count():
    times = noisy([1.0] * 3, 0.01)
    times[4] = times[25] = 100.0
    assert steady.steady(times, WIDTH)


def test_wild_scatter_excuses_twenty_percent_and_no_more():
    assert not any(steady.steady(noisy([2.0, 1.0, 2.0], 0.5, seed), WIDTH) for seed in range(50))


def test_too_few_steps_are_not_steady():
    assert not steady.steady([1.0] * (steady.WINDOWS * WIDTH - 1), WIDTH)
    assert not steady.steady([], WIDTH)


@pytest.mark.parametrize(
    "step, width", [(1e-5, 100), (1e-3, 100), (2e-3, 50), (0.01, 10), (0.1, 5), (60.0, 5), (0.0, 100)]
)
def test_a_window_is_a_tenth_of_a_second_within_bounds(step, width):
    assert steady.window([step] * 5) == width
