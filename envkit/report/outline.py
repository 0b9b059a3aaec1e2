"""What every format says of a report, and in which order: problems, unknowns, what is fine, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envkit.core.finding import SEVERITIES, Finding, FixStep, Severity
from envkit.core.report import Report
from envkit.core.text import plural
from envkit.report import foreign

WORDS = {
    "ok": "ok",
    "problem": "problem",
    "unknown": "could not be decided",
    "not-applicable": "does not apply",
}
"""An outcome in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undecided:
    """Checks that could not be decided for one reason."""

    why: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """The findings of a report, as they are told."""

    problems: tuple[Finding, ...]
    """Most severe first."""
    undecided: tuple[Undecided, ...]
    ok: tuple[Finding, ...]
    not_applicable: tuple[Finding, ...]


def outline(report: Report) -> Outline:
    """The findings of a report, sorted; consequences are in `Finding.explains` already."""
    by_outcome: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_outcome.setdefault(finding.outcome, []).append(finding)
    return Outline(
        problems=tuple(sorted(by_outcome.get("problem", ()), key=_severity_rank)),
        undecided=_group(by_outcome.get("unknown", [])),
        ok=tuple(by_outcome.get("ok", ())),
        not_applicable=tuple(by_outcome.get("not-applicable", ())),
    )


def severity(finding: Finding) -> Severity:
    """The severity; a problem that does not say is taken seriously."""
    return finding.severity or "error"


def _severity_rank(finding: Finding) -> int:
    return SEVERITIES.index(severity(finding))


def _group(findings: list[Finding]) -> tuple[Undecided, ...]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        why = foreign.line(finding.why_unknown or "") or "no reason was given"
        groups.setdefault(why, []).append(finding)
    return tuple(Undecided(why=why, findings=tuple(group)) for why, group in groups.items())


def title(finding: Finding) -> str:
    """The title of a finding, or its key where it has none."""
    return foreign.line(finding.title, limit=400) or foreign.line(finding.key)


def reason(finding: Finding) -> str:
    """Why a finding has its outcome, in one sentence where it says so."""
    if finding.outcome in ("unknown", "not-applicable"):
        return foreign.line(finding.why_unknown or finding.summary or finding.title)
    return foreign.line(finding.summary or finding.title)


def confidence(finding: Finding) -> str | None:
    """How sure a problem is, where there is a doubt worth a word."""
    sure = finding.confidence
    if sure is None or not 0 <= sure < 0.995:
        return None
    return f"{sure * 100:.0f} % sure"


def undecided_count(told: Outline) -> int:
    """How many checks could not be decided."""
    return sum(len(group.findings) for group in told.undecided)


def undecided_line(told: Outline) -> str:
    """`3 checks could not be decided`."""
    return f"{plural(undecided_count(told), 'check')} could not be decided"


def fine_lines(told: Outline) -> list[str]:
    """What was looked at and is not wrong, counted."""
    parts = []
    if told.ok:
        parts.append(f"{plural(len(told.ok), 'check')} found nothing wrong")
    if told.not_applicable:
        many = len(told.not_applicable)
        rest = f"{many} {'does' if many == 1 else 'do'} not apply here"
        parts.append(rest if parts else f"{plural(many, 'check')} {rest.split(' ', 1)[1]}")
    return parts


def counts(told: Outline) -> str:
    """`3 problems, 1 warning, 2 notes`: only what there is."""
    found = [severity(problem) for problem in told.problems]
    words = (("error", "problem"), ("warning", "warning"), ("note", "note"))
    return ", ".join(plural(found.count(name), word) for name, word in words if name in found)


def state(report: Report, told: Outline) -> str:
    """The marker that goes with the verdict: error, warning, ok, unknown or note."""
    if any(severity(problem) == "error" for problem in told.problems):
        return "error"
    return {
        "healthy": "ok", "faster": "ok", "same": "ok", "slower": "warning",
        "problems": "warning", "faulty": "error",
        "planned": "ok", "built": "ok", "refused": "error", "drifted": "warning",
    }.get(report.verdict, "unknown")  # fmt: skip


def verdict(report: Report, told: Outline) -> str:
    """The last line: how it stands, and what to do next."""
    if report.conclusion:
        return foreign.line(report.conclusion, limit=400)
    found = counts(told)
    sentences = []
    if report.verdict in ("problems", "faulty") or (told.problems and state(report, told) == "error"):
        sentences.append(f"{found or 'Problems were found'}.")
        if len(told.problems) > 1:
            sentences.append("Start with the first.")
        elif told.problems and told.problems[0].fix:
            sentences.append("Start with its fix.")
    elif report.verdict == "healthy":
        sentences.append(f"Healthy, with {found}." if found else "Healthy.")
    else:
        sentences.append(_VERDICTS[report.verdict])
        if found:
            sentences.append(f"{found}.")
    if told.undecided and (report.verdict in ("healthy", "unknown")):
        sentences.append(f"{undecided_line(told)}.")
    return " ".join(sentences)


_VERDICTS = {
    "unknown": "Unknown: what could be read does not decide it.",
    "same": "The same: no difference that these samples can tell.",
    "faster": "Faster.",
    "slower": "Slower.",
    "inconclusive": "Inconclusive: these samples cannot tell.",
    "planned": "Planned.",
    "refused": "Refused: nothing that exists fits.",
    "built": "Built, and its check passed.",
    "drifted": "Drifted: the same request gives another environment today.",
}


def choices(steps: Sequence[FixStep]) -> tuple[tuple[FixStep, ...], ...]:
    """The steps of a fix, those that begin with `Or` with the one that they are an alternative to."""
    groups: list[list[FixStep]] = []
    for step in steps:
        if groups and step.say.startswith(("Or ", "Or, ")):
            groups[-1].append(step)
        else:
            groups.append([step])
    return tuple(map(tuple, groups))
