"""The JSON shape of `envkit doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.core.finding import Finding
from envkit.doctor.apply.applied import Applied
from envkit.facts.model import Snapshot
from envkit.match.model import Explanation

Verdict = Literal["healthy", "problems", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What `--json` prints."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    snapshot: Snapshot | None = None
    """With -v only."""
    error: Explanation | None = None
    """With --error: what the text points to, weighed with this snapshot's facts."""
    applied: tuple[Applied, ...] | None = None
    """With --apply only: what became of each fix; the findings are then those of afterwards."""
    new_problems: tuple[str, ...] | None = None
    """With --apply only: keys of problems that were not there before."""
    schema: str = "envkit.doctor/1"
