"""What ended the script: the error itself as a cause. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envkit.core.finding import Evidence, FixStep
from envkit.core.text import one_line, size
from envkit.diagnose.analyzers import misuse, sizes, sizes_keras, sizes_targets
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.sizes import Fit, fit, shown
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Trace
from envkit.diagnose.trace_crash import Crash, CrashFrame, Held, MemoryHeld
from envkit.match.match import explain_text

LEAST = 0.5
"""From here on a text says enough for a cause."""
_MOST_TENSORS = 6
_INSIDE = re.compile(
    r'^\s*File "(?P<file>[^"\n]{1,1000})", line (?P<line>\d{1,9}), in (?P<name>\S{1,200})', re.M
)
"""A traceback within the text, as a DataLoader's worker sends it."""
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib(?:64)?/python3\.\d+/|<frozen")
_RULES = (*sizes.RULES, *sizes_targets.RULES, *sizes_keras.RULES, *misuse.RULES)
_NODE = re.compile(r"\{\{function_node [^}]{0,300}\}\} ")
_LAYER = re.compile(r"of layer [\"']?(?P<name>[\w./-]+)")
_PHASES = (
    ("data", "/torch/utils/data/"),
    ("backward", "/torch/autograd/"),
    ("optimizer", "/torch/optim/"),
)


def crash(trace: Trace) -> tuple[Suspicion, ...]:
    """Causes of the exception that ended the script; () when there was none, or none that is known."""
    if trace.crash is None or trace.trip is not None:  # after a NaN, an error is its consequence
        return ()
    if trace.crash.type == "KeyboardInterrupt":
        return ()
    found = [match for match in explain_text(text(trace.crash)).causes if match.confidence >= LEAST]
    if not found:
        return ()
    best = found[0]
    said = fit(trace.crash, _RULES)
    key = said.key if said is not None and said.key is not None else best.key
    return (
        Suspicion(
            key=key,
            confidence=best.confidence,
            where=place(trace.crash),
            evidence=tuple(_evidence(trace.crash)),
            summary=_summary(trace.crash, said),
            fix=_steps(trace.crash, said),
            enough=said is not None and bool(said.say),
            change=None if said is None else said.change,
        ),
    )


def text(crash: Crash) -> str:
    """As Python prints it, without the source lines."""
    lines = ["Traceback (most recent call last):"]
    lines += [f'  File "{one.file}", line {one.line}, in {one.function}' for one in crash.frames]
    return "\n".join([*lines, f"{crash.type}: {crash.text}"])


def headline(crash: Crash) -> str:
    """The error in one line: that of the worker where one sent it."""
    kind, said = crash.type, crash.text
    if "Original Traceback" in said:
        last = next((line for line in reversed(said.strip().splitlines()) if line.strip()), "")
        return one_line(last, limit=300)
    if "Exception encountered when calling" in said:  # Keras puts the error second
        parts = [line for line in said.splitlines() if line.strip()]
        said = " ".join(parts[1:2]) or said
    if said.startswith("Graph execution error"):
        said = _of_graph(said)
    said = _NODE.sub("", said)
    return one_line(f"{kind}: {said}" if said else kind, limit=300)


def _of_graph(text: str) -> str:
    """What failed, which TensorFlow puts after where the node was defined."""
    listed = ("Graph execution error", "Detected at node", " ", "<stack traces", "[[", "\t")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(listed)]
    return lines[0] if lines else text


def place(crash: Crash) -> Where:
    """The person's innermost line."""
    phase = next(
        (name for name, part in _PHASES if any(part in frame.file for frame in crash.frames)),
        "forward" if crash.layer is not None and _in_forward(crash) else None,
    )
    named = _LAYER.search(crash.text)
    module = None if named is None else named["name"]
    if crash.layer is not None:
        module = crash.layer.name or crash.layer.type
    frame = next((one for one in (*_inside(crash), *reversed(crash.frames)) if one.users), None)
    return Where(
        file=None if frame is None else frame.file,
        line=None if frame is None else frame.line,
        module=module,
        phase=phase,  # type: ignore[arg-type]
    )


def _in_forward(crash: Crash) -> bool:
    return any(one.function in ("forward", "_call_impl", "__call__") for one in crash.frames)


def _inside(crash: Crash) -> list[CrashFrame]:
    """Innermost first."""
    found = [
        CrashFrame(
            file=one["file"], line=int(one["line"]), function=one["name"],
            users=not one["file"].startswith("<") and _LIBRARY.search(one["file"]) is None,
        )
        for one in _INSIDE.finditer(crash.text)
    ]  # fmt: skip
    return found[::-1]


def _summary(crash: Crash, said: Fit | None) -> str:
    if said is not None:
        return said.summary
    told = headline(crash).partition(": ")[2] or headline(crash)
    first = re.split(r"(?<=\w)[.;] ", told, maxsplit=1)[0]
    return one_line(first, limit=160)


def _steps(crash: Crash, said: Fit | None) -> tuple[FixStep, ...]:
    steps = [FixStep(say=said.say)] if said is not None and said.say else []
    held = crash.memory
    if held is not None and held.graphs >= 100:
        steps.append(
            FixStep(
                say=f"{held.graphs} numbers are kept with the graph that they were computed by: keep "
                "loss.item() in lists and sums, not loss"
            )
        )
    return tuple(steps)


def _evidence(crash: Crash) -> Iterator[Evidence]:
    yield Evidence(what="the error", value=headline(crash), source="the script's end")
    layer = crash.layer
    if layer is not None and layer.settings:
        name = layer.name or layer.type
        yield Evidence(what=name, value=f"{layer.type}({layer.settings})", source="the model")
    for held in (*(layer.given if layer is not None else ()), *crash.tensors)[:_MOST_TENSORS]:
        yield Evidence(what=held.name, value=_told(held), source="the failing call")
    if crash.memory is not None:
        yield from _memory(crash.memory)


def _told(held: Held) -> str:
    parts = [f"{shown(held.shape)} {held.dtype}"]
    if held.least is not None and held.most is not None:
        parts.append(f"{held.least} to {held.most}")
    if held.device not in (None, "cpu"):
        parts.append(f"on {held.device}")
    return ", ".join(parts)


def _memory(held: MemoryHeld) -> Iterator[Evidence]:
    """What took the memory."""
    source = "the objects of the process"
    for what, count in (
        ("parameters", held.parameters),
        ("gradients", held.gradients),
        ("states of the optimiser", held.optimizer),
        ("other tensors", held.others),
    ):
        if count:
            yield Evidence(what=what, value=size(count), source=source)
    known = held.parameters + held.gradients + held.optimizer + held.others
    if held.allocated is not None and held.allocated > known:
        yield Evidence(
            what="activations and the like", value=size(held.allocated - known), source="the GPU's allocator"
        )
    for count, shape, dtype in held.largest[:1]:
        yield Evidence(
            what="the largest of the others", value=f"{size(count)}, {shown(shape)} {dtype}", source=source
        )
