"""Causes as reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from envkit.causes import Cause
from envkit.core.codec import dumps
from envkit.core.report import Column, Report, Section, Table, Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Causes:
    """What `envkit explain --json` prints: one cause, or all."""

    causes: tuple[Cause, ...]
    schema: str = "envkit.causes/1"


def one(entry: Cause) -> Report:
    """Everything that is known of a cause. Slots that a machine would fill are shown as they stand."""
    steps = []
    for number, step in enumerate(entry.fix, 1):
        when = f"  (when: {', '.join(step.when)})" if step.when else ""
        steps.append(Text(text=f"{number}. {step.say}{when}" + (f"\n   {step.run}" if step.run else "")))
    sections = [
        Section(title="Why it happens", blocks=(Text(text=entry.why),)),
        Section(title="How to confirm it", blocks=(Text(text=entry.confirm),)),
        Section(title="How to fix it", blocks=tuple(steps)),
        Section(title="How to check the fix", blocks=(Text(text=entry.verify),)),
    ]
    if entry.explains:
        sections.append(Section(title="What it explains", blocks=(Text(text=", ".join(entry.explains)),)))
    sections.append(Section(title="Sources", blocks=(Text(text="\n".join(entry.sources)),)))
    return Report(
        command="envkit explain",
        verdict="healthy",
        headline=f"{entry.key}: {entry.title} ({entry.family}, {entry.severity})",
        conclusion=f"`envkit doctor --only {entry.key}` looks for it on this machine.",
        sections=tuple(sections),
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
