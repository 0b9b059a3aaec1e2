"""Causes as reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envkit.causes import Cause, catalogue
from envkit.causes.advice import why_of
from envkit.core.codec import dumps
from envkit.core.finding import Finding
from envkit.core.report import Code, Column, Report, Section, Table, Text
from envkit.match.fix import WHERE
from envkit.match.model import Explanation, Match


@dataclass(frozen=True, kw_only=True, slots=True)
class Causes:
    """What `envkit explain --json` prints: one cause, or all."""

    causes: tuple[Cause, ...]
    schema: str = "envkit.causes/1"


def one(entry: Cause) -> Report:
    """Everything that is known of a cause. What a machine would fill in is shown as `<name>`."""
    sections = [
        Section(title="Why it happens", blocks=(Text(text=entry.why),)),
        Section(title="How to confirm it", blocks=(Text(text=entry.confirm),)),
        Section(title="How to fix it", blocks=tuple(_steps(entry))),
    ]
    if entry.verify:
        sections.append(Section(title="How to check the fix", blocks=(Code(path="", lines=(entry.verify,)),)))
    if entry.explains:
        sections.append(Section(title="What it explains", blocks=(Text(text=", ".join(entry.explains)),)))
    sections.append(Section(title="Sources", blocks=(Text(text="; ".join(entry.sources)),)))
    return Report(
        command="envkit explain",
        verdict="healthy",
        headline=f"{entry.key} ({entry.family}, {entry.severity}): {entry.title}",
        conclusion=(
            "`envkit doctor` looks for it on this machine."
            if entry.verify
            else "It shows in a program's messages: `envkit explain --error FILE` recognises them."
        ),
        sections=tuple(sections),
    )


def _steps(entry: Cause) -> Iterator[Text | Code]:
    for number, step in enumerate(entry.fix, 1):
        where = ", ".join(WHERE.get(name, name.replace("_", " ")) for name in step.when)
        yield Text(text=f"{number}. {step.open(step.say)}" + (f" ({where})" if where else ""))
        if step.run:
            yield Code(path="", lines=(step.open(step.run),))


def matched(explanation: Explanation) -> Report:
    """The causes of an error text, best first, each with the line that gave it away."""
    return Report(
        command="envkit explain --error",
        verdict="unknown",
        headline="" if explanation.causes else "Nothing that envkit knows is in this text.",
        findings=tuple(_matched(match) for match in explanation.causes),
        notes=tuple(
            f"Between them decides: {fact}"
            for fact in dict.fromkeys(m.deciding_fact for m in explanation.causes if m.deciding_fact)
        ),
        conclusion=(
            "The most likely comes first; `envkit doctor --error FILE` weighs it with this machine's facts."
            if explanation.causes
            else "Try `envkit doctor`, which looks at the machine itself."
        ),
    )


def _matched(match: Match) -> Finding:
    entry = catalogue()[match.key]
    return Finding(
        key=match.key,
        outcome="problem",
        title=entry.title,
        # One severity for all: what comes first is what is most likely, not what would be worst.
        severity="error",
        confidence=match.confidence,
        summary=why_of(match.key),
        evidence=match.evidence,
        fix=match.fix,
        verify=entry.verify,
    )


def listing(entries: Iterable[Cause]) -> Report:
    """All causes, a line each."""
    rows = tuple((entry.key, entry.family, entry.title) for entry in entries)
    columns = (Column(title="key"), Column(title="family"), Column(title="what it is"))
    return Report(
        command="envkit explain",
        verdict="healthy",
        headline=f"{len(rows)} causes",
        conclusion="`envkit explain KEY` prints what is known of one.",
        sections=(Section(title="Causes", blocks=(Table(columns=columns, rows=rows),)),),
    )


def as_json(entries: Iterable[Cause]) -> str:
    """Causes as data."""
    return dumps(Causes(causes=tuple(entries)))
