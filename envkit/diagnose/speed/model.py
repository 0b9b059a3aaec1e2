"""What an analyzer of slowness answers."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain, Where

NOWHERE = Where()


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """A cause that a view of the run points to."""

    key: str
    share: float
    """Of the time of training that would go if it were mended."""
    summary: str
    """One sentence with this run's own figures."""
    evidence: tuple[Evidence, ...]
    where: Where = NOWHERE
    confidence: float = 0.7
    """That it is one at all."""
    gains: tuple[Gain, ...] = ()
    fix: tuple[FixStep, ...] = ()
    """Steps for this very case, before those of the catalogue."""
    folds: tuple[str, ...] = ()
    """Keys that are consequences of this one here, beside those that the catalogue says."""
