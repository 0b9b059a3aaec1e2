"""What a rule answers: a value that knows nothing of texts; the cause holds those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.core.finding import Evidence, Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The answer of one rule."""

    status: Literal["ok", "problem", "unknown", "not-applicable"]
    why: str
    """One sentence: with this machine's figures for a problem, the reason otherwise."""
    severity: Severity | None = None
    """None = the severity of the cause."""
    confidence: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    slots: tuple[tuple[str, str], ...] = ()
    """Values for the cause's fix templates."""


def ok(why: str) -> Outcome:
    """Looked, and nothing is wrong."""
    return Outcome(status="ok", why=why)


def not_applicable(why: str) -> Outcome:
    """The question does not arise on this machine."""
    return Outcome(status="not-applicable", why=why)


def unknown(why: str) -> Outcome:
    """It could not be read; `why` names the reason."""
    return Outcome(status="unknown", why=why)


def problem(
    why: str,
    *evidence: Evidence,
    severity: Severity | None = None,
    confidence: float = 1.0,
    **slots: str | None,
) -> Outcome:
    """Something is wrong. Slots that are None are left out, and so are the fix steps that need them."""
    return Outcome(
        status="problem",
        why=why,
        severity=severity,
        confidence=confidence,
        evidence=evidence,
        slots=tuple((name, value) for name, value in slots.items() if value is not None),
    )


def fact(what: str, value: object, source: str) -> Evidence:
    """One observed fact."""
    return Evidence(what=what, value=str(value), source=source)
