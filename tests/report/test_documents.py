"""Markdown for an issue and HTML for a browser."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from envkit.core.finding import Finding, FixStep
from envkit.core.report import Bar, Bars, Column, Line, Report, Section, Series, Table, Text
from envkit.report import Options, render
from envkit.report.html_style import STYLE
from tests.report import samples
from tests.report.pages import Page
from tests.report.test_text import commands

REPORTS = (samples.doctor(), samples.healthy(), samples.rich_report())


def of(*blocks: object) -> Report:
    return Report(command="envkit bench", verdict="healthy", sections=(Section(title="S", blocks=blocks),))


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.command)
def test_commands_are_whole_in_markdown_and_html(report: Report) -> None:
    lines = [line.strip() for line in render(report, "markdown").splitlines()]
    page = Page(render(report, "html"))
    for command in commands(report):
        assert command in lines
        assert command in page.commands


def test_markdown_is_read_as_it_was_meant() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(render(samples.doctor(), "markdown"))
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[0] == "envkit doctor: 2 problems, 1 warning, 1 note. Start with the first."
    assert headings[1] == "error: The NVIDIA driver is older than this PyTorch needs (`driver-too-old`)"
    fences = [token.content.strip() for token in tokens if token.type == "fence"]
    assert sorted(fences) == sorted(commands(samples.doctor()))


def test_a_fence_is_longer_than_what_it_holds() -> None:
    step = FixStep(say="Do.", run="echo '`````'")
    finding = Finding(key="k", outcome="problem", severity="error", title="T", fix=(step,))
    report = Report(command="envkit doctor", verdict="problems", findings=(finding,))
    assert "``````sh\n" in render(report, "markdown")


def test_cells_survive_bars_and_backticks() -> None:
    table = Table(columns=(Column(title="a|b"),), rows=(("x | y `z` \\",), ("@me|you",)))
    tokens = MarkdownIt("commonmark").enable("table").parse(render(of(table), "markdown"))
    cells = [
        "".join(child.content for child in tokens[i + 1].children)
        for i, token in enumerate(tokens)
        if token.type in {"th_open", "td_open"}
    ]
    assert cells == ["a|b", "x | y `z` \\", "@me|you"]


def test_detail_and_evidence_are_folded() -> None:
    written = render(samples.doctor(), "markdown")
    assert written.count("<details>") == written.count("</details>") == 4
    page = Page(render(samples.doctor(), "html"))
    assert page.tags.count("details") == 5


@pytest.mark.parametrize("name", ("markdown", "html"))
def test_quiet_leaves_titles_and_verbose_shows_all(name: str) -> None:
    quiet = render(samples.doctor(), name, Options(quiet=True))
    assert "Shared memory is too small" in quiet
    assert "docker run" not in quiet
    assert "Figure 7 is within its limit." in render(samples.doctor(), name, Options(verbose=True))


def test_the_page_needs_nothing_else() -> None:
    html = render(samples.rich_report(), "html")
    page = Page(html)
    policy = next(
        value for tag, name, value in page.attributes if name == "content" and "default-src" in value
    )
    assert policy.startswith("default-src 'none'")
    assert not re.search(r"https?://|url\(|@import|<script|<link|<iframe", html)


def test_the_page_is_made_for_everyone() -> None:
    html = render(samples.rich_report(), "html")
    page = Page(html)
    assert '<html lang="en">' in html
    assert page.tags.count("h1") == 1
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    scopes = [value for tag, name, value in page.attributes if tag == "th" and name == "scope"]
    assert page.tags.count("th") == len(scopes)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) == 4
    named = [value for tag, name, value in page.attributes if name == "aria-labelledby"]
    assert {word for value in named for word in value.split()} == set(ids)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(color: str) -> float:
        digits = color.lstrip("#")
        digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_can_be_read_in_both_schemes() -> None:
    light, dark = re.findall(r":root \{\n(.*?)\}", STYLE, re.S)[:2]
    for scheme in (light, dark):
        colors = dict(re.findall(r"--(\w+): (#\w+)", scheme))
        for ground in ("ground", "paper", "soft", "added", "removed", "hit"):
            assert contrast(colors["ink"], colors[ground]) >= 7
        for ground in ("ground", "paper", "soft"):
            for name in ("dim", "error", "warning", "note", "ok", "unknown"):
                assert contrast(colors[name], colors[ground]) >= 4.5, (name, ground)
        for number in range(6):
            assert contrast(colors[f"c{number}"], colors["paper"]) >= 3


def test_a_curve_breaks_at_its_gaps_and_has_its_interval() -> None:
    line = Line(name="y", y=(1.0, 2.0, None, 3.0, None, 1.0, 2.0), low=(0.5,) * 7, high=(3.5,) * 7)
    html = render(of(Series(x=tuple(map(float, range(7))), ys=(line,))), "html")
    (route,) = re.findall(r'<path d="([^"]*)" class="line c0">', html.replace("M0 5H28", ""))[-1:]
    assert route.count("M") == 3
    assert "h0" in route
    assert html.count('class="band c0"') == 1


def test_parts_of_a_whole_lie_on_top_of_each_other() -> None:
    """The second begins where the first ends; a gap is nothing; the words tell the parts as they are."""
    lines = (Line(name="one", y=(1.0, None, 3.0)), Line(name="two", y=(1.0, 2.0)))
    html = render(of(Series(x=(0.0, 1.0, 2.0), ys=lines, stacked=True)), "html")
    areas = re.findall(r'<path d="([^"]*)" class="layer c\d">', html)
    (first, second) = (area for area in areas if area != "M0 0H28V10H0Z")
    assert first == "M0 666.7L500 1000L1000 0L1000 1000L500 1000L0 1000Z"
    assert second == "M0 333.3L500 333.3L1000 0L1000 0L500 1000L0 666.7Z"
    assert "one: from 1 to 3, last 3, 1 value missing" in html
    assert "with its interval" not in html
    assert 'class="line' not in html


def test_a_long_curve_is_thinned_and_keeps_its_extremes() -> None:
    y = [1.0] * 50_000
    y[33_333] = 100.0
    series = Series(x=tuple(map(float, range(50_000))), ys=(Line(name="y", y=tuple(y)),))
    html = render(of(series), "html")
    assert len(html) < 60_000
    assert re.search(r"L666\.7 0L", html)


def test_a_log_axis_has_round_ticks() -> None:
    series = Series(x=(0.0, 1.0, 2.0), ys=(Line(name="y", y=(1e-3, 1.0, 1e3)),), log_y=True)
    html = render(of(series), "html")
    ticks = re.findall(r"bottom:([\d.]+)%\">([^<]+)<", html)
    assert ticks == [("0.00", "0.001"), ("33.33", "0.1"), ("66.67", "10"), ("100.00", "1000")]


def test_negative_bars_go_the_other_way() -> None:
    html = render(of(Bars(bars=(Bar(label="a", value=-1.0), Bar(label="b", value=1.0)))), "html")
    assert re.findall(r'<rect x="([\d.]+)" y="4" width="([\d.]+)"', html) == [
        ("0.0", "500.0"),
        ("500.0", "500.0"),
    ]


def test_paragraphs_stay_apart() -> None:
    report = of(Text(text="one\ntwo\n\n\nthree"))
    assert "<p>one two</p><p>three</p>" in render(report, "html")
    assert "one two\n\nthree\n" in render(report, "markdown")
