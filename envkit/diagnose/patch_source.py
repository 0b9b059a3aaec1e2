"""A Python file as text and tree, and pieces of text to put in place of nodes. Pure."""

from __future__ import annotations

import ast
import keyword as keyword_module
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SIMPLE = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_MODULES = ("torch", "F", "functional", "tf", "ops", "K", "keras", "np", "numpy", "math", "nn", "jnp")


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """Text to put in place of a piece of the source, by byte offsets of UTF-8."""

    start: int
    end: int
    text: str


def applied(source: str, edits: tuple[Edit, ...]) -> str:
    """The source with its edits, which must not overlap."""
    data = source.encode()
    for edit in sorted(edits, key=lambda one: (one.start, one.end), reverse=True):
        data = data[: edit.start] + edit.text.encode() + data[edit.end :]
    return data.decode()


class Source:
    """A file with its tree, and where each node stands in its bytes."""

    def __init__(self, source: str, tree: ast.Module) -> None:
        self.tree = tree
        self._bytes = source.encode()
        self._starts = [0]
        for each in self._bytes.splitlines(keepends=True):  # of text it would split at form feeds, too
            self._starts.append(self._starts[-1] + len(each))

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Begin and end of a node."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.expr) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self._bytes[start:end].decode()

    def within(self, node: ast.expr) -> str:
        """The same, in parentheses where a method or an operator is to follow it."""
        text = self.text(node)
        return text if isinstance(node, _SIMPLE) else f"({text})"

    def replaced(self, node: ast.expr, text: str) -> Edit:
        """Another text for a node, and for parentheses that only group it."""
        start, end = self.span(node)
        before, after = self._bytes[:start].rstrip(), self._bytes[end:]
        while before.endswith(b"(") and after.lstrip().startswith(b")"):
            outer = before[:-1].rstrip()
            word = re.search(rb"\w+$", outer)
            if outer.endswith((b")", b"]")) or (
                word is not None and not keyword_module.iskeyword(word[0].decode())
            ):
                break  # those of a call
            start, end = len(before) - 1, end + len(after) - len(after.lstrip()) + 1
            before, after = outer, self._bytes[end:]
        return Edit(start=start, end=end, text=text)

    def follows(self, node: ast.expr) -> str:
        """The character after a node."""
        end = self.span(node)[1]
        return self._bytes[end : end + 1].decode(errors="replace")

    def on(self, line: int | None) -> Iterator[ast.AST]:
        """Nodes that stand on a line; of a statement over several lines those of its other lines, too."""
        found = list(self._statements(line))
        simple = [one for one in found if not hasattr(one, "body")]  # no loop, condition or function
        for statement in simple:
            yield from ast.walk(statement)
        if simple or not found or line is None:
            return
        for node in ast.walk(min(found, key=lambda one: (one.end_lineno or 0) - one.lineno)):
            first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
            if first is not None and last is not None and first <= line <= last:
                yield node

    def _statements(self, line: int | None) -> Iterator[ast.stmt]:
        for node in ast.walk(self.tree):
            if (
                isinstance(node, ast.stmt)
                and line is not None
                and node.lineno <= line <= (node.end_lineno or 0)
            ):
                yield node

    def calls(self, names: tuple[str, ...], line: int | None) -> Iterator[tuple[ast.Call, ast.expr, str]]:
        """Calls of functions by these names on a line: the call, what it works on, whose function it is.

        The last is the module (`torch`, `tf.math`), or an empty string for a method of a tensor.
        """
        for node in self.on(line):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            if node.func.attr not in names:
                continue
            owner = self.text(node.func.value)
            if owner.split(".")[0] not in _MODULES:
                yield node, node.func.value, ""
            elif node.args and not isinstance(node.args[0], ast.Starred):
                yield node, node.args[0], owner


def called(node: ast.expr) -> str:
    """The last part of the name of what is called; an empty string where nothing is."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def number(node: ast.expr | None) -> float | None:
    """The value of a number, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number(node.operand)
        return None if value is None else -value
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    ):
        return float(node.value)
    return None


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    """The value of a keyword of a call."""
    return next((one.value for one in node.keywords if one.arg == name), None)
