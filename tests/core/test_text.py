"""Foreign text is inert, and sizes and times read well."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core import text

ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ud800-\udfff]")
"""What acts on a terminal, or cannot be printed at all."""

SNIPPETS = st.sampled_from(
    [
        "\x1b",
        "\x1b[",
        "\x1b]8;;",
        "\x1b\\",
        "\x07",
        "\x9b",
        "31m",
        "m",
        "\r",
        "\n",
        "\t",
        "[",
        "]",
        "\u202e",
        "a",
    ]
)
HOSTILE = st.one_of(st.text(st.characters()), st.lists(SNIPPETS, max_size=40).map("".join))


class TestPlain:
    @pytest.mark.parametrize(
        "foreign, inert",
        [
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b[38;2;1;2;3mred\x1b[m", "red"),
            ("\x1b[?25l\x1b[2J\x1b[1;1Hgone", "gone"),
            ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"),
            ("\x1b]0;title\x07text", "text"),
            ("\x1b]52;c;ZXZpbA==\x07text", "text"),
            ("\x1bcreset", "creset"),
            ("\x1bM up", " up"),
            ("cut off \x1b[3", "cut off 3"),
            ("a\x00b\x08c\x7fd\x9be", "abcde"),
            ("tab\tand\nline", "tab\tand\nline"),
            ("windows\r\nline", "windows\nline"),
            ("over\rwritten", "over\nwritten"),
            ("\u202egnp.exe", "gnp.exe"),
            ("zero\u200bwidth\ufeff", "zerowidth"),
            ("lone \udce9 surrogate", "lone ? surrogate"),
            ("café 日本 🙂 [bold]", "café 日本 🙂 [bold]"),
        ],
    )
    def test_examples(self, foreign, inert):
        assert text.plain(foreign) == inert

    @given(HOSTILE)
    def test_nothing_acts_on_a_terminal(self, foreign):
        assert not ACTING.search(text.plain(foreign))

    @given(HOSTILE)
    def test_twice_is_once(self, foreign):
        once = text.plain(foreign)
        assert text.plain(once) == once

    @given(HOSTILE, st.integers(1, 50))
    def test_the_limit_holds_and_cutting_is_idempotent(self, foreign, limit):
        once = text.plain(foreign, limit=limit)
        assert len(once) <= limit
        assert text.plain(once, limit=limit) == once

    @given(HOSTILE)
    def test_one_line_is_one_line(self, foreign):
        line = text.one_line(foreign)
        assert len(line.splitlines()) <= 1
        assert line == line.strip()
        assert len(line) <= 200

    def test_what_is_cut_says_so(self):
        assert text.plain("x" * 20, limit=10) == "x" * 9 + "…"
        assert text.plain("x" * 10, limit=10) == "x" * 10

    @pytest.mark.parametrize(
        "unit", ["\x1b]", "\x1b[", "\x1b[1;", "\x1b]8;;", "\x1b\x1b", "[0m", "\r", "\u202e", "\udce9", "é"]
    )
    def test_a_megabyte_of_anything_ends(self, unit):
        text.plain(unit * (1_000_000 // len(unit)), limit=2_000_000)


@given(st.text(st.characters()))
def test_encodable_can_be_encoded(foreign):
    text.encodable(foreign).encode()


@pytest.mark.parametrize(
    "count, words",
    [
        (None, "unknown"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (200 << 20, "200 MiB"),
        (24 << 30, "24.0 GiB"),
        (3 << 40, "3.0 TiB"),
        (5000 << 40, "5000 TiB"),
        (-(2 << 30), "-2.0 GiB"),
    ],
)
def test_size(count, words):
    assert text.size(count) == words


@pytest.mark.parametrize(
    "seconds, words",
    [
        (None, "unknown"),
        (0, "0 ms"),
        (0.084, "84 ms"),
        (2.1, "2.1 s"),
        (119.9, "119.9 s"),
        (180, "3 min"),
        (5 * 3600, "5 h"),
        (12 * 86400, "12 days"),
    ],
)
def test_duration(seconds, words):
    assert text.duration(seconds) == words


@pytest.mark.parametrize("number, words", [(2, "2"), (2.0, "2"), (1.5, "1.5"), (0.25, "0.2"), (128, "128")])
def test_count(number, words):
    assert text.count(number) == words


@given(st.one_of(st.integers(), st.integers(-(10**400), 10**400), st.floats()))
def test_any_figure_of_a_file_can_be_shown(number):
    assert text.size(number)
    assert text.duration(number)
    assert text.count(number)


@pytest.mark.parametrize(
    "number, words", [(0, "0 checks"), (1, "1 check"), (2, "2 checks")], ids=["none", "one", "two"]
)
def test_plural(number, words):
    assert text.plural(number, "check") == words


def test_plural_that_is_not_regular():
    assert text.plural(2, "entry", "entries") == "2 entries"
    assert text.plural(1, "entry", "entries") == "1 entry"
