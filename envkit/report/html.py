"""A report as one page that needs nothing else: no script, no address, no file beside it."""

from __future__ import annotations

from envkit.core.finding import Finding, FixStep
from envkit.core.report import Report, Section
from envkit.report import foreign, html_blocks, outline
from envkit.report.html_style import STYLE
from envkit.report.markup import Markup, element, join
from envkit.report.options import Options
from envkit.report.outline import Outline

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_SIGNS = {"error": "✗", "warning": "!", "note": "i", "ok": "✓", "unknown": "?"}
_MANY = 8
"""Rows of evidence beyond which they are folded."""


def render(report: Report, options: Options) -> str:
    """The report as HTML. The whole of it is there; `verbose` only unfolds it, `quiet` leaves titles."""
    told = outline.outline(report)
    verdict = outline.verdict(report, told)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", f"{foreign.line(report.command, limit=200)}: {verdict}"),
        Markup(f"<style>{STYLE}</style>"),
    )
    main = _titles(told) if options.quiet else _main(report, told, options)
    body = element("body", _header(report, told, verdict), element("main", *main))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _header(report: Report, told: Outline, verdict: str) -> Markup:
    state = outline.state(report, told)
    return element(
        "header",
        element("p", foreign.line(report.command, limit=200), class_="command-name"),
        element(
            "h1",
            element("span", _SIGNS[state], class_="sign", aria_hidden="true"),
            " ",
            verdict,
            class_=state,
        ),
        element("p", foreign.line(report.headline)) if report.headline else "",
    )


def _titles(told: Outline) -> list[Markup]:
    return [element("article", _title(problem), class_=f"problem {outline.severity(problem)}")
            for problem in told.problems]  # fmt: skip


def _main(report: Report, told: Outline, options: Options) -> list[Markup]:
    parts = [_problem(problem) for problem in told.problems]
    parts += [_undecided(told), _fine(told)]
    notes = [
        element("p", element("b", "Note: "), foreign.line(note), class_="remark") for note in report.notes
    ]
    parts += [] if report.findings_first else notes
    numbered = list(enumerate(report.sections, 1))
    parts += [
        element("section", element("h2", foreign.line(section.title, limit=400)), *_blocks(section, number))
        for number, section in numbered
        if not section.detail
    ]
    opened = "" if options.verbose else None
    parts += notes if report.findings_first else []
    parts += [
        _folded(foreign.line(section.title, limit=400), _blocks(section, number), opened)
        for number, section in numbered
        if section.detail
    ]
    return [*parts, _checks(report, opened)]


def _blocks(section: Section, number: int) -> list[Markup]:
    return [html_blocks.render(block, f"s{number}b{index}") for index, block in enumerate(section.blocks, 1)]


def _folded(title: str, parts: list[Markup], opened: str | None) -> Markup:
    return element("details", element("summary", title), *parts, open=opened)


def _title(finding: Finding) -> Markup:
    severity = outline.severity(finding)
    sign = element("span", _SIGNS[severity], aria_hidden="true")
    label = [element("span", sign, " ", severity, class_=f"badge {severity}")]
    if sure := outline.confidence(finding):
        label += [Markup(" "), element("span", sure, class_="dim")]
    label += [Markup(" "), _key(finding)]
    return join([element("p", *label, class_="label"), element("h2", outline.title(finding))])


def _problem(finding: Finding) -> Markup:
    parts: list[str] = [_title(finding)]
    if finding.summary:
        parts.append(element("p", foreign.line(finding.summary)))
    if finding.explains:
        keys = [part for key in finding.explains for part in (", ", element("code", foreign.line(key)))]
        parts.append(element("p", element("span", "Because of it: ", class_="dim"), *keys[1:]))
    parts += [_fix(finding.fix)] if finding.fix else []
    if finding.verify:
        parts += [element("h3", "Check"), _command(finding.verify)]
    parts.append(_evidence(finding))
    return element("article", *parts, class_=f"problem {outline.severity(finding)}")


def _fix(steps: tuple[FixStep, ...]) -> Markup:
    items = [
        element(
            "li",
            *(
                part
                for step in group
                for part in (element("p", foreign.line(step.say)), _command(step.run) if step.run else "")
            ),
        )
        for group in outline.choices(steps)
    ]
    return join([element("h3", "Fix"), element("ol", *items)])


def _command(command: str) -> Markup:
    return element("pre", element("code", foreign.command(command)), class_="command", tabindex=0)


def _evidence(finding: Finding) -> Markup:
    if not finding.evidence:
        return Markup("")
    rows: list[list[str]] = []
    for fact in finding.evidence:
        source = element("span", foreign.line(fact.source), class_="dim")
        rows.append([foreign.line(fact.what), element("code", foreign.line(fact.value)), source])
    table = html_blocks.grid(["what", "value", "read from"], rows, kind="facts")
    return _folded(f"Evidence ({len(rows)})", [table], "" if len(rows) <= _MANY else None)


def _undecided(told: Outline) -> Markup:
    if not told.undecided:
        return Markup("")
    items = []
    for group in told.undecided:
        keys = [part for finding in group.findings for part in (", ", _key(finding))]
        items.append(element("li", group.why, element("br"), *keys[1:]))
    sign = element("span", _SIGNS["unknown"], class_="unknown", aria_hidden="true")
    return element("section", element("h2", sign, " ", outline.undecided_line(told)), element("ul", *items))


def _key(finding: Finding) -> Markup:
    return element("code", foreign.line(finding.key), class_="key")


def _fine(told: Outline) -> Markup:
    parts = outline.fine_lines(told)
    if not parts:
        return Markup("")
    sign = element("span", _SIGNS["ok"], class_="ok", aria_hidden="true") if told.ok else ""
    return element("p", sign, " " if sign else "", " · ".join(parts), class_="remark")


def _checks(report: Report, opened: str | None) -> Markup:
    if not report.findings or report.findings_first:
        return Markup("")
    rows: list[list[str]] = [
        [element("code", foreign.line(finding.key)), outline.WORDS[finding.outcome], outline.reason(finding)]
        for finding in report.findings
    ]
    table = html_blocks.grid(["check", "outcome", "reason"], rows, kind="facts")
    return _folded(f"Every check ({len(rows)})", [table], opened)
