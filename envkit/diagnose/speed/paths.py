"""Whether losses of a changed run took the same path. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from envkit.stats import median

_LEAST = 5
"""Steps that something can be said of."""
_TOLERANCE, _WIDEST = 1e-4, 0.05
"""Relative difference allowed in the first step, and in any: other sums round otherwise, and that grows."""
_BLOCKS, _LEAST_OF_BLOCK = 8, 6
_CLOSE = 0.02
"""Relative difference of means that is nothing."""
_SEEN = 0.25
"""Relative difference of means that must be seen for the losses to be called alike on average."""

Path = Literal["same", "alike", "other", "unknown"]
"""Step by step; on average; neither; too few steps, or too much noise, to tell."""


def path(control: Sequence[float | None], changed: Sequence[float | None]) -> Path:
    """How the losses of two runs of the same seeds go together, over their common steps."""
    pairs = [
        (one, two)
        for one, two in zip(control, changed, strict=False)
        if one is not None and two is not None and math.isfinite(one) and math.isfinite(two)
    ]
    if len(pairs) < _LEAST:
        return "unknown"
    if all(_near(one, two, step) for step, (one, two) in enumerate(pairs)):
        return "same"
    return _on_average(pairs)


def _near(one: float, two: float, step: int) -> bool:
    return math.isclose(one, two, rel_tol=min(_WIDEST, _TOLERANCE * (1 + step)), abs_tol=1e-7)


def _on_average(pairs: Sequence[tuple[float, float]]) -> Path:
    """By means of blocks of steps, each beside its own noise."""
    size = max(_LEAST_OF_BLOCK, len(pairs) // _BLOCKS)
    blocks = [pairs[start : start + size] for start in range(0, len(pairs) - size + 1, size)]
    if len(blocks) < 2:
        return "unknown"
    far = blind = 0
    for block in blocks:
        means = [sum(one[side] for one in block) / len(block) for side in (0, 1)]
        errors = [_noise([one[side] for one in block]) / math.sqrt(len(block)) for side in (0, 1)]
        scale = max(abs(means[0]), abs(means[1]), 1e-12)
        error = 3.0 * math.hypot(*errors)
        far += abs(means[0] - means[1]) > error + _CLOSE * scale
        blind += error > _SEEN * scale
    if far > len(blocks) // 8:
        return "other"
    return "unknown" if 2 * blind > len(blocks) else "alike"


def _noise(values: Sequence[float]) -> float:
    """The spread around a slow course, from differences of neighbours."""
    steps = [abs(two - one) for one, two in pairwise(values)]
    return median(steps) / (0.6745 * math.sqrt(2))
