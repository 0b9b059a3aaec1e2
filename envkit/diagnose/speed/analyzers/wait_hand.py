"""Batches that the script's own functions make in the training loop, without a loader."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source
from envkit.diagnose.speed.analyzers.wait_facts import served
from envkit.diagnose.speed.analyzers.wait_kinds import kinds
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Frame
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.words import duration

_SHARE = 0.15
_LITTLE = 2e-3
"""Seconds of a step below which making its batch is no cause."""
_METHODS = ("__getitem__", "__next__", "__iter__", "__getitems__")
_BATCHES = re.compile(
    r"(^|_)(batch|batches|minibatch|minibatches|sample_batch|augment|dataset|loader|collate)(_|$)"
)
_GETS = re.compile(r"^_?(get|next|load|make|read|fetch|prepare|build|draw|iter|iterate|generate)_")
_NOT = re.compile(
    r"(^|_)(log|metric|metrics|loss|acc|accuracy|plot|print|save|eval|evaluate|valid|val|test|train|step|fit|run|"
    r"main|forward|grad|clip|norm|model|optimizer|optim|norms|stats)(_|$)"
)


def made_by_hand(view: View) -> Iterable[Slow]:
    """S1 without a loader: a generator, or a function that is asked for each batch."""
    path = own.training(view)
    every = own.looks(view)
    if not path or not every or view.shares.get("wait", 0.0) >= 0.1:
        return
    makers = {
        id(one.sample): maker
        for one in every
        if one.kind in ("python", "tensor") and (maker := _maker(view, one, path)) is not None
    }
    share, number = own.told(view, every, lambda one: id(one.sample) in makers)
    step = view.seconds / len(view.durations) if view.durations else 0.0
    if share < _SHARE or number < 8 or share * step * served(view) < _LITTLE:
        return
    mine = [one for one in every if id(one.sample) in makers]
    found = kinds(view, [one.sample for one in mine], loop=path)
    line = found.line("")
    names = [frame.function for frame in makers.values()]
    name = max(sorted(set(names)), key=names.count)
    rest = step * (1 - share)
    whole = own.told(view, every, lambda one: one.kind == "python")[0]
    yield Slow(
        key="dataloader-bound",
        share=share,
        summary=f"`{name}` makes each batch while the model waits: {share:.0%} of the time, "
        f"{duration(share * step)} a step, and the rest of it takes {duration(rest)}"
        + (f"; most at {own.named(line)}" if line else ""),
        evidence=(
            Evidence(what=f"making batches in {name}", value=f"{share:.0%} of the time",
                     source=f"{number} looks at the main thread"),
            Evidence(what="the rest of a step", value=duration(rest), source="steps, timed"),
        ),
        where=Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data"),
        confidence=0.8,
        gains=(
            Gain(fix=f"what `{name}` does, done once and kept", key="dataloader-bound",
                 predicted=whatif.of_share(*(one * share for one in (0.7, 1.0)))),
        ),
        fix=(
            FixStep(say=f"Do it once and keep the result: {own.named(line)}"),
            FixStep(say=f"Make `{name}` a Dataset, and take batches from a DataLoader with workers"),
        ),
        folds=("python-overhead", "launch-bound") if share >= 0.6 * whole else (),
    )  # fmt: skip


def _maker(view: View, look: own.Look, path: frozenset[tuple[str, str]]) -> Frame | None:
    """The person's function below the training loop that makes batches, where there is one on the stack."""
    if look.sample.phase != "other" or view.part(look.sample) == "forward":
        return None
    below: list[Frame] = []
    for frame in own.users(look.stack):
        if (frame.file, frame.function) in path:
            break
        below.append(frame)
    else:
        return None  # not called by the loop
    if not below or _NOT.search(below[-1].function):
        return None
    return next((frame for frame in reversed(below) if _makes(view, frame)), None)


def _makes(view: View, frame: Frame) -> bool:
    name = frame.function
    if name in _METHODS or (_BATCHES.search(name) and not _NOT.search(name)) or _GETS.match(name):
        return True
    inside = source.function(view.files.get(frame.file, ""), frame.line)
    return inside is not None and inside.name == name and _yields(inside)


def _yields(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a generator."""
    work: list[ast.AST] = list(function.body)
    while work:
        one = work.pop()
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            work += list(ast.iter_child_nodes(one))
    return False
