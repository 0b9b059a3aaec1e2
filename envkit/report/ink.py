"""Lines of a terminal: colour, glyphs, and wrapping by cell width.

Plain strings, not Rich's console: importing that costs more than everything else that a report needs. What
must not be guessed, the width of a character, is Rich's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import zip_longest

from rich.cells import cell_len, chop_cells

from envkit.report.options import Options

Runs = Iterable[tuple[str, str]]
"""Pieces of text, each with the name of its style; a space goes between two."""

_STYLES = {
    "error": "1;31", "warning": "1;33", "note": "1;34", "ok": "32", "unknown": "1;35",
    "dim": "2", "strong": "1", "added": "32", "removed": "31", "hunk": "36", "chart": "36",
}  # fmt: skip
_GLYPHS = {
    "error": ("✗", "x"), "warning": ("!", "!"), "note": ("i", "i"), "ok": ("✓", "+"), "unknown": ("?", "?"),
    "not-applicable": ("–", "-"), "dot": ("·", "-"), "rule": ("─", "-"), "bar": ("│", "|"),
    "corner": ("└", "+"), "pointer": ("▲", "^"), "none": ("–", "-"), "bullet": ("•", "-"),
}  # fmt: skip
_TYPOGRAPHY = str.maketrans(
    {
        "–": "-", "—": "-", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "·": "-", "×": "x", "→": "->",
        "≥": ">=", "≤": "<=", "≠": "!=", "±": "+-", "µ": "u", "μ": "u", "°": " deg", "\u00a0": " ",
        "\ufffd": "?", "✓": "ok", "✗": "x",
    }
)  # fmt: skip
_BREAKS = re.compile(r"(?<=[/\\,:;=&?._|-])")
PROSE = 100
"""Cells beyond which a line of prose is hard to read, however wide the terminal."""


class Ink:
    """Turns styled pieces into lines for one terminal."""

    def __init__(self, options: Options) -> None:
        """For the terminal that the options describe."""
        self.width = max(options.width, 24)
        self.prose = min(self.width, PROSE)
        self.unicode = options.unicode
        self._color = options.color

    def glyph(self, name: str) -> str:
        """A sign, or its stand-in."""
        return _GLYPHS[name][0 if self.unicode else 1]

    def spell(self, text: str) -> str:
        """The text, with typographic signs spelled out where the terminal has none."""
        return text if self.unicode else text.translate(_TYPOGRAPHY)

    def paint(self, style: str, text: str) -> str:
        """The text in a style; a name without colours is plain."""
        code = _STYLES.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if self._color and code and text.strip() else text

    def flow(self, runs: Runs, *, indent: int = 0, hang: int | None = None) -> list[str]:
        """Words in lines, the first after `indent` cells, the rest after `hang`."""
        limit = self.prose
        hang = min(indent if hang is None else hang, limit // 2)
        words = [
            (style, word, bool(part))
            for style, text in runs
            for whole in self.spell(text).split()
            for part, word in enumerate(break_word(whole, limit - max(hang, indent)))
        ]
        lines: list[str] = []
        pending: list[tuple[str, str]] = []
        used = indent
        for style, word, continues in words:
            size = cell_len(word)
            if pending and (continues or used + 1 + size > limit):
                lines.append(self._join(pending, hang if lines else indent))
                pending, used = [], hang
            used += size + bool(pending)
            pending.append((style, word))
        if pending:
            lines.append(self._join(pending, hang if lines else indent))
        return lines

    def _join(self, words: list[tuple[str, str]], indent: int) -> str:
        spans: list[tuple[str, list[str]]] = []
        for style, word in words:
            if not spans or spans[-1][0] != style:
                spans.append((style, []))
            spans[-1][1].append(word)
        return " " * indent + " ".join(self.paint(style, " ".join(span)) for style, span in spans)

    def ledger(self, rows: list[tuple[str, str, str]], *, indent: int = 2) -> list[str]:
        """Label, value and a dim aside, a row each; an aside that does not fit goes below its value."""
        rows = [(self.spell(a), self.spell(b), self.spell(c)) for a, b, c in rows]
        if not rows:
            return []
        label = min(max(cell_len(row[0]) for row in rows), max((self.prose - indent) // 3, 10))
        start = indent + label + 2
        room = self.prose - start
        sizes = [(cell_len(row[1]), cell_len(row[2])) for row in rows]
        fitting = [(value, aside) for value, aside in sizes if aside and value + 2 + aside <= room]
        column = max((value for value, _ in fitting), default=0)
        if column + 2 + max((aside for _, aside in fitting), default=0) > room:
            column = 0  # a column would push asides out: each follows its value
        lines: list[str] = []
        for (name, text, aside), size in zip(rows, sizes, strict=True):
            if size in fitting:
                body = [pad(text, column) + "  " + self.paint("dim", aside)]
            else:
                body = [one for one in hanging(text, room) if one]
                body += [self.paint("dim", one) for one in hanging(aside, room) if one]
            below = hanging(name, label)
            for left, right in zip_longest(below, body, fillvalue=""):
                lines.append((" " * indent + pad(left, label) + "  " + right).rstrip())
        return lines


def break_word(word: str, width: int) -> list[str]:
    """A word in pieces no wider than `width` cells, broken after a separator where it has one there."""
    width = max(width, 4)
    if cell_len(word) <= width:
        return [word]
    pieces: list[str] = []
    for part in _BREAKS.split(word):
        if pieces and cell_len(pieces[-1]) + cell_len(part) <= width:
            pieces[-1] += part
        else:
            pieces.extend(piece for piece in chop_cells(part, width) if piece)
    return pieces


def hanging(text: str, width: int) -> list[str]:
    """The text in lines no wider than `width` cells, without indent."""
    lines: list[str] = []
    for whole in text.split():
        for part, word in enumerate(break_word(whole, width)):
            if lines and not part and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
    return lines or [""]


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text and spaces up to `width` cells; `right` sets it flush right."""
    space = " " * max(width - cell_len(text), 0)
    return space + text if right else text + space
