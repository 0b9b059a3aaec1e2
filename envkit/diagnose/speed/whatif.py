"""What a fix would gain, from this run's own samples. Pure.

A model gives each step's new duration from what was measured of it; the gain is the ratio of the sums minus
one, its interval that of the bootstrap over steps, widened by what the model itself may miss.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

_RESAMPLES = 400
_BLOCK = 8
"""Neighbouring steps are drawn together: they are alike."""
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
    ratios = []
    for _ in range(_RESAMPLES):
        one = two = 0.0
        for _ in range(-(-count // block)):
            start = rng.randrange(count - block + 1)
            one += sum(pair[0] for pair in pairs[start : start + block])
            two += sum(pair[1] for pair in pairs[start : start + block])
        ratios.append(one / two if two > 0 else _CAP)
    ratios.sort()
    cut = int((1 - _LEVEL) / 2 * _RESAMPLES)
    low, high = ratios[cut] * (1 - slack), ratios[-cut - 1] * (1 + slack)
    return max(0.0, min(low, _CAP) - 1.0), max(0.0, min(high, _CAP) - 1.0)


def of_share(low: float, high: float) -> tuple[float, float]:
    """The gain when a share of the time goes: s / (1 - s), at both ends."""

    def one(share: float) -> float:
        share = min(max(0.0, share), 0.98)
        return share / (1 - share)

    return one(low), one(high)
