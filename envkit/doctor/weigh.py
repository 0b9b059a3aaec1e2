"""What a text points to, weighed with what this machine's own checks found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from envkit.core.finding import Finding
from envkit.match.model import Explanation, Match

_FOUND_FINE = 0.3
"""What is left of the confidence in a cause whose check found nothing wrong: the text may be of an earlier
state, or of another machine."""
_FOUND = 0.97


def weighed(explanation: Explanation, findings: Iterable[Finding]) -> Explanation:
    """The explanation with causes that were found here first, and those that were looked for in vain last."""
    outcomes = {finding.key: finding.outcome for finding in findings}
    matches = [_weighed(match, outcomes.get(match.key)) for match in explanation.causes]
    return replace(explanation, causes=tuple(sorted(matches, key=lambda match: -match.confidence)))


def _weighed(match: Match, outcome: str | None) -> Match:
    if outcome == "problem":
        return replace(match, confidence=max(match.confidence, _FOUND), deciding_fact=None)
    if outcome == "ok":
        why = "the check for it found nothing wrong here"
        return replace(match, confidence=round(match.confidence * _FOUND_FINE, 2), deciding_fact=why)
    return match
