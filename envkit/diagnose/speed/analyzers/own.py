"""What a look at the main thread found it doing, beyond the phases of a step. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from envkit.diagnose.model import Where
from envkit.diagnose.speed.analyzers import source, vocabulary
from envkit.diagnose.speed.trace import Frame, Sample
from envkit.diagnose.speed.view import Line, View

_LOGS = (
    *("logging/__init__.py", "logging/handlers.py", "torch/utils/tensorboard/"),
    *("/tensorboard/", "/tensorboardX/"),
    *("/wandb/", "/mlflow/", "/neptune/", "/comet_ml/", "/aim/", "/clearml/", "/tqdm/", "/rich/", "/loguru/"),
    *("/matplotlib/", "/seaborn/", "/plotly/", "/torchmetrics/", "/torcheval/"),
    *("sklearn/metrics/", "/evaluate/"),
    *("torch/_tensor_str.py", "numpy/core/arrayprint.py", "numpy/_core/arrayprint.py"),
    *("/pprint.py", "/csv.py"),
    *("callbacks/tensorboard.py", "callbacks/csv_logger.py"),
    *("utils/progbar.py", "lightning/pytorch/loggers/"),
    *("pytorch_lightning/loggers/", "transformers/integrations/", "/tabulate/", "/structlog/"),
)  # fmt: skip
_SAVES = (
    *("torch/serialization.py", "safetensors/", "keras/src/saving/"),
    *("callbacks/model_checkpoint.py", "/joblib/"),
    *("tensorflow/python/checkpoint/", "tensorflow/python/saved_model/"),
    *("/h5py/", "torch/distributed/checkpoint/"),
    *("lightning/pytorch/callbacks/model_checkpoint.py", "pytorch_lightning/callbacks/model_checkpoint.py"),
)  # fmt: skip
_WRITERS = {
    "json/encoder.py": ("encode", "iterencode", "_iterencode", "_iterencode_dict", "_iterencode_list"),
    "json/__init__.py": ("dump", "dumps"),
    "pickle.py": ("dump", "save", "_dump", "_dumps"),
}
_COMPILERS = (
    *("torch/_dynamo/convert_frame.py", "torch/_inductor/compile_fx.py", "torch/_inductor/async_compile.py"),
    *("polymorphic_function/tracing_compilation.py", "tensorflow/python/framework/func_graph.py"),
)
"""What is on the stack while something is compiled or traced, and not while it runs."""
_MODELS = (
    *("torch/", "tensorflow/", "keras/", "accelerate/", "lightning/", "pytorch_lightning/"),
    *("transformers/", "jax/"),
    *("timm/", "torchvision/models", "torchvision/ops", "diffusers/", "peft/", "flax/"),
    *("deepspeed/", "einops/"),
)  # fmt: skip
_GLUE = (
    *("/contextlib.py", "/functools.py", "/abc.py", "/typing.py", "/enum.py", "/warnings.py", "/weakref.py"),
    *("/traceback.py", "/linecache.py", "/inspect.py"),
)  # fmt: skip
"""Modules that frameworks go through, too; anomaly mode of torch writes stacks with the last ones."""
_CONVERTS = ("torch/_tensor.py", "torch/utils/data/")
_THROUGH = (
    "__iter__",
    "__array__",
    "__contains__",
    "__reversed__",
    "default_collate",
    "collate",
    "__getitem__",
)
"""Functions of torch that are work for Python all the same: a tensor gone through element by element, an
array made of it."""
_ROOT = re.compile(r"/(?:site|dist)-packages/|/lib/python3(?:\.\d+)?t?/")
_MOST = 0.6
"""Share of the looks that a line of the training loop must have called to be the one that is meant."""


def library(frame: Frame, parts: tuple[str, ...]) -> bool:
    """Whether a frame's file lies in one of these parts of the installed packages or the standard library."""
    path = "/" + _ROOT.split(frame.file.replace("\\", "/"))[-1]
    return any((part if part.startswith("/") else "/" + part) in path for part in parts)


def below(stack: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Frames of libraries that the person's innermost line called, innermost first."""
    for place, frame in enumerate(stack):
        if frame.users:
            return stack[:place]
    return stack


def users(stack: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """The person's own frames, innermost first."""
    return tuple(frame for frame in stack if frame.users)


@dataclass(frozen=True, slots=True)
class Look:
    """A look and what it found."""

    sample: Sample
    stack: tuple[Frame, ...]
    kind: str
    """`log`, `save`, `compile`, `sync`, `python`: work of the script itself; else the part of the step that
    it belongs to, `wait`, `forward`, `backward`, `optimizer`, or `tensor`: operations, which a model may be
    made of."""


def looks(view: View) -> list[Look]:
    """Of the steady steps."""
    path = training(view)
    known: dict[tuple[int, str], str] = {}
    found = []
    for one in view.samples:
        key = (one.stack, one.phase)
        if key not in known:
            known[key] = _kind(view, one, path)
        found.append(Look(one, view.stack(one), known[key]))
    return found


def training(view: View) -> frozenset[tuple[str, str]]:
    """Functions of the person, by file and name, that gradients or updates were asked for in, or that
    called those."""
    return frozenset(
        (frame.file, frame.function)
        for one in view.samples
        if one.phase in ("backward", "optimizer")
        for frame in view.stack(one)
        if frame.users
    )


def _kind(view: View, sample: Sample, path: frozenset[tuple[str, str]]) -> str:
    stack = view.stack(sample)
    inner, mine = below(stack), users(stack)
    if any(library(frame, _COMPILERS) for frame in inner):
        return "compile"
    if sample.phase in ("wait", "backward", "optimizer"):
        return sample.phase
    if view.gpu and any(library(frame, ("torch/_tensor_str.py",)) for frame in inner):
        return "sync"  # the value that is printed must be there first
    if any(library(frame, _LOGS) or _writes(frame) for frame in inner):
        return "log"
    if any(library(frame, _SAVES) for frame in inner):
        return "save"
    part = view.part(sample)
    if any(library(frame, _MODELS) and not _converts(frame) for frame in inner):
        return part if part == "forward" else "tensor"
    if not mine:
        return "tensor"
    helpers = [one for one in mine if (one.file, one.function) not in path]
    around = [one for one in mine if (one.file, one.function) in path]
    return _by_text(view, part, inner, mine[0], helpers, around)


def _converts(frame: Frame) -> bool:
    return library(frame, _CONVERTS) and frame.function in _THROUGH


def _writes(frame: Frame) -> bool:
    return any(
        frame.file.endswith("/" + file) and frame.function in functions
        for file, functions in _WRITERS.items()
    )


def _by_text(
    view: View,
    part: str,
    inner: tuple[Frame, ...],
    frame: Frame,
    helpers: Sequence[Frame],
    around: Sequence[Frame],
) -> str:
    """Of a look at the person's own line, with no framework below it. helpers: the person's functions
    around it that do not train; around: those that do."""
    text = view.files.get(frame.file, "")
    names = source.calls(source.own(text, frame.line))
    if vocabulary.saves(names):
        return "save"
    waits = vocabulary.syncs(source.own(text, frame.line))
    if view.gpu and any(one != "print()" for one in waits):
        return "sync"
    if vocabulary.writes(names) or vocabulary.only_written(text, frame.line):
        return "log"
    if any(vocabulary.records(view.files.get(one.file, ""), one.line) for one in helpers):
        return "log"
    if helpers and any(vocabulary.only_written(view.files.get(one.file, ""), one.line) for one in around):
        return "log"
    foreign = any(not library(one, (*_MODELS, *_GLUE)) for one in inner)
    if foreign:
        return "python"
    if part == "forward":
        return part
    if vocabulary.python(source.own(text, frame.line)):
        return "python"
    loops = frame.function in ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>")
    if any(_converts(one) for one in inner) or loops or source.repeats(text, frame.line):
        return "python" if not vocabulary.tensors(text, frame.line) else "tensor"
    return "tensor"


def told(view: View, found: Iterable[Look], wanted: Callable[[Look], bool]) -> tuple[float, int]:
    """Share of the steady time in looks that `wanted` takes, and their number.

    Phases that were timed count as they were timed: looks only divide what is within them.
    """
    timed = {
        name: min(1.0, sum(column) / view.seconds)
        for name in ("wait", "backward", "optimizer")
        if view.seconds and (column := view.column(name))
    }
    whole: dict[str, float] = {}
    taken: dict[str, float] = {}
    number = 0
    for one in found:
        name = one.sample.phase if one.sample.phase in timed else "rest"
        whole[name] = whole.get(name, 0.0) + one.sample.seconds
        if wanted(one):
            taken[name] = taken.get(name, 0.0) + one.sample.seconds
            number += 1
    rest = max(0.0, 1.0 - sum(timed.values()))
    share = sum(
        timed.get(name, rest) * seconds / whole[name] for name, seconds in taken.items() if whole[name]
    )
    return share, number


def dearest(
    view: View, found: Iterable[Look], *, outside: frozenset[tuple[str, str]] | None = None
) -> Line | None:
    """The person's line with most of these looks. outside: functions of the training loop: where most of it
    was called from one line there, that line is meant, since there it can be done more rarely; else the
    innermost."""
    inner: dict[tuple[str, int, str], float] = {}
    outer: dict[tuple[str, int, str], float] = {}
    whole = 0.0
    for one in found:
        whole += one.sample.seconds
        for frame in users(one.stack)[:1]:
            _add(inner, frame, one.sample.seconds)
        for frame in _called(one.stack, outside or frozenset())[:1]:
            _add(outer, frame, one.sample.seconds)
    if not inner:
        return None
    best, seconds = max(inner.items(), key=lambda pair: pair[1])
    if outer:
        call, all_of_it = max(outer.items(), key=lambda pair: pair[1])
        if all_of_it >= _MOST * whole:
            best, seconds = call, all_of_it
    return line(view, best, seconds)


def _called(stack: tuple[Frame, ...], loop: frozenset[tuple[str, str]]) -> list[Frame]:
    """The person's frames in the training loop from which the innermost one was called, without a library
    between: what a library calls back is no call of the loop."""
    found: list[Frame] = []
    for frame in stack[len(below(stack)) :]:
        if not frame.users:
            break
        if (frame.file, frame.function) in loop:
            found.append(frame)
    return found


def line(view: View, place: tuple[str, int, str], seconds: float) -> Line:
    """A place of the person's text, by file, line and function, with the share that so many seconds are."""
    file, number, function = place
    number = source.tested(view.files.get(file, ""), number) or number
    return Line(
        file, number, function, seconds / view.sampled if view.sampled else 0.0, view.text(file, number)
    )


def _add(sums: dict[tuple[str, int, str], float], frame: Frame, seconds: float) -> None:
    key = frame.file, frame.line, frame.function
    sums[key] = sums.get(key, 0.0) + seconds


def interval(share: float, looks: int) -> tuple[float, float]:
    """95 % of a share that so many looks stand for (Wilson's interval)."""
    if share <= 0 or looks <= 0:
        return 0.0, share
    whole, z = looks / min(1.0, share), 1.96
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * sqrt(max(0.0, share * (1 - share)) / whole + z * z / (4 * whole * whole))
    return max(0.0, middle - half), min(1.0, middle + half)


def at(place: Line | None) -> Where:
    """The place of a line."""
    return Where() if place is None else Where(file=place.file, line=place.line)


def named(place: Line | None) -> str:
    """A line for a sentence: `train.py:20, print(loss)`; empty where there is none."""
    if place is None:
        return ""
    text = f", `{place.text[:90]}`" if place.text else ""
    return f"{place.file.replace(chr(92), '/').rpartition('/')[2]}:{place.line}{text}"
