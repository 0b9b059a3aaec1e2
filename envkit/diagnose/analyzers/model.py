"""What an analyzer answers."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.core.finding import Evidence, FixStep, Proof
from envkit.diagnose.model import Where


@dataclass(frozen=True, kw_only=True, slots=True)
class Resize:
    """A number in a call of the person's code that should be another one."""

    call: str
    """`Linear`, by whatever name its module has."""
    position: int
    keyword: str
    old: int
    new: int
    others: tuple[tuple[int, str, int], ...] = ()
    """Position, keyword and value of further arguments, which tell the call from others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reword:
    """A name in quotes that should be another one."""

    old: str
    new: str


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
    fix: tuple[FixStep, ...] = ()
    """Steps for this very case, before those of the catalogue."""
    enough: bool = False
    """Whether those steps alone mend it, so that the catalogue's are left out."""
    change: Resize | Reword | None = None
    """What mends it, where one place of the person's code is meant."""
