"""What a check found: a cause, how sure, from what evidence, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["ok", "problem", "unknown", "not-applicable"]
Severity = Literal["error", "warning", "note"]
Proof = Literal["hypothesis", "replayed", "survived", "better"]
"""How far a diagnosis was proved: hypothesis (nothing tried), replayed (the failing step is finite with
the fix), survived (200 further steps, or to the end of the script), better (beats the control on two
seeds)."""
Apply = Literal["pip", "environment"]
"""Kinds of fix steps that may be carried out when the person says so."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Most severe first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One observed fact."""

    what: str
    value: str
    source: str
    """Where it was read: a file, an NVML function, a command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FixStep:
    """One thing to do."""

    say: str
    run: str | None = None
    """A command line to paste, where there is one."""
    apply: Apply | None = None
    """What `envkit doctor --apply` may offer to do itself: `pip` (a pip command in the target Python),
    `environment` (variables set or unset); null for what is left to the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The answer of one check."""

    key: str
    """The cause that this finding points to."""
    outcome: Outcome
    title: str = ""
    severity: Severity | None = None
    """Set when the outcome is `problem`."""
    confidence: float | None = None
    """0..1, set when the outcome is `problem`."""
    summary: str = ""
    """One sentence with this machine's own figures."""
    evidence: tuple[Evidence, ...] = ()
    explains: tuple[str, ...] = ()
    """Keys of findings that are consequences of this one and are folded under it."""
    fix: tuple[FixStep, ...] = ()
    verify: str | None = None
    """A command that shows whether the fix worked."""
    why_unknown: str | None = None
    """What could not be read, when the outcome is `unknown` or `not-applicable`."""
