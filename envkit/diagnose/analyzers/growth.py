"""How loss and gradient went before a value was not finite: growing over steps, in one jump, or not at all.

No fixed size is called large. A run-up is a row of last values of which each exceeds all before it; its
chance is that of the largest r of n values coming last by accident, 1 / C(n, r), which holds for values in
any distribution whose order means nothing. It counts where it leaves the range of the values before it by
more than that range (in logarithms).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from envkit.diagnose.trace import Steps

WINDOW = 256
"""Last steps that are looked at: what training was like long ago is no measure."""
FEEDBACK = 3
"""Steps of growth from which updates feed on each other; one or two are one batch and its update."""
SUITED = 8
"""Steps before the run-up from which the learning rate had suited the batches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Growth:
    """A run-up to the value that was not finite."""

    of: Literal["loss", "gradient norm"]
    factor: float
    """The largest of its values beside the usual one before it."""
    steps: int
    """How many steps it took."""
    history: int
    """Steps before it."""
    chance: float
    """That so many last values are the largest by accident."""
    slope: float
    """Decades a step, the median over pairs of its steps and the last one before it (Theil-Sen)."""

    @property
    def sure(self) -> bool:
        """Whether it is no accident."""
        return self.chance < 0.05


def growth(steps: Steps, until: int) -> Growth | None:
    """The more certain run-up of loss and gradient norm up to and with step `until`; None = neither grew."""
    found = [
        one
        for of, values in (("gradient norm", steps.gradient), ("loss", steps.loss))
        if (one := run_up(values[: until + 1], of)) is not None  # type: ignore[arg-type]
    ]
    return min(found, key=lambda one: (one.chance, -one.factor), default=None)


def run_up(values: Sequence[float | None], of: Literal["loss", "gradient norm"]) -> Growth | None:
    """The run-up at the end of a series; values that are not finite or not positive are left out."""
    known = [math.log10(one) for one in values if one is not None and math.isfinite(one) and one > 0]
    known = known[-WINDOW:]
    count = len(known)
    if count < 2:
        return None
    least = [math.inf] * (count + 1)
    for place in range(count - 1, -1, -1):
        least[place] = min(least[place + 1], known[place])
    best: tuple[float, int] | None = None
    most = -math.inf
    for place in range(1, count):
        most = max(most, known[place - 1])
        if least[place] > most:
            chance = 1 / math.comb(count, count - place)
            if best is None or chance < best[0]:
                best = (chance, place)
    if best is None:
        return None
    chance, place = best
    before, after = known[:place], known[place:]
    beyond, spread = max(after) - max(before), max(before) - min(before)
    at_the_end = max(after[-FEEDBACK:]) == max(after)  # (else it rose once, and stayed where it was)
    if beyond <= max(spread, math.log10(2)) or not at_the_end:
        return None
    return Growth(
        of=of, factor=10 ** min(300.0, max(after) - median(before)), steps=len(after), history=place,
        chance=chance, slope=_slope([before[-1], *after]),
    )  # fmt: skip


def _slope(values: Sequence[float]) -> float:
    pairs = [
        (values[late] - values[early]) / (late - early)
        for early in range(len(values))
        for late in range(early + 1, len(values))
    ]
    return median(pairs)


def feeds_itself(found: Growth) -> bool:
    """Whether it is the course of a learning rate that is too high: over steps, or from the very first ones.

    A gradient that explodes in one batch jumps at a rate that had suited the batches before.
    """
    return found.steps >= FEEDBACK or found.history < SUITED
