"""A report for a person at a terminal: problems first, then what is not known, then what to do next."""

from __future__ import annotations

from rich.cells import cell_len

from envkit.core.finding import Finding
from envkit.core.report import Report, Section
from envkit.report import foreign, outline, text_blocks
from envkit.report.ink import Ink
from envkit.report.options import Options
from envkit.report.outline import Outline

_NAMED = 4
"""Checks that are named one by one without -v, where they could not be decided for one reason."""


def render(report: Report, options: Options) -> str:
    """The report as lines of text, ended by the verdict."""
    ink = Ink(options)
    told = outline.outline(report)
    if options.quiet:
        parts = [[line for problem in told.problems for line in _title(problem, ink)]]
    else:
        parts = [_headline(report, ink)]
        shown = [_section(section, ink) for section in report.sections if not section.detail]
        problems = [_problem(problem, ink) for problem in told.problems]
        parts += [*problems, *shown] if report.findings_first else [*shown, *problems]
        parts += [_undecided(told, ink, options.verbose)]
        if options.verbose:
            parts += [] if report.findings_first else [_checks(report, ink)]
            parts += [_section(section, ink) for section in report.sections if section.detail]
        parts += [_fine(told, ink), [line for note in report.notes for line in _note(note, ink)]]
    parts.append(_verdict(report, told, ink))
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _headline(report: Report, ink: Ink) -> list[str]:
    words = [("strong", foreign.line(report.command, limit=200))]
    if report.headline:
        words += [("dim", ink.glyph("dot")), ("", foreign.line(report.headline))]
    return ink.flow(words)


def _section(section: Section, ink: Ink) -> list[str]:
    lines = [line for block in section.blocks for line in _apart(text_blocks.render(block, ink))]
    while lines and not lines[-1]:
        lines.pop()
    return ink.flow([("strong", foreign.line(section.title, limit=400))]) + lines


def _apart(lines: list[str]) -> list[str]:
    return [*lines, ""] if lines else []


def _title(finding: Finding, ink: Ink) -> list[str]:
    """Marker, severity, title; the key flush right, or below where there is no room."""
    severity = outline.severity(finding)
    name, key = outline.title(finding), foreign.line(finding.key)
    head = f"{ink.glyph(severity)} {severity}:"
    lines = ink.flow([(severity, head), ("strong", name)], hang=2)
    if not finding.title:
        return lines
    used = cell_len(ink.spell(f"{head} {name}"))
    room = ink.prose - used - cell_len(key)
    if len(lines) == 1 and room >= 2:
        return [lines[0] + " " * room + ink.paint("dim", key)]
    return lines + ink.flow([("dim", key)], indent=2)


def _problem(finding: Finding, ink: Ink) -> list[str]:
    sure = outline.confidence(finding)
    lines = _title(finding, ink)
    lines += ink.flow([("", foreign.line(finding.summary)), ("dim", f"({sure})" if sure else "")], indent=2)
    facts = [(foreign.line(e.what), foreign.line(e.value), foreign.line(e.source)) for e in finding.evidence]
    lines += ink.ledger(facts, indent=4)
    if finding.explains:
        keys = ", ".join(foreign.line(key) for key in finding.explains)
        lines += ink.flow([("dim", "Because of it:"), ("", keys)], indent=2, hang=4)
    if finding.fix:
        lines += ["", "  " + ink.paint("strong", "Fix:")]
    for number, steps in enumerate(outline.choices(finding.fix), 1):
        mark = f"{number}."
        for place, step in enumerate(steps):
            words = [("", foreign.line(step.say))] if place else [("", mark), ("", foreign.line(step.say))]
            lines += ink.flow(words, indent=3 + len(mark) if place else 2, hang=3 + len(mark))
            if step.run:
                lines += _command(step.run)
    if finding.verify:
        lines += ["  " + ink.paint("strong", "Check:"), *_command(finding.verify)]
    return lines


def _command(command: str) -> list[str]:
    """A command as it is, however long: it is there to be pasted."""
    return [f"      {line}" for line in foreign.command(command).split("\n")]


def _undecided(told: Outline, ink: Ink, verbose: bool) -> list[str]:
    if not told.undecided:
        return []
    lines = ink.flow([("unknown", ink.glyph("unknown")), ("strong", outline.undecided_line(told))])
    for group in sorted(told.undecided, key=lambda one: -len(one.findings)):
        many = len(group.findings)
        keys = ", ".join(foreign.line(finding.key) for finding in group.findings)
        if many > _NAMED and not verbose:
            keys = f"{many} checks; -v names them"
        lines += ink.flow([("", group.why), ("dim", f"({keys})")], indent=4, hang=6)
    return lines


def _checks(report: Report, ink: Ink) -> list[str]:
    """Every check with its outcome and the reason for it."""
    if not report.findings:
        return []
    rows = []
    for finding in report.findings:
        mark = outline.severity(finding) if finding.outcome == "problem" else finding.outcome
        reason = outline.reason(finding)
        words = outline.WORDS[finding.outcome] + (f": {reason}" if reason else "")
        rows.append((f"{ink.glyph(mark)} {foreign.line(finding.key)}", words, ""))
    return [ink.paint("strong", "Every check"), *ink.ledger(rows)]


def _fine(told: Outline, ink: Ink) -> list[str]:
    parts = outline.fine_lines(told)
    if not parts:
        return []
    mark = "ok" if told.ok else "not-applicable"
    return ink.flow([(mark, ink.glyph(mark)), ("", f" {ink.glyph('dot')} ".join(parts))], hang=2)


def _note(note: str, ink: Ink) -> list[str]:
    return ink.flow([("dim", "Note:"), ("", foreign.line(note))], hang=2)


def _verdict(report: Report, told: Outline, ink: Ink) -> list[str]:
    state = outline.state(report, told)
    return ink.flow([(state, ink.glyph(state)), ("strong", outline.verdict(report, told))], hang=2)
