"""A report to paste into an issue: the essence in view, the rest folded."""

from __future__ import annotations

from envkit.core.finding import Finding, FixStep
from envkit.core.report import Bars, Block, Code, Diff, KeyValues, Report, Section, Series, Table, Text
from envkit.report import foreign, outline, text_blocks
from envkit.report.inert import code, fenced, markdown, summary
from envkit.report.ink import Ink
from envkit.report.options import Options
from envkit.report.outline import Outline

_CHART = Options(width=80)
"""Charts are set in characters, in a code fence of this width."""


def render(report: Report, options: Options) -> str:
    """The report as GitHub-flavoured Markdown."""
    told = outline.outline(report)
    parts = [[f"# {_inline(report.command)}: {_inline(outline.verdict(report, told))}"]]
    if options.quiet:
        parts.append([f"- {_title(problem)}" for problem in told.problems])
        return _joined(parts)
    parts += [[_inline(report.headline)]] if report.headline else []
    parts += [_problem(problem) for problem in told.problems]
    parts += [_undecided(told), _fine(told)]
    notes = [[f"Note: {_inline(note)}"] for note in report.notes]
    shown = [_section(section) for section in report.sections if not section.detail]
    parts += [*shown, *notes] if report.findings_first else [*notes, *shown]
    parts += [_folded(section.title, _blocks(section)) for section in report.sections if section.detail]
    parts.append(_checks(report) if options.verbose and not report.findings_first else [])
    return _joined(parts)


def _joined(parts: list[list[str]]) -> str:
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _inline(text: str) -> str:
    return markdown(foreign.line(text))


def _code(text: str) -> str:
    return code(foreign.line(text))


def _cell(text: str) -> str:
    return markdown(foreign.line(text), table=True)


def _code_cell(text: str) -> str:
    return code(foreign.line(text), table=True)


def _section(section: Section) -> list[str]:
    return [f"## {_inline(section.title)}", "", *_blocks(section)]


def _blocks(section: Section) -> list[str]:
    lines: list[str] = []
    for block in section.blocks:
        lines += ([""] if lines else []) + _block(block)
    return lines


def _folded(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    return ["<details>", f"<summary>{summary(foreign.line(title))}</summary>", "", *lines, "", "</details>"]


def _title(finding: Finding) -> str:
    severity = outline.severity(finding)
    return f"{severity}: {markdown(outline.title(finding))} ({_code(finding.key)})"


def _problem(finding: Finding) -> list[str]:
    lines = [f"## {_title(finding)}", ""]
    sure = outline.confidence(finding)
    told = _inline(finding.summary) + (f" ({sure})" if sure else "")
    lines += [told.strip(), ""] if told else []
    if finding.explains:
        lines += [f"Because of it: {', '.join(map(_code, finding.explains))}", ""]
    lines += _fix(finding.fix)
    if finding.verify:
        lines += ["**Check**", "", *fenced(foreign.command(finding.verify).split("\n"), "sh"), ""]
    facts = [(e.what, e.value, e.source) for e in finding.evidence]
    rows = [[_cell(what), _code_cell(value), _code_cell(source)] for what, value, source in facts]
    lines += _folded("Evidence", _rows(["what", "value", "read from"], rows) if rows else [])
    return lines[:-1] if not lines[-1] else lines


def _fix(steps: tuple[FixStep, ...]) -> list[str]:
    if not steps:
        return []
    lines = ["**Fix**", ""]
    for number, group in enumerate(outline.choices(steps), 1):
        mark = f"{number}. "
        for place, step in enumerate(group):
            lines += [(" " * len(mark) if place else mark) + (_inline(step.say) or "Run:"), ""]
            if step.run:
                lines += [*fenced(foreign.command(step.run).split("\n"), "sh", indent=" " * len(mark)), ""]
    return lines


def _undecided(told: Outline) -> list[str]:
    if not told.undecided:
        return []
    lines = [f"## {outline.undecided_line(told)}", ""]
    for group in told.undecided:
        keys = ", ".join(_code(finding.key) for finding in group.findings)
        lines.append(f"- {markdown(group.why)} ({keys})")
    return lines


def _fine(told: Outline) -> list[str]:
    parts = outline.fine_lines(told)
    return [" · ".join(parts)] if parts else []


def _checks(report: Report) -> list[str]:
    rows = [
        [_code_cell(finding.key), outline.WORDS[finding.outcome], _cell(outline.reason(finding))]
        for finding in report.findings
    ]
    return _folded("Every check", _rows(["check", "outcome", "reason"], rows)) if rows else []


def _rows(head: list[str], rows: list[list[str]], right: list[bool] | None = None) -> list[str]:
    rule = ["--:" if flush else "---" for flush in right or [False] * len(head)]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def _block(block: Block) -> list[str]:
    match block:
        case Text():
            return _text(block)
        case KeyValues():
            rows = [[_cell(p.key), _code_cell(p.value), _cell(p.note or "")] for p in block.pairs]
            return _rows(["what", "value", "note"], rows) if rows else []
        case Table():
            return _table(block)
        case Diff():
            return fenced(foreign.lines(block.text.removesuffix("\n")), "diff")
        case Series() | Bars() | Code():
            return fenced(_dedented(text_blocks.render(block, Ink(_CHART))))


def _dedented(lines: list[str]) -> list[str]:
    return [line.removeprefix("  ") for line in lines]


def _text(block: Text) -> list[str]:
    lines: list[str] = []
    for paragraph in foreign.paragraphs(block.text):
        lines += ([""] if lines else []) + [markdown(paragraph)]
    return lines


def _table(table: Table) -> list[str]:
    caption = [_inline(table.caption), ""] if table.caption else []
    if not table.columns:
        return caption
    columns = [foreign.column_cells(table.rows, index) for index in range(len(table.columns))]
    right = [foreign.right_aligned(*pair) for pair in zip(table.columns, columns, strict=True)]
    head = [_cell(foreign.heading(column)) for column in table.columns]
    rows = [[_cell(foreign.figure(column[row])) for column in columns] for row in range(len(table.rows))]
    return caption + _rows(head, rows, right)
