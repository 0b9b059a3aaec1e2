"""Attention that is put together from parts. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain, Where
from envkit.diagnose.speed.analyzers.work import middle, place, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_SAVED = (0.3, 0.8)
"""Part of the attention's time that a fused kernel saves where the matrix of scores is large."""
_LEAST = 0.35
"""Share of the time in attention from which it is large: below, the rest of the layer takes more, as it does
wherever sequences are short."""
_PARTS = frozenset({
    "softmax", "matmul", "bmm", "baddbmm", "einsum", "masked_fill", "masked_fill_", "tril", "triu", "dropout",
    "attn_dropout", "where", "transpose",
})  # fmt: skip


def unfused(view: View) -> Iterable[Slow]:
    """S30: softmax(q k^T) v by hand, and much of the time there."""
    found, known = work(view), _marked(view)
    if not known or not found.step:
        return
    looks = [one for one in view.samples if view.part(one) in ("forward", "own")]
    seconds: dict[tuple[str, int], float] = {}
    for one in looks:
        for frame in view.stack(one):
            if frame.users and (frame.file, frame.line) in known:
                key = frame.file, frame.line
                seconds[key] = seconds.get(key, 0.0) + one.seconds
                break
    forward = sum(one.seconds for one in looks if view.part(one) == "forward") or sum(
        one.seconds for one in looks
    )
    if not forward or not seconds:
        return
    part = min(1.0, sum(seconds.values()) / forward)
    share = part * found.model / found.step
    if share < _LEAST:
        return
    file, line = max(seconds, key=lambda one: seconds[one])
    saved = _SAVED[0] * share, _SAVED[1] * share
    yield Slow(
        key="unfused-attention",
        share=middle(saved),
        confidence=0.75,
        summary=f"scores, softmax and product by hand at {place(file, line)} take {share:.0%} of the time: "
        "the whole matrix of scores is written and read several times",
        evidence=(
            Evidence(
                what="attention from parts",
                value=f"{part:.0%} of the forward pass",
                source="looks at the stack",
            ),
            *(
                Evidence(what="line", value=f"{place(*key)}: {view.text(*key)}", source="the script")
                for key in sorted(seconds, key=lambda one: -seconds[one])[:3]
            ),
        ),
        where=Where(file=file, line=line, phase="forward"),
        fix=(
            FixStep(
                say=f"torch.nn.functional.scaled_dot_product_attention(q, k, v) in place of the lines around "
                f"{place(file, line)}"
            ),
        ),
        gains=(Gain(fix="scaled_dot_product_attention", predicted=of_share(*saved)),),
        folds=("python-overhead",),
    )  # fmt: skip


def _marked(view: View) -> set[tuple[str, int]]:
    """Lines of attention: in functions that the watcher named, or that look like it."""
    named: dict[str, set[int]] = {}
    for text in view.settings.attention:
        file, _, line = text.rpartition(":")
        if line.isdigit():
            named.setdefault(file, set()).add(int(line))
    found = {(file, line) for file, lines in named.items() for line in lines}
    for file, text in view.files.items():
        found |= {(file, line) for line in _lines(text, named.get(file, set()))}
    return found


def _lines(text: str, named: set[int]) -> Iterable[int]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        inside = any(function.lineno <= line <= (function.end_lineno or 0) for line in named)
        if not (inside or _is_attention(function)):
            continue
        for statement in ast.walk(function):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Return | ast.AnnAssign) and _part(
                statement
            ):
                yield from range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _is_attention(function: ast.AST) -> bool:
    """A softmax between two products, and no fused call."""
    names = [_name(one) for one in ast.walk(function) if isinstance(one, ast.Call)]
    if any("attention" in name for name in names):
        return False
    products = sum(name in ("matmul", "bmm", "einsum", "baddbmm") for name in names)
    products += sum(
        isinstance(one, ast.BinOp) and isinstance(one.op, ast.MatMult) for one in ast.walk(function)
    )
    return "softmax" in names and products >= 2


def _part(statement: ast.AST) -> bool:
    """Whether a statement multiplies matrices, or does something to scores."""
    for one in ast.walk(statement):
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.MatMult):
            return True
        if isinstance(one, ast.Call) and _name(one) in _PARTS - {"transpose", "dropout"}:
            return True
    return False


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
