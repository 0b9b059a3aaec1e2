"""Predicted gains against what is known of them without a run: bounds, and cases with one answer."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from envkit.diagnose.speed.whatif import RECEIVED, Making, between, fed, gain, of_share

CASES = [
    (making, busy, workers, cpus)
    for making in (0.004, 0.02, 0.09)
    for busy in (1.0, 0.3)
    for workers in (1, 2, 4, 8)
    for cpus in (1, 2, 4, 16)
]
COMPUTE = 0.012


@pytest.mark.parametrize(("making", "busy", "workers", "cpus"), CASES)
def test_no_step_is_faster_than_its_work_allows_nor_slower_than_one_after_the_other(
    making: float, busy: float, workers: int, cpus: int
) -> None:
    given = Making(seconds=making, cpu=making * busy, own=COMPUTE, cpus=cpus, free=cpus)
    least, most = fed(COMPUTE, given, workers)
    bound = max(COMPUTE, making / workers, (COMPUTE + making * busy) / cpus)
    assert bound * 0.999 <= least <= most
    assert most <= (COMPUTE + making) * 1.02 + RECEIVED[1] * 2
    if workers + 1 <= cpus:  # nobody waits for a CPU
        assert least == pytest.approx(max(COMPUTE + RECEIVED[0], making / workers), rel=0.03)


def test_full_cpus_set_the_pace() -> None:
    """Two CPUs have 32 ms of work to do for each step."""
    given = Making(seconds=0.02, cpu=0.02, own=COMPUTE, cpus=2, free=2)
    for workers in (2, 4):
        least, _ = fed(COMPUTE, given, workers)
        assert least == pytest.approx((COMPUTE + 0.02) / 2, rel=0.05)


def test_more_workers_never_make_the_model_slower_than_fewer_where_cpus_are_free() -> None:
    given = Making(seconds=0.1, cpu=0.1, own=0.01, cpus=64, free=64)
    paces = [fed(0.01, given, number) for number in range(1, 20)]
    assert all(later[0] <= sooner[0] * 1.01 for sooner, later in pairwise(paces))
    assert paces[-1][0] == pytest.approx(0.0103, rel=0.01)


def test_a_second_thread_of_the_training_is_between_useless_and_needed() -> None:
    alone = Making(seconds=0.02, cpu=0.02, own=0.01, cpus=2, free=2)
    both = Making(seconds=0.02, cpu=0.02, own=0.02, cpus=2, free=2)
    assert fed(0.01, alone, 2)[0] == fed(0.01, both, 2)[0]
    assert fed(0.01, alone, 2)[1] < fed(0.01, both, 2)[1]
    assert fed(0.01, both, 2)[1] >= 0.02  # two threads of 10 ms, and 20 ms of making, on two CPUs


def test_what_others_leave_widens_the_interval_downwards() -> None:
    quiet = Making(seconds=0.05, cpu=0.05, own=0.01, cpus=4, free=4)
    noisy = Making(seconds=0.05, cpu=0.05, own=0.01, cpus=4, free=1)
    assert fed(0.01, noisy, 4)[0] == fed(0.01, quiet, 4)[0]
    assert fed(0.01, noisy, 4)[1] > fed(0.01, quiet, 4)[1]


def test_the_interval_of_a_gain_covers_the_truth() -> None:
    """Steps vary by a quarter; with 120 of them, about 95 of 100 intervals hold the true ratio."""
    hits = 0
    for seed in range(100):
        rng = random.Random(seed)
        before = [0.02 * rng.lognormvariate(0, 0.25) for _ in range(120)]
        mean = 0.02 * 2.718281828 ** (0.25**2 / 2)
        low, high = gain(before, [0.01] * 120, slack=0.0, seed=seed)
        hits += low <= mean / 0.01 - 1 <= high
    assert hits >= 85


def test_gains_are_ratios_and_never_negative() -> None:
    low, high = gain([0.02] * 60, [0.01] * 60, slack=0.05)
    assert low == pytest.approx(0.9)
    assert high == pytest.approx(1.1)
    assert gain([0.01] * 60, [0.02] * 60) == (0.0, 0.0)
    assert gain([], []) == (0.0, 0.0)
    assert between([], 0.01, 0.02) == (0.0, 0.0)
    assert of_share(0.0, 0.5) == (0.0, 1.0)
    assert of_share(-1.0, 2.0)[1] < 50


def test_a_long_run_takes_no_longer_to_judge() -> None:
    steps = [0.01 + 0.001 * (number % 7) for number in range(50_000)]
    low, high = gain(steps, [0.01] * len(steps))
    assert low < 0.3 < high
