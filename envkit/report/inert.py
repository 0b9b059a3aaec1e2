"""Foreign text in Markdown and HTML: escaped, so that nothing in it is markup, a link or a mention."""

from __future__ import annotations

import re
from html import escape

# What a forge makes a link, a mention, a reference, a colour or an emoji of, however it is escaped: only
# code is left alone.
_LIVE = re.compile(r"@[\w-]|[#!]\d|\bGH-\d|://|www\.|mailto:|xmpp:|:[\w+-]+:|\b[0-9a-f]{40}\b", re.I)
_SPECIAL = re.compile(r"[\\`*\[\]<>&|~$]|(?<![^\W_])_|_(?![^\W_])")
_LINE_START = re.compile(r"(?:[#+=-]|\d+(?=[.)]))")


def markdown(text: str, *, table: bool = False) -> str:
    """One line of text as inline Markdown; words that would become links or mentions become code."""
    line = " ".join(
        code(word, table=table) if _LIVE.search(word) else _SPECIAL.sub(r"\\\g<0>", word)
        for word in text.split()
    )
    start = _LINE_START.match(line)
    if not start:
        return line
    return f"{start[0]}\\{line[start.end() :]}" if start[0].isdigit() else f"\\{line}"


def code(text: str, *, table: bool = False) -> str:
    """One line of text as a code span. In a table a bar must be escaped even there, and only there."""
    if not text:
        return ""
    fence = "`" * (longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    span = f"{fence}{space}{text}{space}{fence}"
    return span.replace("|", "\\|") if table else span


def fenced(lines: list[str], language: str = "", *, indent: str = "") -> list[str]:
    """Lines in a code fence that is longer than any run of backticks in them."""
    fence = "`" * max(3, max(map(longest_run, lines), default=0) + 1)
    return [indent + line if line else "" for line in (fence + language, *lines, fence)]


def longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)


def summary(text: str) -> str:
    """One line of text inside HTML that stands in Markdown, where words can still become mentions."""
    words = (escape(word) for word in text.split())
    return " ".join(f"<code>{word}</code>" if _LIVE.search(word) else word for word in words)
