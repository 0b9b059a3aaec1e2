"""Loops of the person's own code that go round many times within one step. Pure.

Which loop that is cannot be read from a stack alone: the loop over epochs and that over batches are there,
too. Those hold the backward pass or the update; a loop within a step does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from envkit.diagnose.speed.trace import Frame, Sample
from envkit.diagnose.speed.view import View

Kind = Literal["elements", "modules", "parameters", "repeats"]
"""What a loop goes over: parts of tensors (time steps, rows), layers, parameters, or nothing that is told
apart: the same again and again."""
_STEPPING = frozenset({
    "backward", "manual_backward", "step", "zero_grad", "minimize", "apply_gradients", "train_on_batch",
    "training_step", "train_step", "fit",
})  # fmt: skip
"""What a loop over batches calls."""
_MODULES = ("layers", "blocks", "modules", "children", "heads", "convs", "stages", "branches", "experts")
_PARAMETERS = (
    "parameters",
    "param_groups",
    "params",
    "trainable_variables",
    "trainable_weights",
    "state_dict",
)
_SPREAD = 0.5
"""Part of the steps in which a loop that belongs to each step is seen at least."""
_Loop = ast.For | ast.AsyncFor | ast.While | ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp
_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass(frozen=True, kw_only=True, slots=True)
class Loop:
    """A loop of the person's file."""

    file: str
    line: int
    """Where it begins."""
    last: int
    kind: Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A loop within the step, and what was seen in it."""

    loop: Loop
    share: float
    """Of the steady time in looks."""
    line: int
    """The dearest line of its body, in the function that has the loop."""
    samples: tuple[Sample, ...]


def within_steps(view: View, samples: Iterable[Sample], kinds: frozenset[Kind]) -> list[Seen]:
    """Loops of these kinds that go round within a step, the dearest first. samples: the looks that count."""
    stepping = _stepping_lines(view)
    taken: dict[Loop, list[tuple[Sample, int]]] = {}
    for one in samples:
        found = _loop_of(view.stack(one), view.files, stepping, kinds)
        if found is not None:
            taken.setdefault(found[0], []).append((one, found[1]))
    steps = {one.step for one in view.samples}
    seen = []
    for loop, rows in taken.items():
        # What stands outside the usual step, as a validation does, is seen in few of them.
        if len({one.step for one, _ in rows}) < min(_SPREAD * len(steps), _SPREAD * len(rows)):
            continue
        lines: dict[int, float] = {}
        for one, line in rows:
            lines[line] = lines.get(line, 0.0) + one.seconds
        share = sum(one.seconds for one, _ in rows) / view.sampled if view.sampled else 0.0
        dearest = max(lines, key=lambda line: (lines[line], -line))
        seen.append(Seen(loop=loop, share=share, line=dearest, samples=tuple(one for one, _ in rows)))
    return sorted(seen, key=lambda one: -one.share)


def _loop_of(
    stack: tuple[Frame, ...],
    files: Mapping[str, str],
    stepping: frozenset[tuple[str, int]],
    kinds: frozenset[Kind],
) -> tuple[Loop, int] | None:
    """The innermost such loop that a stack is in, with the line of its body."""
    for frame in stack:
        if not frame.users or frame.file not in files:
            continue
        for loop in _loops(files[frame.file], frame.file):
            if not loop.line <= frame.line <= loop.last or loop.kind not in kinds:
                continue
            if any(file == loop.file and loop.line <= line <= loop.last for file, line in stepping):
                continue
            if _same_function(files[frame.file], loop.line, frame.line):
                return loop, frame.line
    return None


def _stepping_lines(view: View) -> frozenset[tuple[str, int]]:
    """The person's lines below which gradients are computed or the update is made by a library."""
    found: set[tuple[str, int]] = set()
    for one in view.samples:
        if one.phase in ("backward", "optimizer"):
            users = [frame for frame in view.stack(one) if frame.users]
            # The innermost ones of an update may be those of the person's own optimiser, with its loops.
            kept = users if one.phase == "backward" else _callers_of_step(users)
            found.update((frame.file, frame.line) for frame in kept)
    return frozenset(found)


def _callers_of_step(users: list[Frame]) -> list[Frame]:
    place = next((place for place, frame in enumerate(users) if frame.function in ("step", "update")), -1)
    return users[place + 1 :]


@lru_cache(maxsize=64)
def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return None


@lru_cache(maxsize=64)
def _loops(text: str, file: str) -> tuple[Loop, ...]:
    """Loops of a file that hold no step, inner ones before those around them."""
    tree = _tree(text)
    if tree is None:
        return ()
    found = [
        Loop(file=file, line=one.lineno, last=one.end_lineno or one.lineno, kind=kind(one))
        for one in ast.walk(tree)
        if isinstance(one, _LOOPS) and not _steps(one)
    ]
    return tuple(sorted(found, key=lambda one: one.last - one.line))


@lru_cache(maxsize=4096)
def _same_function(text: str, one: int, two: int) -> bool:
    """Whether two lines are of the same function, functions within it left out."""
    return _function(text, one) == _function(text, two)


def _function(text: str, line: int) -> int:
    tree = _tree(text)
    inner = 0
    for one in ast.walk(tree) if tree is not None else ():
        if isinstance(one, _FUNCTIONS) and one.lineno <= line <= (one.end_lineno or one.lineno):
            inner = max(inner, one.lineno)
    return inner


def _steps(loop: _Loop) -> bool:
    return any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in _STEPPING
        for one in ast.walk(loop)
    )


def kind(loop: _Loop) -> Kind:
    """What a loop goes over."""
    if isinstance(loop, ast.While):
        return "repeats"
    over, targets = _over(loop)
    names = {one.attr for one in ast.walk(over) if isinstance(one, ast.Attribute)}
    names |= {one.id for one in ast.walk(over) if isinstance(one, ast.Name)}
    names |= {
        one.value for one in ast.walk(over) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    if any(name.endswith(_PARAMETERS) for name in names) or _reads_gradients(loop):
        return "parameters"
    if any(name.endswith(_MODULES) for name in names):
        return "modules"
    body = list(_body(loop))
    if any(isinstance(one, ast.Call) and _is_chosen(one.func, targets) for one in body):
        return "modules"
    if not _is_range(over):
        return "elements"
    indexed = any(isinstance(one, ast.Subscript) and _uses(one.slice, targets) for one in body)
    return "elements" if indexed else "repeats"


def _over(loop: _Loop) -> tuple[ast.expr, frozenset[str]]:
    """What it goes over, and the names that it sets."""
    assert not isinstance(loop, ast.While)
    if isinstance(loop, ast.For | ast.AsyncFor):
        target, over = loop.target, loop.iter
    else:
        target, over = loop.generators[0].target, loop.generators[0].iter
    return over, frozenset(one.id for one in ast.walk(target) if isinstance(one, ast.Name))


def _body(loop: _Loop) -> Iterator[ast.AST]:
    if isinstance(loop, ast.For | ast.AsyncFor | ast.While):
        for statement in loop.body:
            yield from ast.walk(statement)
    else:
        yield from ast.walk(loop)


def _is_chosen(function: ast.expr, targets: frozenset[str]) -> bool:
    """Whether the loop calls what it goes over: `layer(x)`, `layer.attend(x)`, `self.layers[i](x)`."""
    if isinstance(function, ast.Name):
        return function.id in targets
    if isinstance(function, ast.Subscript):
        return _uses(function.slice, targets)
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Subscript)
        and _uses(function.value.slice, targets)
        and _is_of_self(function.value.value)
    )


def _is_of_self(value: ast.expr) -> bool:
    return isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "self"


def _is_range(over: ast.expr) -> bool:
    calls = [one.func for one in ast.walk(over) if isinstance(one, ast.Call)]
    return any(isinstance(one, ast.Name) and one.id in ("range", "trange") for one in calls)


def _uses(tree: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(tree))


def _reads_gradients(loop: _Loop) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr == "grad" for one in _body(loop))
