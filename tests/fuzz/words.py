"""Words and figures that no field expects."""

from __future__ import annotations

import re

from tests.report.hostile import HOSTILE

ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What acts on a terminal, and what turns the direction of text."""

ANSI = (
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x07link\x1b]8;;\x07",
    "\x1b[?1049h",
    "\x9b31m",
    "\x1bP1;2|x\x1b\\",
    "\x1b]52;c;eA==\x07",
    "\x1b",
    "\x1b[",
    "\x1b[999999999;999999999H",
    "\x08" * 40,
    "\x0e\x0f\x07",
)
RICH = (
    "[red]",
    "[/]",
    "[/red]",
    "[bold]x[/bold]",
    "[link=https://evil.example]x[/link]",
    "[[]]",
    "[@click=app.quit]x[/]",
    "\\[",
)
HTML = (
    "<script>alert(1)</script>",
    "</script><script>",
    "</pre></td></table>",
    '"><img src=x onerror=alert(1)>',
    "<!-- ",
    "-->",
    "]]>",
    "&#x3c;script&#x3e;",
    "<svg/onload=alert(1)>",
    "</style><style>@import url(https://evil.example)",
    "](javascript:alert(1))",
    "`````",
    "| a | b |",
)
UNICODE = (
    "\u202egnp.exe",
    "\u2066\u2069",
    "\u200b\u200d\ufeff",
    "👩‍👩‍👧‍👦",
    "e\u0301" * 50,
    "\ud800",
    "\udfff\ud800",
    "\u2028\u2029",
    "٣.٣",
    "\uffff",
    "\U0010ffff",
    "\u0085",
    "İıſK",
    "\u00ad",
    "日本語",
)
LITERALS = (
    "", " ", "\t", "{{ 7 * 7 }}", "{slot} {0} %s", "a\r\nb\x00c", "é" * 3000, "x" * 100_000, "1.2.3.4.5.6",
    "..", "-1", "1e999", "999999999999.0", "cu", "sm_", "sm_999999", "compute_", "12.", "0x", "3.99.1rc1",
    "2!1.0.dev1+local", "../../etc/passwd", "~root", "9" * 5000, "NaN", "∞", "true", "null", "0x10",
)  # fmt: skip
"""Near misses of versions, numbers, paths and templates."""
WORDS = (*HOSTILE, *ANSI, *RICH, *HTML, *UNICODE, *LITERALS)
FIGURES = (
    0, -1, 1, 2**31, -(2**31), 2**53 + 1, 2**63, 2**64, -(2**63), 10**30, 10**400, -(10**400), 0.5, -0.0,
    1e308, 5e-324, -1e308,
)  # fmt: skip
OTHERS = (None, True, False, [], {}, [[]], [None], {"": None}, [[[[[[]]]]]])
