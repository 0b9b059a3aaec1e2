"""How training went before it broke, on made courses: faulty ones, and noisy healthy ones."""

from __future__ import annotations

import math
import random

import pytest

from envkit.diagnose.analyzers.growth import feeds_itself, growth, run_up
from envkit.diagnose.trace import Steps


def healthy(seed: int, steps: int, kind: str) -> list[float]:
    """Gradient norms of training that goes well, as noisy as they come."""
    draw = random.Random(seed)
    if kind == "lognormal":
        return [math.exp(draw.gauss(0, 1)) for _ in range(steps)]
    if kind == "falling":
        return [3 / (1 + step / 20) * math.exp(draw.gauss(0, 0.4)) for step in range(steps)]
    if kind == "spikes":  # now and then a batch ten times as steep
        return [math.exp(draw.gauss(0, 0.3)) * (10 if draw.random() < 0.05 else 1) for _ in range(steps)]
    if kind == "heavy tail":
        return [draw.paretovariate(1.5) for _ in range(steps)]
    return [0.1 * math.exp(0.002 * step + draw.gauss(0, 0.3)) for step in range(steps)]  # slowly rising


KINDS = ("lognormal", "falling", "spikes", "heavy tail", "rising")


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_no_run_up(kind: str) -> None:
    courses = [healthy(seed, 20 + 13 * (seed % 30), kind) for seed in range(400)]
    found = [one for course in courses if (one := run_up(course, "gradient norm")) is not None]
    assert sum(one.sure for one in found) <= 4  # of 400; each of them is asked only of a run that broke
    assert sum(feeds_itself(one) for one in found) <= 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("factor", [1.6, 4.0, 100.0])
def test_divergence_is_seen(kind: str, factor: float) -> None:
    seen = 0
    for seed in range(40):
        course = healthy(seed, 100, kind)
        last = max(course)
        while last < 1e18:
            last *= factor
            course.append(last)
        found = run_up(course, "gradient norm")
        seen += found is not None and found.sure and feeds_itself(found)
    assert seen == 40


def test_from_the_first_steps() -> None:
    found = run_up([1.2, 310.0, 8e6, 4e13], "loss")
    assert found is not None
    assert feeds_itself(found)
    assert found.factor > 1e6


def test_one_batch_is_no_feedback() -> None:
    """A gradient that explodes in one batch, at a rate that had suited the others."""
    course = [*healthy(1, 60, "lognormal"), 3e7]
    found = run_up(course, "gradient norm")
    assert found is not None
    assert (found.steps, found.history) == (1, 60)
    assert not feeds_itself(found)


def test_sudden() -> None:
    assert run_up([*healthy(2, 80, "lognormal"), math.nan], "loss") is None


def test_slope_is_of_decades() -> None:
    found = run_up([1.0, 1.1, 0.9, 1.0, 1e2, 1e4, 1e6, 1e8], "loss")
    assert found is not None
    assert found.slope == pytest.approx(2.0)
    assert found.steps == 4


def test_until_the_step_that_failed() -> None:
    """What comes after it is another story."""
    quiet = tuple(healthy(3, 50, "lognormal"))
    steps = Steps(gradient=(*quiet, 1e9, 1e12, 1e15), loss=(*quiet, 1.0, 1.0, 1.0))
    assert growth(steps, 49) is None
    found = growth(steps, 52)
    assert found is not None
    assert found.of == "gradient norm"


def test_values_that_say_nothing_are_left_out() -> None:
    """Negative losses, zeros, and steps that were not looked at."""
    assert run_up([None, -3.0, 0.0, math.inf], "loss") is None
    assert run_up([], "loss") is None
    sparse = [one for value in (1.0, 1.2, 0.9, 1e3, 1e6, 1e9) for one in (value, None, None)]
    found = run_up(sparse, "gradient norm")
    assert found is not None
    assert found.steps == 3
