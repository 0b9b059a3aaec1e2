"""The blocks of a section as HTML."""

from __future__ import annotations

from envkit.core.report import Bars, Block, Code, Column, Diff, KeyValues, Series, Table, Text
from envkit.report import foreign, svg
from envkit.report.markup import Markup, element, join


def render(block: Block, name: str) -> Markup:
    """A block; `name` is unique on the page."""
    match block:
        case Text():
            return join(element("p", paragraph) for paragraph in foreign.paragraphs(block.text))
        case KeyValues():
            return _key_values(block)
        case Table():
            return _table(block)
        case Series():
            return svg.series(block, name)
        case Bars():
            return scrolling(svg.bars(block), "Bars") if block.bars else Markup("")
        case Code():
            return _code(block)
        case Diff():
            return _diff(block)


def scrolling(child: Markup, label: str) -> Markup:
    """What may be wider than the page scrolls by itself, with the keyboard, too."""
    return element("div", child, class_="scroll", tabindex=0, role="region", aria_label=label)


def grid(
    head: list[str],
    rows: list[list[str]],
    *,
    right: list[bool] | None = None,
    caption: str = "",
    kind: str | None = None,
) -> Markup:
    """A table whose first column names the rows."""
    kinds = ["number" if flush else None for flush in right or [False] * len(head)]
    top = [element("th", cell, scope="col", class_=one) for cell, one in zip(head, kinds, strict=True)]
    body = []
    for row in rows:
        cells = [element("th", row[0], scope="row", class_=kinds[0])]
        cells += [element("td", cell, class_=one) for cell, one in zip(row[1:], kinds[1:], strict=True)]
        body.append(element("tr", *cells))
    parts = [element("thead", element("tr", *top)), element("tbody", *body)]
    if caption:
        parts.insert(0, element("caption", caption))
    return scrolling(element("table", *parts, class_=kind), caption or "Table")


def _key_values(block: KeyValues) -> Markup:
    rows = []
    for pair in block.pairs:
        value: list[str] = [foreign.line(pair.value)]
        if pair.note:
            value += [" ", element("span", foreign.line(pair.note), class_="dim")]
        rows += [element("dt", foreign.line(pair.key)), element("dd", *value)]
    return element("dl", *rows) if rows else Markup("")


def _table(table: Table) -> Markup:
    caption = foreign.line(table.caption or "")
    if not table.columns:
        return element("p", caption) if caption else Markup("")
    columns = [foreign.column_cells(table.rows, index) for index in range(len(table.columns))]
    right = [foreign.right_aligned(*pair) for pair in zip(table.columns, columns, strict=True)]
    rows = [[foreign.figure(column[row]) for column in columns] for row in range(len(table.rows))]
    return grid([_heading(column) for column in table.columns], rows, right=right, caption=caption)


def _heading(column: Column) -> str:
    title = foreign.line(column.title, limit=200)
    if not column.unit:
        return title
    return join([title, " ", element("span", f"({foreign.line(column.unit, limit=60)})", class_="dim")])


def _code(code: Code) -> Markup:
    if not code.path:
        return element("pre", element("code", "\n".join(map(foreign.command, code.lines))), tabindex=0)
    marked = set(code.marked)
    digits = len(str(code.first_line + len(code.lines)))
    rows = []
    for number, text in enumerate(code.lines, code.first_line):
        hit = number in marked
        gutter = element("span", f"{'>' if hit else ' '} {number:>{digits}} ", class_="gutter")
        rows.append(
            element("span", gutter, " ".join(foreign.lines(text)), "\n", class_="row hit" if hit else "row")
        )
    path = foreign.line(code.path)
    listing = element(
        "pre", element("code", *rows), tabindex=0, aria_label=f"Lines of {path}" if path else None
    )
    return element("figure", element("figcaption", path) if path else "", listing, class_="code")


_DIFF = (("+++", "head"), ("---", "head"), ("+", "added"), ("-", "removed"), ("@@", "hunk"))


def _diff(diff: Diff) -> Markup:
    rows = []
    for text in foreign.lines(diff.text.removesuffix("\n")):
        kind = next((kind for start, kind in _DIFF if text.startswith(start)), "")
        rows.append(element("span", text, "\n", class_=f"row {kind}".strip()))
    return element("pre", element("code", *rows), class_="diff", tabindex=0, aria_label="Changes")
