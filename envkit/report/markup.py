"""Elements of HTML and SVG. What is not `Markup` is foreign and becomes text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from envkit.report import foreign

_VOID = frozenset({"meta", "br"})


class Markup(str):
    """Markup made by `element`: the only strings that are not escaped."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """An element; an attribute `class_` is written `class`, `aria_label` `aria-label`; None leaves it out."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_text(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[str]) -> Markup:
    """Children one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else _text(child) for child in children))


def _text(text: str) -> str:
    return escape("\n".join(foreign.lines(text, limit=max(len(text), 1))))
