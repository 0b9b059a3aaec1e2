"""A fix as a change to the person's own file, made from the syntax tree of the guilty line. Pure."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from envkit.diagnose.patch_lines import LINES
from envkit.diagnose.patch_settings import SETTINGS
from envkit.diagnose.patch_source import Edit, Source, applied

_ROUNDS = 4
"""How deep calls that are to be changed may lie within each other."""
_MAKERS: dict[str, Callable[[Source, int | None], Iterator[Edit]]] = {**LINES, **SETTINGS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Patch:
    """A changed file."""

    path: str
    text: str
    """The whole file as it would be."""
    diff: str
    """The change as a unified diff."""


def patch(path: str, source: str, key: str, line: int | None) -> Patch | None:
    """The fix for a cause on a line of a file, or None where the line does not hold what could be mended."""
    make = _MAKERS.get(key)
    text = source
    for _ in range(_ROUNDS if key in LINES else 1):
        tree = _parsed(text)
        if make is None or tree is None:
            break
        edits = _apart(tuple(make(Source(text, tree), line)))
        if not edits:
            break
        text = applied(text, edits)
    return _patch(path, source, text)


def edited(path: str, source: str, edits: tuple[Edit, ...]) -> Patch | None:
    """The file with its edits; None where nothing changes, or no Python is left."""
    return _patch(path, source, applied(source, edits)) if edits else None


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _apart(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Those that hold no other one: the outer ones come in the next round, when the inner are made."""
    return tuple(
        one
        for one in dict.fromkeys(edits)
        if not any(
            other is not one and one.start <= other.start and other.end <= one.end and one != other
            for other in edits
        )
    )


def _patch(path: str, source: str, text: str) -> Patch | None:
    if text == source or _parsed(text) is None:
        return None
    diff = "".join(
        difflib.unified_diff(source.splitlines(keepends=True), text.splitlines(keepends=True), path, path)
    )
    return Patch(path=path, text=text, diff=diff) if diff else None


__all__ = ["Edit", "Patch", "edited", "patch"]
