"""Text that wants to be more than text, and reports full of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from envkit.core import finding as f
from envkit.core import report as r

HOSTILE = (
    "[red]x[/red]",
    "[/]",
    "[link=https://evil.example]x[/link]",
    "a\x1b[31mred\x1b[0mb",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\ x",
    "\x1b]0;title\x07x",
    "\x9b31mx",
    "<script>alert(1)</script>",
    "</style></title></textarea><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!-- x --> --> <details open>",
    "[click](https://evil.example) ![i](https://evil.example/i.png)",
    "[x]: https://evil.example",
    "https://evil.example www.evil.example a@evil.example <https://evil.example>",
    "@someone and #123, octo/repo#7 GH-9 :tada: $x^2$",
    "| a | b |\n| --- | --- |\n| c | d |",
    "```\n# heading\n```",
    "`````` ` `` x",
    "~~~ x",
    "# heading",
    "- item",
    "1. item",
    "12) item",
    "> quote",
    "x\n===",
    "---",
    "***bold*** __bold__ _x_ ~~gone~~",
    "\\",
    "\\` \\| a\\|b `a|b`",
    "a\tb\r\nc\rd",
    "safe\u202etxt.exe\u2066x\u2069",
    "nul\x00byte\x07\x08\x7f",
    "lone \udc80 \ud800 surrogate",
    "w" * 10_000,
    "/very" * 2_000,
    "日本語" * 300,
    "👩‍👩‍👧‍👦 🇩🇪 e\u0301 ❤️",
    "&lt;script&gt; &amp; &#64;x",
    "{% raw %} {{ x }} %s %(a)s {0}",
    "'; rm -rf / #",
)

_FIXED = {"outcome", "severity", "kind", "align", "verdict", "schema"}


def poisoned(value: Any, text: str) -> Any:
    """The value with `text` in every string field that is not one of a fixed set."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **_poisoned(value, value.__struct_fields__, text))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(value, **_poisoned(value, names, text))
    return value


def _poisoned(value: Any, names: Iterable[str], text: str) -> dict[str, Any]:
    return {name: poisoned(getattr(value, name), text) for name in names if name not in _FIXED}


def reports(texts: st.SearchStrategy[str], floats: st.SearchStrategy[float]) -> st.SearchStrategy[r.Report]:
    """Reports of any shape, with those strings and those numbers."""
    some = {"max_size": 3}
    maybe = st.none() | texts
    number = st.none() | floats

    def many(one: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
        return st.lists(one, **some).map(tuple)

    findings = st.builds(
        f.Finding,
        key=texts,
        outcome=st.sampled_from(("ok", "problem", "unknown", "not-applicable")),
        title=texts,
        severity=st.none() | st.sampled_from(f.SEVERITIES),
        confidence=number,
        summary=texts,
        evidence=many(st.builds(f.Evidence, what=texts, value=texts, source=texts)),
        explains=many(texts),
        fix=many(st.builds(f.FixStep, say=texts, run=maybe)),
        verify=maybe,
        why_unknown=maybe,
    )
    cells = st.none() | texts | floats | st.integers(-(2**63), 2**63 - 1)
    lines = st.builds(r.Line, name=texts, y=many(number), low=many(number), high=many(number))
    blocks = st.one_of(
        st.builds(r.Text, text=texts),
        st.builds(r.KeyValues, pairs=many(st.builds(r.Pair, key=texts, value=texts, note=maybe))),
        st.builds(
            r.Table,
            columns=many(
                st.builds(r.Column, title=texts, unit=maybe, align=st.sampled_from(("left", "right")))
            ),
            rows=many(many(cells)),
            caption=maybe,
        ),
        st.builds(
            r.Series,
            x=many(floats),
            ys=many(lines),
            x_label=texts,
            y_label=texts,
            log_y=st.booleans(),
            stacked=st.booleans(),
            marks=many(st.builds(r.Mark, x=floats, label=texts)),
        ),
        st.builds(
            r.Bars,
            bars=many(st.builds(r.Bar, label=texts, value=floats, low=number, high=number)),
            unit=texts,
        ),
        st.builds(
            r.Code,
            path=texts,
            lines=many(texts),
            first_line=st.integers(0, 10**6),
            marked=many(st.integers(0, 10**6)),
        ),
        st.builds(r.Diff, text=texts),
    )
    sections = st.builds(r.Section, title=texts, blocks=many(blocks), detail=st.booleans())
    return st.builds(
        r.Report,
        command=texts,
        verdict=st.sampled_from(
            (
                "healthy",
                "problems",
                "unknown",
                "faulty",
                "same",
                "faster",
                "slower",
                "inconclusive",
                "planned",
                "refused",
                "built",
                "drifted",
            )
        ),
        headline=texts,
        findings=many(findings),
        sections=many(sections),
        notes=many(texts),
        schema=st.just("envkit.report/1"),
    )
