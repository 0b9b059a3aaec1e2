"""A fix as a change to the person's own file, made from the syntax tree of the guilty line. Pure."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_LOGS = ("log", "log2", "log10")
_ROOTS = ("sqrt", "rsqrt")
_ARCS = ("acos", "asin", "arccos", "arcsin", "atanh")
_SIMPLE = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)
_TORCH = ("torch", "F", "functional")


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """Text to put in place of a piece of the source, by byte offsets of UTF-8."""

    start: int
    end: int
    text: str


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
    if make is None:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None
    edits = tuple(make(_Source(source, tree), line))
    if not edits:
        return None
    text = _applied(source, edits)
    try:
        ast.parse(text)
    except SyntaxError:
        return None
    diff = "".join(
        difflib.unified_diff(source.splitlines(keepends=True), text.splitlines(keepends=True), path, path)
    )
    return Patch(path=path, text=text, diff=diff) if diff else None


class _Source:
    """A file with its tree, and where each node stands in its bytes."""

    def __init__(self, source: str, tree: ast.Module) -> None:
        self.tree = tree
        self._bytes = source.encode()
        self._starts = [0]
        for each in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(each.encode()))

    def span(self, node: ast.expr) -> tuple[int, int]:
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

    def replaced(self, node: ast.expr, text: str) -> Edit:
        """Another text for a node."""
        start, end = self.span(node)
        return Edit(start=start, end=end, text=text)

    def on(self, line: int | None) -> Iterator[ast.AST]:
        """Nodes of the statement or expression that stands on a line."""
        for node in ast.walk(self.tree):
            first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
            if line is not None and first is not None and last is not None and first <= line <= last:
                yield node

    def calls(self, names: tuple[str, ...], line: int | None) -> Iterator[tuple[ast.Call, ast.expr, str]]:
        """Calls of functions by these names on a line: the call, what it works on, whose function it is.

        The last is the module (`torch`, `tf.math`), or an empty string for a method of a tensor.
        """
        for node in self.on(line):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in names
            ):
                owner = self.text(node.func.value)
                if _is_module(owner):
                    if node.args:
                        yield node, node.args[0], owner
                else:
                    yield node, node.func.value, ""


def _is_module(owner: str) -> bool:
    return owner.split(".")[0] in (*_TORCH, "tf", "ops", "K", "keras", "np", "math", "nn")


def _applied(source: str, edits: tuple[Edit, ...]) -> str:
    data = source.encode()
    for edit in sorted(edits, key=lambda one: one.start, reverse=True):
        data = data[: edit.start] + edit.text.encode() + data[edit.end :]
    return data.decode()


def _in(source: _Source, node: ast.expr) -> str:
    """The text of a node, in parentheses where a method is to follow it."""
    text = source.text(node)
    return text if isinstance(node, _SIMPLE) else f"({text})"


def _at_least(source: _Source, node: ast.expr, owner: str, least: str) -> str:
    if owner.split(".")[0] == "tf":
        return f"tf.maximum({source.text(node)}, {least})"
    if owner.split(".")[0] in ("ops", "K", "keras"):
        return f"{owner}.maximum({source.text(node)}, {least})"
    return f"{_in(source, node)}.clamp_min({least})"


def _log(source: _Source, line: int | None) -> Iterator[Edit]:
    for _, value, owner in source.calls(_LOGS, line):
        yield source.replaced(value, _at_least(source, value, owner, "1e-6"))


def _root(source: _Source, line: int | None) -> Iterator[Edit]:
    for _, value, owner in source.calls(_ROOTS, line):
        yield source.replaced(value, _at_least(source, value, owner, "1e-12"))
    for node in source.on(line):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _is_fraction(node.right):
            yield source.replaced(node.left, _at_least(source, node.left, "torch", "1e-12"))


def _is_fraction(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return True
    return isinstance(node, ast.Constant) and isinstance(node.value, float) and not node.value.is_integer()


def _division(source: _Source, line: int | None) -> Iterator[Edit]:
    for node in source.on(line):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and not _is_number(node.right):
            right = source.text(node.right)
            plain = right[1:-1] if right.startswith("(") and right.endswith(")") else right
            yield source.replaced(node.right, f"({plain} + 1e-6)")


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _domain(source: _Source, line: int | None) -> Iterator[Edit]:
    for _, value, owner in source.calls(_ARCS, line):
        if owner.split(".")[0] == "tf":
            yield source.replaced(value, f"tf.clip_by_value({source.text(value)}, -1 + 1e-6, 1 - 1e-6)")
        else:
            yield source.replaced(value, f"{_in(source, value)}.clamp(-1 + 1e-6, 1 - 1e-6)")
    for _, value, owner in source.calls(("exp",), line):
        if owner.split(".")[0] == "tf":
            yield source.replaced(value, f"tf.minimum({source.text(value)}, 80.0)")
        else:
            yield source.replaced(value, f"{_in(source, value)}.clamp_max(80.0)")


def _trap(source: _Source, line: int | None) -> Iterator[Edit]:
    for make in (_log, _root, _domain, _division):
        found = tuple(make(source, line))
        if found:
            yield from found
            return


def _masked(source: _Source, line: int | None) -> Iterator[Edit]:
    """-inf in masked_fill, anywhere in the file: the softmax only shows it."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in ("masked_fill", "masked_fill_") and len(node.args) > 1:
            value = source.text(node.args[1]).replace(" ", "").replace('"', "'")
            if value in _INFINITE:
                scores = source.text(node.func.value)
                yield source.replaced(node.args[1], f"torch.finfo({scores}.dtype).min")


_INFINITE = ("float('-inf')", "-float('inf')", "-torch.inf", "-math.inf", "-np.inf", "-numpy.inf", "-inf")


def _rate(source: _Source, line: int | None) -> Iterator[Edit]:
    """A tenth of the learning rate, where one number in the file is it."""
    found = [
        keyword.value
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in ("lr", "learning_rate") and isinstance(keyword.value, ast.Constant)
    ]
    if len(found) == 1 and isinstance(found[0].value, int | float):
        yield source.replaced(found[0], f"{found[0].value / 10:.6g}")


def _keyword(
    names: tuple[str, ...], keyword: str, value: str
) -> Callable[[_Source, int | None], Iterator[Edit]]:
    """Add a keyword to the calls of some functions anywhere in the file."""

    def make(source: _Source, line: int | None) -> Iterator[Edit]:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call) or any(one.arg == keyword for one in node.keywords):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in names:
                end = source.span(node)[1] - 1
                comma = ", " if node.args or node.keywords else ""
                yield Edit(start=end, end=end, text=f"{comma}{keyword}={value}")

    return make


_MAKERS: dict[str, Callable[[_Source, int | None], Iterator[Edit]]] = {
    "log-of-zero": _log,
    "sqrt-at-zero": _root,
    "division-by-zero": _division,
    "domain-error": _domain,
    "where-gradient-trap": _trap,
    "fully-masked-softmax": _masked,
    "lr-too-high": _rate,
    "ctc-target-too-long": _keyword(("CTCLoss", "ctc_loss"), "zero_infinity", "True"),
    "batchnorm-single-value": _keyword(("DataLoader",), "drop_last", "True"),
    "adam-eps-zero": _keyword(("Adam", "AdamW"), "eps", "1e-4"),
}
