"""Whatever a string of a report says, no format acts on it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from envkit.core import codec
from envkit.core.report import Report
from envkit.report import FORMATS, Options, render
from tests.report import samples
from tests.report.hostile import HOSTILE, poisoned, reports
from tests.report.pages import Page

SGR = re.compile(r"\x1b\[[0-9;]+m")
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
LIVE = re.compile(r"@\w|#\d|://|www\.|GH-\d|:tada:")
OURS = re.compile(r"\s*(</?details>|<summary>[^<]*(<code>[^<]*</code>[^<]*)*</summary>)\s*")

texts = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_categories=()) | st.sampled_from("`|*_[]()<>\n\\@#:/\x1b~"), max_size=40
)
floats = st.floats() | st.sampled_from((0.0, -0.0, 1e308, -1e308, 5e-324))
options = st.builds(
    Options,
    verbose=st.booleans(),
    quiet=st.booleans(),
    color=st.just(False),
    width=st.sampled_from((1, 24, 40, 80, 200)),
    unicode=st.booleans(),
)


def filled(text: str) -> Report:
    """Every kind of block and finding with that text everywhere, and every check shown."""
    return poisoned(samples.rich_report(), text)


def markdown_tokens(source: str) -> list:
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.parse(source)


def check_markdown(source: str) -> None:
    for token in markdown_tokens(source):
        if token.type == "html_block":
            assert all(OURS.fullmatch(line) for line in token.content.splitlines()), token.content
            outside = re.sub("<code>.*?</code>", "", token.content)
            assert not LIVE.search(outside), token.content
        for child in token.children or ():
            assert child.type in {"text", "code_inline", "strong_open", "strong_close", "text_special"}, (
                child.type,
                token.content[:200],
            )
            if child.type == "text":
                assert not LIVE.search(child.content), child.content[:200]


def check_page(html: str) -> Page:
    page = Page(html)
    assert "<script" not in html.lower()
    for tag, name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in {"href", "src", "srcdoc", "action", "xlink:href"}
        assert name != "style" or re.fullmatch(r"(left|bottom):[0-9.]+%", value or "")
        assert tag != "svg" or "url(" not in (value or "")
    return page


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
@pytest.mark.parametrize("name", FORMATS)
def test_a_hostile_string_in_every_field_stays_text(name: str, text: str) -> None:
    written = render(filled(text), name, Options(verbose=True))
    assert not UNSEEN.search(written)
    written.encode()
    if name == "html":
        check_page(written)
    elif name == "markdown":
        check_markdown(written)
    elif name == "json":
        assert json.loads(written)["schema"] == "envkit.report/1"


def shape(tokens: list) -> list[str]:
    return [token.type for token in tokens]


@pytest.mark.parametrize("text", [t for t in HOSTILE if "\n" not in t], ids=lambda text: ascii(text[:30]))
def test_a_hostile_string_does_not_change_the_shape_of_the_document(text: str) -> None:
    plain, hostile = (render(filled(one), "markdown", Options(verbose=True)) for one in ("word", text))
    assert shape(markdown_tokens(hostile)) == shape(markdown_tokens(plain))
    plain, hostile = (render(filled(one), "html", Options(verbose=True)) for one in ("word", text))
    assert Page(hostile).tags == Page(plain).tags


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:30]))
def test_with_colour_the_only_escapes_are_our_own(text: str) -> None:
    written = render(filled(text), "text", Options(color=True, verbose=True))
    assert SGR.search(written)
    assert not UNSEEN.search(SGR.sub("", written))


def test_rich_markup_is_shown_as_it_is() -> None:
    assert "[red]x[/red]" in render(filled("[red]x[/red]"), "text")


def test_json_hides_what_a_terminal_would_act_on_and_loses_nothing() -> None:
    report = filled("a\x1b[31m\x9b1m\u202eb\u2028c\x7f")
    written = render(report, "json")
    assert not UNSEEN.search(written)
    assert json.loads(written) == normal(codec.to_json(report))


def normal(value: Any) -> Any:
    """A JSON value as JSON can say it: no NaN, no infinity, lists for tuples."""
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normal(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(report=reports(texts, floats), options=options, name=st.sampled_from(sorted(FORMATS)))
def test_no_report_breaks_a_format(report: Report, options: Options, name: str) -> None:
    written = render(report, name, options)
    assert not UNSEEN.search(written)
    written.encode()
    if name == "html":
        check_page(written)
    elif name == "markdown":
        check_markdown(written)
    elif name == "json":
        json.loads(written)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(reports(st.text(st.characters(codec="utf-8"), max_size=20), floats))
def test_json_says_all_of_the_report(report: Report) -> None:
    assert json.loads(render(report, "json")) == normal(codec.to_json(report))


def test_nan_in_a_curve_is_null_in_json() -> None:
    y = json.loads(render(samples.rich_report(), "json"))["sections"][0]["blocks"][1]["ys"][0]["y"]
    assert y[160] is None
    assert y[159] is not None
