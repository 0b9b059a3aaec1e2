"""What an analyzer answers."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.core.finding import Evidence, Proof
from envkit.diagnose.model import Where


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """A cause that a trace points to."""

    key: str
    confidence: float
    where: Where
    evidence: tuple[Evidence, ...]
    proof: Proof = "hypothesis"
    summary: str = ""
    """One sentence with this run's own figures."""
