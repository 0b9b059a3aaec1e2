"""Two plans for one request, from two sources, in one report: and where they differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from envkit.core.report import Column, Report, Section, Table, Text
from envkit.resolve.model import Plan


def together(reports: tuple[Report, ...], plans: tuple[Plan, ...]) -> Report:
    """The reports of all plans as one, the first one's first."""
    first, *others = reports
    if not others:
        return first
    sections = [*first.sections, differences(plans)]
    for plan, report in zip(plans[1:], others, strict=True):
        sections += [replace(each, title=f"{plan.source}: {each.title}") for each in report.sections]
    verdict = next((each.verdict for each in reports if each.verdict == "problems"), first.verdict)
    return replace(
        first,
        verdict=verdict,
        headline=" | ".join(dict.fromkeys(each.headline for each in reports)),
        conclusion=" ".join(each.conclusion for each in reports if each.conclusion),
        sections=tuple(sections),
        notes=tuple(dict.fromkeys(note for each in reports for note in each.notes)),
    )


def differences(plans: tuple[Plan, ...]) -> Section:
    """Where the sources give something else."""
    rows = tuple(_rows(plans))
    if not rows:
        said = "In nothing that decides: the same release, CUDA, Python and device code."
        return Section(title="Where the sources differ", blocks=(Text(text=said),))
    columns = (Column(title=""), *(Column(title=plan.source) for plan in plans))
    return Section(title="Where the sources differ", blocks=(Table(columns=columns, rows=rows),))


def _rows(plans: tuple[Plan, ...]) -> Iterator[tuple[str, ...]]:
    for title, values in (
        (plans[0].framework, [plan.version for plan in plans]),
        ("build", [plan.cuda for plan in plans]),
        ("Python", [plan.python for plan in plans]),
        ("oldest glibc", [plan.glibc or "not recorded" for plan in plans]),
        ("oldest driver", [plan.driver_floor or "none" for plan in plans]),
        ("device code", [" ".join(plan.archs) or "none" for plan in plans]),
    ):
        if len(set(values)) > 1:
            yield (title, *values)
