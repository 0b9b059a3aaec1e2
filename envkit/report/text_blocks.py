"""The blocks of a section as lines of a terminal, except charts."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells

from envkit.core.report import Bars, Block, Code, Diff, KeyValues, Series, Table, Text
from envkit.report import foreign
from envkit.report.ink import Ink, hanging, pad

_GAP = 2
"""Cells between columns."""
_NARROWEST = 8
"""A column of text is not squeezed below this."""


def render(block: Block, ink: Ink) -> list[str]:
    """A block, indented by two."""
    match block:
        case Text():
            return _text(block, ink)
        case KeyValues():
            return _key_values(block, ink)
        case Table():
            return _table(block, ink)
        case Series() | Bars():
            from envkit.report import text_charts  # here, since doctor has no charts and is felt at start-up

            return text_charts.render(block, ink)
        case Code():
            return _code(block, ink)
        case Diff():
            return _diff(block, ink)


def _text(block: Text, ink: Ink) -> list[str]:
    lines: list[str] = []
    for paragraph in foreign.paragraphs(block.text):
        lines += ([""] if lines else []) + ink.flow([("", paragraph)], indent=2)
    return lines


def _key_values(block: KeyValues, ink: Ink) -> list[str]:
    return ink.ledger(
        [
            (foreign.line(pair.key), foreign.line(pair.value), foreign.line(pair.note or ""))
            for pair in block.pairs
        ]
    )


def _table(table: Table, ink: Ink) -> list[str]:
    caption = ink.flow([("dim", foreign.line(table.caption or ""))], indent=2)
    if not table.columns:
        return caption
    columns = [foreign.column_cells(table.rows, index) for index in range(len(table.columns))]
    right = [foreign.right_aligned(*pair) for pair in zip(table.columns, columns, strict=True)]
    head = [ink.spell(foreign.heading(column)) for column in table.columns]
    body = [[ink.spell(foreign.figure(column[row])) for column in columns] for row in range(len(table.rows))]
    widths = _widths(head, body, right, ink.width - 2)
    if widths is None:
        return caption + _records(head, body, ink)
    rule = "  " + "  ".join(ink.glyph("rule") * width for width in widths)
    lines = [*caption, *_row(head, widths, right, ink, style="strong"), ink.paint("dim", rule)]
    for row in body:
        lines += _row(row, widths, right, ink)
    return lines


def _widths(head: list[str], body: list[list[str]], right: list[bool], room: int) -> list[int] | None:
    """The width of each column; None where the table does not fit even with its text squeezed."""
    natural = [
        max(1, *(cell_len(row[index]) for row in (head, *body)))
        for index in range(len(head))
    ]  # fmt: skip
    least = [
        max(_longest_word(head[index]), *(cell_len(row[index]) for row in body), 1)
        if right[index]
        else min(_NARROWEST, natural[index])
        for index in range(len(head))
    ]
    spare = room - _GAP * (len(head) - 1)
    widths = list(natural)
    while sum(widths) > spare:
        loose = [index for index in range(len(widths)) if widths[index] > least[index]]
        if not loose:
            return None
        widest = max(loose, key=lambda index: widths[index])
        others = [widths[index] for index in loose if index != widest]
        floor = max(least[widest], max(others, default=0) - 1, widths[widest] - (sum(widths) - spare))
        widths[widest] = min(floor, widths[widest] - 1)
    return widths


def _longest_word(text: str) -> int:
    """Cells of the longest word."""
    return max((cell_len(word) for word in text.split()), default=0)


def _row(cells: list[str], widths: list[int], right: list[bool], ink: Ink, style: str = "") -> list[str]:
    wrapped = [hanging(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for index in range(max(map(len, wrapped))):
        parts = [
            pad(column[index] if index < len(column) else "", width, right=flush)
            for column, width, flush in zip(wrapped, widths, right, strict=True)
        ]
        lines.append("  " + ink.paint(style, (" " * _GAP).join(parts).rstrip()))
    return lines


def _records(head: list[str], body: list[list[str]], ink: Ink) -> list[str]:
    """A table that is too wide for its terminal: a row after the other, a cell a line."""
    lines: list[str] = []
    for row in body:
        cells = [(name, cell, "") for name, cell in zip(head, row, strict=True)]
        lines += ([""] if lines else []) + ink.ledger(cells)
    return lines


def _code(code: Code, ink: Ink) -> list[str]:
    if not code.path:
        return [f"      {line}" for text in code.lines for line in foreign.command(text).split("\n")]
    lines = ink.flow([("dim", foreign.line(code.path))], indent=2)
    marked = set(code.marked)
    digits = len(str(code.first_line + len(code.lines)))
    for number, text in enumerate(code.lines, code.first_line):
        hit = number in marked
        gutter = f"  {'>' if hit else ' '} {number:>{digits}} {ink.glyph('bar')} "
        more = f"    {' ' * digits} {ink.glyph('bar')} "
        room = max(ink.width - cell_len(gutter), 10)
        whole = ink.spell(" ".join(foreign.lines(text)))
        for index, piece in enumerate(chop_cells(whole, room) or [""]):
            start = ink.paint("error" if hit else "dim", (more if index else gutter).rstrip())
            lines.append(f"{start} {piece}".rstrip())
    return lines


def _diff(diff: Diff, ink: Ink) -> list[str]:
    """Lines stay whole: a diff is there to be applied."""
    lines = []
    for text in foreign.lines(diff.text.removesuffix("\n")):
        style = ""
        if text.startswith(("+++", "---")):
            style = "strong"
        elif text.startswith("+"):
            style = "added"
        elif text.startswith("-"):
            style = "removed"
        elif text.startswith("@@"):
            style = "hunk"
        lines.append(f"  {ink.paint(style, text)}")
    return lines
