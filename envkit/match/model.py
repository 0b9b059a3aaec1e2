"""The JSON of `envkit explain --error`."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.core.finding import Evidence, FixStep


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """One cause that a text points to."""

    key: str
    confidence: float
    evidence: tuple[Evidence, ...]
    """The lines that gave it away."""
    deciding_fact: str | None = None
    """What would decide between opposite causes of the same text."""
    fix: tuple[FixStep, ...] = ()
    """What to do, filled with what the text names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Causes of a text, best first; () when nothing is recognised."""

    causes: tuple[Match, ...]
    schema: str = "envkit.explanation/1"
