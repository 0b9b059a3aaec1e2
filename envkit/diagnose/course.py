"""Whether two runs took the same course. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from envkit.diagnose.trace import Steps

_CLOSE = 1e-6
"""Relative difference of two losses that devices and the order of additions may make in a few steps."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """A comparison of losses, step by step."""

    steps: int
    """Compared."""
    same: int
    """To the bit."""
    close: int
    """Of the others, within a millionth."""
    differs: int | None = None
    """First step that is neither."""
    first: float | None = None
    """Loss of that step, in the first run and in the second."""
    second: float | None = None

    @property
    def holds(self) -> bool:
        """No step differs."""
        return self.differs is None

    def said(self) -> str:
        """In some words."""
        if not self.steps:
            return "no step before it to compare"
        if self.differs is None:
            alike = "same" if self.same == self.steps else "same to a millionth"
            return f"{alike} losses in all {self.steps} steps before it"
        return (
            f"same losses in {self.same + self.close} of {self.steps} steps before it; step {self.differs} "
            f"had {_number(self.first)} and then {_number(self.second)}"
        )


def course(first: Steps, second: Steps, step: int) -> Course:
    """Compare the losses of two runs before `step`."""
    pairs = list(zip(first.loss[:step], second.loss[:step], strict=False))
    same = [one == other or (_nan(one) and _nan(other)) for one, other in pairs]
    close = [not alike and _near(one, other) for alike, (one, other) in zip(same, pairs, strict=True)]
    differs = next((n for n, alike in enumerate(same) if not (alike or close[n])), None)
    one, other = (None, None) if differs is None else pairs[differs]
    return Course(
        steps=len(pairs), same=sum(same), close=sum(close), differs=differs, first=one, second=other
    )


def _nan(value: float | None) -> bool:
    return value is not None and math.isnan(value)


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return False
    return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=1e-12)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
