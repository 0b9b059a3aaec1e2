"""A diagnosis as a Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from envkit.causes import catalogue
from envkit.core.finding import Evidence, Finding, Severity
from envkit.core.report import Report, Verdict
from envkit.diagnose import ranks
from envkit.diagnose import summary_sections as sections
from envkit.diagnose import summary_words as words
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import DiagnosedCause, Diagnosis
from envkit.diagnose.trace import Trace

_SUSPECTED = 0.8
"""Below this a cause that nothing proved is called a suspicion."""


def report(
    diagnosis: Diagnosis,
    traces: Sequence[Trace],
    files: Mapping[str, str],
    *,
    command: str,
    memory: MemoryUse | None = None,
    folder: str = "",
) -> Report:
    """What a person reads: the cause with its evidence, the change, the line, what was tried, the curves.

    files: the person's own files, by path, as far as they could be read. memory: of the script while it ran.
    folder: paths below it are shown from it.
    """
    verdict: Verdict = "faulty" if diagnosis.verdict == "faulty" else diagnosis.verdict
    trace = guilty(traces)
    parts = [] if trace is None else sections.sections(diagnosis, trace, files, folder=folder)
    if memory is not None:
        parts += sections.memory(diagnosis, memory)
    return Report(
        command="envkit diagnose",
        headline=command,
        verdict=verdict,
        conclusion=_conclusion(diagnosis, trace, traces, command, folder),
        findings=tuple(_finding(one, number, folder) for number, one in enumerate(diagnosis.causes)),
        sections=tuple(parts),
        notes=tuple(words.notes(diagnosis, traces, trace)),
        findings_first=True,
    )


def guilty(traces: Sequence[Trace]) -> Trace | None:
    """The process to tell about: one in which something went wrong, else the one that trained longest."""
    traces = ranks.judged(traces)
    tripped = [one for one in traces if one.trip is not None]
    wrong = tripped or [one for one in traces if one.crash is not None]
    if wrong:
        return max(wrong, key=lambda one: (len(one.events), len(one.steps.ended)))
    return traces[0] if traces else None


def _finding(one: DiagnosedCause, number: int, folder: str) -> Finding:
    entry = catalogue()[one.key]
    place = where(one, folder)
    said = f"{one.summary}, {place}" if one.summary and place else one.summary or place
    severity: Severity = "note" if number else "error"
    lead = "Also possible: " if number else ""
    if one.proof == "hypothesis" and one.confidence < _SUSPECTED and not number:
        lead = "Suspected: "
    return Finding(
        key=one.key, outcome="problem", title=entry.title, severity=severity, confidence=one.confidence,
        summary=lead + said, evidence=_untold(one), fix=() if number else one.fix,
    )  # fmt: skip


def _untold(one: DiagnosedCause) -> tuple[Evidence, ...]:
    """Evidence without what was tried, which has a table of its own."""
    return tuple(fact for fact in one.evidence if not fact.what.startswith("tried: "))


def where(one: DiagnosedCause, folder: str) -> str:
    """`train.py:29 in encoder.fc1 (forward)`."""
    place = one.where
    parts = []
    if place.file and place.line:
        parts.append(f"{words.shortened(place.file, folder)}:{place.line}")
    if place.module:
        parts.append(f"in {place.module}")
    if place.phase and parts:
        parts.append(f"({place.phase})")
    return " ".join(parts)


def _conclusion(
    diagnosis: Diagnosis, trace: Trace | None, traces: Sequence[Trace], command: str, folder: str
) -> str:
    """The last line, and the first one of a page."""
    if diagnosis.verdict == "healthy":
        return words.healthy(diagnosis, traces)
    if diagnosis.verdict == "unknown":
        return words.unknown(diagnosis, traces, command)
    happened = words.happened(diagnosis, trace, folder)
    if not diagnosis.causes:
        return f"{happened} {words.why_not(diagnosis, trace)}"
    first = diagnosis.causes[0]
    place = first.where
    at = f" at {words.shortened(place.file, folder)}:{place.line}" if place.file and place.line else ""
    crashed = trace is None or trace.trip is None
    tried = "" if crashed and first.proof == "hypothesis" else f"; {words.proof(first)}"
    return f"{happened} Cause: {first.key}{at}{tried}."
