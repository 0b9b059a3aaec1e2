"""One question asked of every GPU, answered once."""

from __future__ import annotations

from collections.abc import Callable

from envkit.core import text
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, not_applicable, ok, problem, unknown
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

_ORDER = ("error", None, "warning", "note")
"""Severities, worst first; None = what the cause says."""


def each_gpu(snapshot: Snapshot, judge: Callable[[Gpu], Outcome | None], fine: str) -> Outcome:
    """The worst answer over all GPUs; `judge` returns None for a GPU that does not offer the reading."""
    devices = views.gpus(snapshot)
    if not devices:
        if views.has_nvidia(snapshot) is False:
            return not_applicable("no NVIDIA GPU on this machine")
        if snapshot.nvml is not None and snapshot.nvml.state not in ("hung", "failed"):
            return not_applicable(f"NVML: {snapshot.nvml.state}")
        return unknown(views.because(snapshot, "nvml"))
    answers = [answer for gpu in devices if (answer := judge(gpu)) is not None]
    if not answers and views.in_part(snapshot, "nvml"):
        return unknown(views.because(snapshot, "nvml"))
    if not answers:
        return not_applicable("this GPU or its driver does not offer the reading")
    problems = [answer for answer in answers if answer.status == "problem"]
    if not problems and views.unanswering(snapshot):
        return unknown(views.because(snapshot, "nvml"))
    if not problems:
        return ok(fine)
    problems.sort(key=lambda answer: _ORDER.index(answer.severity))
    more = f" (and {text.plural(len(problems) - 1, 'other GPU')})" if len(problems) > 1 else ""
    first = problems[0]
    evidence = [item for answer in problems[:8] for item in answer.evidence]
    return problem(
        first.why + more,
        *evidence,
        severity=first.severity,
        confidence=first.confidence,
        **dict(first.slots),
    )
