"""What the statistics answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["same", "faster", "slower", "inconclusive"]
MINIMUM = 5
"""Processes below which no interval is given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A median and how sure it is."""

    median: float
    low: float | None
    high: float | None
    """None below `MINIMUM` values."""
    count: int
    confidence: float = 0.95
    """What the interval holds; 0.9375 is the most that 5 values can."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two groups of rates (larger = better), B beside A."""

    verdict: Verdict
    ratio: float
    """Median of B over median of A; of interleaved runs the median over neighbours."""
    low: float | None
    high: float | None
    detectable: float | None
    """The smallest relative difference that groups with this spread and this size would have shown."""
    count_a: int
    count_b: int
    why: str = ""
    """One sentence where the verdict is `inconclusive`."""
