"""The person's own text around a line: its statement, the loops and the function that it stands in. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

Chain = tuple[ast.stmt, ...]
"""Statements around a line, outermost first; the last one is its own."""
_TRAINS = frozenset(
    ("backward", "fit", "train_on_batch", "train_step", "training_step", "apply_gradients", "manual_backward")
)


@lru_cache(maxsize=64)
def _lines(text: str) -> dict[int, Chain]:
    """The statements around each line of a file."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[int, Chain] = {}
    work: list[tuple[Chain, list[ast.stmt]]] = [((), tree.body)]
    while work:
        above, body = work.pop()
        for one in body:
            chain = (*above, one)
            begins = min([one.lineno, *(each.lineno for each in getattr(one, "decorator_list", ()))])
            for line in range(begins, (one.end_lineno or one.lineno) + 1):
                if len(found.get(line, ())) < len(chain):
                    found[line] = chain
            work += [(chain, inner) for inner in _bodies(one)]
    return found


def _bodies(one: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        inner = getattr(one, name, None)
        if inner:
            yield inner
    for handler in getattr(one, "handlers", ()):
        yield handler.body
    for case in getattr(one, "cases", ()):
        yield case.body


def chain(text: str, line: int) -> Chain:
    """Statements around a line, outermost first; () where the file cannot be read as Python."""
    return _lines(text).get(line, ())


def own(text: str, line: int) -> tuple[ast.AST, ...]:
    """The line's statement itself: of a compound one, its head."""
    around = chain(text, line)
    return head(around[-1]) if around else ()


def head(one: ast.stmt) -> tuple[ast.AST, ...]:
    match one:
        case ast.For() | ast.AsyncFor():
            return one.target, one.iter
        case ast.While() | ast.If():
            return (one.test,)
        case ast.With() | ast.AsyncWith():
            return tuple(one.items)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Try() | ast.Match():
            return ()
        case _:
            return (one,)


def calls(nodes: Iterable[ast.AST]) -> tuple[str, ...]:
    """Names of what is called there, `loss.item`."""
    return tuple(_dotted(one.func) for node in nodes for one in ast.walk(node) if isinstance(one, ast.Call))


def _dotted(node: ast.AST) -> str:
    """`a.b.c`; of anything else the last name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(names))


def function(text: str, line: int) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function that a line is in."""
    found = [one for one in chain(text, line) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return found[-1] if found else None


def trains(node: ast.AST) -> bool:
    """Whether a piece of text trains: it asks for gradients or for an update."""
    return any(
        name.rpartition(".")[2] in _TRAINS or name.endswith("autograd.grad") for name in calls((node,))
    )


def loop_of_training(text: str, line: int) -> bool:
    """Whether a line is the head of a loop that trains."""
    around = chain(text, line)
    return bool(around) and isinstance(around[-1], ast.For | ast.While) and _loop_trains(text, around[-1])


@lru_cache(maxsize=64)
def trainers(text: str) -> frozenset[str]:
    """Names of the file's functions that train, also by calling another one."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    defined = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = {one.name for one in defined if trains(one)}
    for _ in range(3):
        found |= {one.name for one in defined if any(last(name) in found for name in calls(one.body))}
    return frozenset(found)


def last(name: str) -> str:
    return name.rpartition(".")[2]


def _loop_trains(text: str, loop: ast.stmt) -> bool:
    return trains(loop) or any(last(name) in trainers(text) for name in calls((loop,)))


def repeats(text: str, line: int) -> bool:
    """Whether a line runs several times in a step: in a comprehension, or in a loop that does not train."""
    around = chain(text, line)
    if not around:
        return False
    if any(isinstance(one, ast.comprehension) for node in own(text, line) for one in ast.walk(node)):
        return True
    inner = around[-1:] if not isinstance(around[-1], ast.For | ast.While) else ()
    loops = [one for one in (*around[:-1], *inner) if isinstance(one, ast.For | ast.While)]
    start = max((place for place, one in enumerate(around) if isinstance(one, ast.FunctionDef)), default=-1)
    inside = [one for one in loops if one in around[start + 1 :]]
    return any(not _loop_trains(text, one) for one in inside) or (
        isinstance(around[-1], ast.For | ast.While) and not _loop_trains(text, around[-1])
    )


def tested(text: str, line: int) -> int | None:
    """The line of an `if x in y` that a line is the first one within.

    A test of membership runs without a break, however long the list is: who looks from another thread sees
    the next call.
    """
    around = chain(text, line)
    if len(around) < 2 or not isinstance(around[-2], ast.If) or around[-2].body[:1] != [around[-1]]:
        return None
    test = around[-2].test
    tests = [each for one in ast.walk(test) if isinstance(one, ast.Compare) for each in one.ops]
    return test.lineno if any(isinstance(one, ast.In | ast.NotIn) for one in tests) else None


def find(text: str, *names: str) -> int | None:
    """The first line that calls one of these, by the last name of the call, or hands one over as a
    keyword."""
    return _found(text, lambda node: bool(set(names) & (set(map(last, calls((node,)))) | _keywords(node))))


def find_call(text: str, name: str) -> int | None:
    """The first line, but of a function's or a class's head, that calls this: `gc.collect`."""
    return _found(text, lambda node: name in calls((node,)))


def _found(text: str, wanted: Callable[[ast.AST], bool]) -> int | None:
    rows = _lines(text)
    return next(
        (
            line
            for line in sorted(rows)
            if rows[line][-1].lineno == line and any(map(wanted, own(text, line)))
        ),
        None,
    )


def _keywords(node: ast.AST) -> set[str]:
    """Names of arguments that are not set to None or False."""
    return {
        one.arg
        for one in ast.walk(node)
        if isinstance(one, ast.keyword)
        and one.arg
        and not (isinstance(one.value, ast.Constant) and not one.value.value)
    }
