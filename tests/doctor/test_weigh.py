"""A text's causes, weighed with what doctor found on the machine."""

from __future__ import annotations

from envkit.core.finding import Finding
from envkit.doctor.weigh import weighed
from envkit.match.model import Explanation, Match


def explanation(*matches: tuple[str, float]) -> Explanation:
    return Explanation(causes=tuple(Match(key=key, confidence=sure, evidence=()) for key, sure in matches))


def test_a_cause_that_was_found_here_comes_first():
    told = weighed(
        explanation(("shm-too-small", 0.9), ("oom-host", 0.5)), [Finding(key="oom-host", outcome="problem")]
    )
    assert [match.key for match in told.causes] == ["oom-host", "shm-too-small"]


def test_a_cause_that_was_looked_for_in_vain_sinks():
    told = weighed(
        explanation(("shm-too-small", 0.99), ("oom-host", 0.5)), [Finding(key="shm-too-small", outcome="ok")]
    )
    assert [match.key for match in told.causes] == ["oom-host", "shm-too-small"]
    assert "found nothing wrong" in (told.causes[1].deciding_fact or "")


def test_what_doctor_cannot_tell_changes_nothing():
    before = explanation(("nccl-firewall", 0.7))
    unasked = [Finding(key="nccl-firewall", outcome="unknown"), Finding(key="x", outcome="not-applicable")]
    assert weighed(before, unasked) == before
