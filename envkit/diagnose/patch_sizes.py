"""A number or a name in the person's file changed to what fits, where one place alone is meant. Pure."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping

from envkit.diagnose.analyzers.model import Resize, Reword
from envkit.diagnose.patch import Edit, Patch, edited

_LARGEST = 1 << 40


def fitted(files: Mapping[str, str], change: Resize | Reword) -> Patch | None:
    """The change; None where no place, or more than one, can be meant.

    files: the person's own files by path.
    """
    found = [(path, source, *place) for path, source in files.items() for place in _places(source, change)]
    if len(found) != 1:
        return None
    path, source, node, text = found[0]
    return edited(path, source, (_edit(source, node, text),))


def _places(source: str, change: Resize | Reword) -> Iterator[tuple[ast.expr, str]]:
    """What would be replaced, and by what."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    if isinstance(change, Resize):
        for node in _numbers(tree, change):
            yield node, _written(node, change)
        return
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and one.value == change.old:
            quote = (ast.get_source_segment(source, one) or '"')[-1]
            yield one, f"{quote}{change.new}{quote}"


def _numbers(tree: ast.Module, resize: Resize) -> Iterator[ast.expr]:
    """Arguments that hold the old number in calls of that layer."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or _called(node) != resize.call:
            continue
        argument = _argument(node, resize.position, resize.keyword)
        others = ((_argument(node, position, keyword), value) for position, keyword, value in resize.others)
        fits = all(_number(other) in (value, None) for other, value in others if other is not None)
        if argument is not None and _number(argument) == resize.old and fits:
            yield argument


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _argument(node: ast.Call, position: int, keyword: str) -> ast.expr | None:
    if any(isinstance(one, ast.Starred) for one in node.args[: position + 1]):
        return None
    if position < len(node.args):
        return node.args[position]
    return next((one.value for one in node.keywords if one.arg == keyword), None)


def _number(node: ast.expr | None) -> int | None:
    """The value of numbers, and of products and sums of numbers."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value if abs(node.value) < _LARGEST else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add | ast.Sub):
        left, right = _number(node.left), _number(node.right)
        if left is None or right is None:
            return None
        made = {ast.Mult: left * right, ast.Add: left + right, ast.Sub: left - right}[type(node.op)]
        return made if abs(made) < _LARGEST else None
    return None


def _factors(node: ast.expr) -> list[int] | None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _factors(node.left), _factors(node.right)
        return None if left is None or right is None else left + right
    number = _number(node) if isinstance(node, ast.Constant) else None
    return None if number is None else [number]


def _written(node: ast.expr, resize: Resize) -> str:
    """`16 * 5 * 5` where it was `16 * 4 * 4`, so that the number says where it comes from."""
    factors = _factors(node) or []
    if len(factors) == 3 and factors[1] == factors[2] and resize.new % factors[0] == 0:
        side = math.isqrt(resize.new // factors[0])
        if side * side * factors[0] == resize.new:
            return f"{factors[0]} * {side} * {side}"
    return str(resize.new)


def _edit(source: str, node: ast.expr, text: str) -> Edit:
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    assert node.end_lineno is not None and node.end_col_offset is not None
    return Edit(
        start=starts[node.lineno - 1] + node.col_offset,
        end=starts[node.end_lineno - 1] + node.end_col_offset,
        text=text,
    )
