"""What a fix would gain, from this run's own samples. Pure.

A model gives each step's new duration from what was measured of it; the gain is the ratio of the sums minus
one, its interval that of the bootstrap over steps, widened by what the model itself may miss.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_RESAMPLES = 400
_BLOCK = 8
"""Neighbouring steps are drawn together: they are alike."""
_MOST_BLOCKS = 250
"""In a resample: of longer runs the interval is hardly wider so, and soon there."""
_LEVEL = 0.95
_CAP = 50.0
"""Gains beyond this are told as this."""


def gain(
    before: Sequence[float], after: Sequence[float], *, slack: float = 0.05, seed: int = 0
) -> tuple[float, float]:
    """(low, high) of sum(before) / sum(after) - 1. slack: relative error of the model, on the ratio.

    before, after: seconds of the same steps without and with the fix.
    """
    pairs = list(zip(before, after, strict=True))
    if not pairs or sum(after) <= 0:
        return 0.0, 0.0
    rng = random.Random(seed)
    count, block = len(pairs), max(1, min(_BLOCK, len(pairs) // 4))
    blocks = [
        (_sum(pairs, 0, place, block), _sum(pairs, 1, place, block)) for place in range(count - block + 1)
    ]
    drawn = min(-(-count // block), _MOST_BLOCKS)
    ratios = []
    for _ in range(_RESAMPLES):
        chosen = rng.choices(blocks, k=drawn)
        two = sum(pair[1] for pair in chosen)
        ratios.append(sum(pair[0] for pair in chosen) / two if two > 0 else _CAP)
    ratios.sort()
    cut = int((1 - _LEVEL) / 2 * _RESAMPLES)
    low, high = ratios[cut] * (1 - slack), ratios[-cut - 1] * (1 + slack)
    return max(0.0, min(low, _CAP) - 1.0), max(0.0, min(high, _CAP) - 1.0)


def _sum(pairs: Sequence[tuple[float, float]], which: int, start: int, length: int) -> float:
    return sum(pair[which] for pair in pairs[start : start + length])


def of_share(low: float, high: float) -> tuple[float, float]:
    """The gain when a share of the time goes: s / (1 - s), at both ends."""

    def one(share: float) -> float:
        share = min(max(0.0, share), 0.98)
        return share / (1 - share)

    return one(low), one(high)


RECEIVED = (0.0003, 0.0015)
"""Seconds, at least and at most, that the process that trains takes to receive a batch from a worker."""
_AHEAD = 2
"""Batches that each of torch's workers makes ahead."""
_FILL, _SIMULATED = 40, 80
"""Steps of a simulation until the queue is as it stays; those that count."""
_EVENTS = 20_000
_TINY = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """What the batches of one step take."""

    seconds: float
    """Of one process that has a CPU of its own."""
    cpu: float
    """CPU seconds of these."""
    own: float
    """CPU seconds of the process that trains, for all else of a step."""
    cpus: float
    """That this training may use."""
    free: float
    """Of these, what other programs left during the run."""


@lru_cache(maxsize=256)
def fed(compute: float, making: Making, workers: int) -> tuple[float, float]:
    """Seconds of a usual step with so many data workers, least and most. workers: at least 1.

    compute: seconds of a step besides waiting. Whoever can run gets an even part of the CPUs, as the kernel
    gives it. How much the training needs its further threads cannot be seen: at best they are of no use, at
    worst each step waits for all of them, and other programs take what they took during the run.
    """
    low, high = RECEIVED
    threads = max(1.0, making.own / compute) if compute > 0 else 1.0
    free = max(0.5, min(making.free, making.cpus))
    least = _simulated(compute + low, making, workers, making.cpus, 1.0)
    most = _simulated(compute + high, making, workers, free, threads)
    return least, max(least, most)


def _simulated(compute: float, making: Making, workers: int, cpus: float, threads: float) -> float:
    """Seconds of a step where `threads` train and workers make batches, as many ahead as torch does."""
    running, asleep = min(making.cpu, making.seconds), max(0.0, making.seconds - making.cpu)
    width = max(1.0, making.cpu / making.seconds) if making.seconds > 0 else 1.0
    ahead = _AHEAD * workers
    left: list[list[float]] = []  # of batches that are made: seconds to run, seconds to wait
    ready = done = 0
    training = now = began = 0.0
    for _ in range(_EVENTS):
        if training <= 0 and ready:
            ready, training = ready - 1, compute
        while len(left) < workers and ready + len(left) < ahead:
            left.append([running, asleep])
        wanted = (threads if training > 0 else 0.0) + width * sum(1 for one in left if one[0] > 0)
        rate = min(1.0, cpus / wanted) if wanted else 1.0
        ends = [one[0] / rate if one[0] > 0 else one[1] for one in left]
        if training > 0:
            ends.append(training / rate)
        passed = min(ends)
        now += passed
        for one in left:
            which, speed = (0, rate) if one[0] > 0 else (1, 1.0)
            one[which] = one[which] - passed * speed if one[which] - passed * speed > _TINY else 0.0
        ready += sum(1 for one in left if not any(one))
        left = [one for one in left if any(one)]
        if training > 0:
            training -= passed * rate
            if training <= _TINY:
                training, done = 0.0, done + 1
                began = now if done == _FILL else began
                if done == _FILL + _SIMULATED:
                    break
    return (now - began) / max(1, done - _FILL) if done > _FILL else compute + making.seconds


def between(
    durations: Sequence[float], least: float, most: float, *, slack: float = 0.05
) -> tuple[float, float]:
    """The gain when a mean step takes between `least` and `most` seconds, and not as long as these."""
    if not durations or least <= 0:
        return 0.0, 0.0
    slow = gain(durations, [most] * len(durations), slack=slack)
    fast = gain(durations, [least] * len(durations), slack=slack)
    return slow[0], fast[1]
