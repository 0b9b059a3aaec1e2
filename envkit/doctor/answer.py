"""The JSON shape of `envkit doctor`."""

from __future__ import annotations

from dataclasses import dataclass

from envkit.core.finding import Finding
from envkit.core.report import Verdict
from envkit.facts.model import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What `--json` prints."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    snapshot: Snapshot | None = None
    """With -v only."""
    schema: str = "envkit.doctor/1"
