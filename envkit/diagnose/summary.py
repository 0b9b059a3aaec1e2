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
from envkit.diagnose.speed import summary as speed
from envkit.diagnose.speed.words import shortened, slow
from envkit.diagnose.speed.words import verdict as costs
from envkit.diagnose.trace import Trace
from envkit.target.conditions import Conditions

_SUSPECTED = 0.8
"""Below this a cause that nothing proved is called a suspicion."""


def report(
    diagnosis: Diagnosis,
    traces: Sequence[Trace],
    files: Mapping[str, str],
    *,
    command: str,
    memory: MemoryUse | None = None,
    conditions: Conditions | None = None,
    folder: str = "",
    only: str | None = None,
    page: bool = False,
    prove: str | None = None,
) -> Report:
    """What a person reads: the cause with its evidence, the change, the line, what was tried, the curves; and
    then where the time goes.

    files: the person's own files, by path, as far as they could be read. memory: of the script while it ran.
    conditions: of the machine meanwhile. folder: paths below it are shown from it. only: `faults` or `speed`,
    where the person asked for one of them. page: there is room for charts. prove: the command that tries what
    would make it faster.
    """
    trace = guilty(traces)
    alone = only == "speed"
    faulty = diagnosis.verdict == "faulty"
    how = speed.Telling(folder=folder, page=page, aside=faulty and not alone, alone=alone, prove=prove)
    parts = [] if trace is None or how.alone else sections.sections(diagnosis, trace, files, folder=folder)
    view = speed.viewed(traces, files, conditions)
    timed = speed.parts(diagnosis.speed, view, how)
    parts = [*parts, *timed] if how.aside else [*timed, *parts]
    if memory is not None:
        parts += sections.memory(diagnosis, memory)
    costly = speed.finding(diagnosis.speed, how)
    return Report(
        command="envkit diagnose",
        headline=command,
        verdict=_verdict(diagnosis, only),
        conclusion=_conclusion(diagnosis, trace, traces, command, folder, only),
        findings=(
            *(_finding(one, number, folder) for number, one in enumerate(diagnosis.causes)),
            *(() if costly is None else (costly,)),
        ),
        sections=tuple(parts),
        notes=(
            *words.notes(diagnosis, traces, trace if faulty or view is None else view.trace),
            *speed.notes(diagnosis.speed, how),
        ),
        findings_first=True,
    )


def _verdict(diagnosis: Diagnosis, only: str | None) -> Verdict:
    """As the report marks it: what is slow is a warning."""
    if diagnosis.verdict != "healthy":
        return diagnosis.verdict
    if slow(diagnosis.speed) is not None:
        return "problems"
    unjudged = diagnosis.speed is None or diagnosis.speed.why_unknown is not None
    return "unknown" if only == "speed" and unjudged else "healthy"


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
        parts.append(f"{shortened(place.file, folder)}:{place.line}")
    if place.module:
        parts.append(f"in {place.module}")
    if place.phase and parts:
        parts.append(f"({place.phase})")
    return " ".join(parts)


def _conclusion(
    diagnosis: Diagnosis, trace: Trace | None, traces: Sequence[Trace], command: str, folder: str,
    only: str | None,
) -> str:  # fmt: skip
    """The last line, and the first one of a page."""
    if diagnosis.verdict == "healthy":
        return words.healthy(diagnosis, traces, folder, faults=only != "speed")
    if diagnosis.verdict == "unknown":
        return words.unknown(diagnosis, traces, command)
    happened = words.happened(diagnosis, trace, folder)
    if only == "speed":
        told = "" if diagnosis.speed is None else costs(diagnosis.speed, folder)
        more = f" {told[:1].upper()}{told[1:]}." if told else ""
        return f"{happened} Why was not looked for: leave out --only speed.{more}"
    if not diagnosis.causes:
        return f"{happened} {words.why_not(diagnosis, trace)}"
    first = diagnosis.causes[0]
    place = first.where
    at = f" at {shortened(place.file, folder)}:{place.line}" if place.file and place.line else ""
    crashed = trace is None or trace.trip is None
    tried = "" if crashed and first.proof == "hypothesis" else f"; {words.proof(first)}"
    return f"{happened} Cause: {first.key}{at}{tried}."
