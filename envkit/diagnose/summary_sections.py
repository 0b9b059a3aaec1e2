"""Sections of the report: the change, the line, what was tried, the curves, the batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from envkit.core.report import (
    Block,
    Cell,
    Code,
    Column,
    Diff,
    Line,
    Mark,
    Section,
    Series,
    Table,
)
from envkit.diagnose.analyzers.proofs import CONTROL, said
from envkit.diagnose.analyzers.sizes import shown
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import Diagnosis
from envkit.diagnose.speed.words import shortened
from envkit.diagnose.trace import Trace, Trial
from envkit.diagnose.trace_step import Batch

_AROUND = 3
"""Lines of code shown before and after the one that is named."""
_POINTS = 400
_BEFORE = 120
"""Steps shown before one that failed: what led to it is seen there."""
_MOST_BATCH = 8


def sections(
    diagnosis: Diagnosis, trace: Trace, files: Mapping[str, str], *, folder: str = ""
) -> list[Section]:
    """What there is to show of a process, the most useful first."""
    found: list[Section] = []
    first = diagnosis.causes[0] if diagnosis.causes else None
    if first is not None and first.patch is not None:
        found.append(Section(title="The change that mends it", blocks=(Diff(text=first.patch),)))
    file, line = (None, None) if first is None else (first.where.file, first.where.line)
    if first is None and diagnosis.script.error is not None:
        file, line = diagnosis.script.error.file, diagnosis.script.error.line
    found += _code(file, line, files, folder)
    found += _trials(trace.trials, trace.framework)
    found += _curves(trace, detail=diagnosis.verdict == "healthy")
    found += _batch(trace, detail=first is None or first.key != "bad-sample")
    return found


def memory(diagnosis: Diagnosis, used: MemoryUse) -> list[Section]:
    """Memory over time, where it matters."""
    if len(used.resident) < 2:
        return []
    killed = diagnosis.script.signal == "SIGKILL"
    curve = Series(
        x=tuple(seconds for seconds, _ in used.resident),
        ys=(Line(name="memory of the script", y=tuple(held / (1 << 20) for _, held in used.resident)),),
        x_label="seconds",
        y_label="MiB",
    )
    return [Section(title="Memory", blocks=(curve,), detail=not killed)]


def _code(file: str | None, line: int | None, files: Mapping[str, str], folder: str) -> Iterator[Section]:
    lines = files.get(file or "", "").splitlines()
    if file is None or line is None or not 0 < line <= len(lines):
        return
    first = max(1, line - _AROUND)
    part = tuple(lines[first - 1 : line + _AROUND])
    block: Block = Code(path=shortened(file, folder), lines=part, first_line=first, marked=(line,))
    yield Section(title="The line", blocks=(block,))


def _trials(trials: Sequence[Trial], framework: str | None) -> Iterator[Section]:
    """What was tried, beside the run as it was."""
    done = [one for one in trials if one.how not in ("no-change",)]
    if not done:
        return
    rows: list[tuple[Cell, ...]] = []
    if all(one.name != CONTROL for one in done):
        rows.append(("nothing (as it was)", "not finite in that step", 0))
    rows += [(said(one), _how(one), one.steps if one.how in ("survived", "broke") else None) for one in done]
    table = Table(
        columns=(
            Column(title="changed"),
            Column(title="how it went"),
            Column(title="steps beyond", align="right"),
        ),
        rows=tuple(rows),
        caption=_in_what(done, framework),
    )
    yield Section(title="What was tried", blocks=(table,))


def _in_what(done: Sequence[Trial], framework: str | None) -> str:
    again = "the whole run again, with that change"
    copies = "a copy of the process, from before the step that failed"
    if framework == "tensorflow":
        return "Each with the weights and the batch of the step that failed, and then other batches"
    if not any(one.again for one in done):
        return f"Each in {copies}"
    return f"Each in {again}" if all(one.again for one in done) else f"In {copies}, or in {again}"


def _how(trial: Trial) -> str:
    if trial.how == "survived":
        end = ", to the end of the script" if trial.what == "end" else ""
        if len(trial.losses) > 1:
            end += f", loss {trial.losses[0]:.3g} to {trial.losses[-1]:.3g}"
        return f"finite{end}"
    return {
        "broke": f"{trial.what or 'something'} not finite" + (" later" if trial.steps else ""),
        "crashed": f"crashed: {trial.what}" if trial.what else "crashed",
        "timeout": "took too long",
        "no-copy": "could not be run",
        "no-time": "not run: no time was left",
    }.get(trial.how, trial.how)


def _curves(trace: Trace, *, detail: bool) -> Iterator[Section]:
    steps = trace.steps
    start = max(0, trace.trip.step - _BEFORE) if trace.trip is not None else 0
    stop = trace.trip.step + 1 if trace.trip is not None else len(steps.loss)
    marks = () if trace.trip is None else (Mark(x=float(trace.trip.step), label="not finite"),)
    found = (
        _curve(name, values, range(start, stop), marks)
        for name, values in (("loss", steps.loss), ("gradient norm", steps.gradient))
    )
    blocks: tuple[Block, ...] = tuple(one for one in found if one is not None)
    if blocks:
        yield Section(title=_title(start, trace), blocks=blocks, detail=detail)


def _curve(name: str, values: Sequence[float | None], steps: range, marks: tuple[Mark, ...]) -> Series | None:
    """What was read of it, since gradients are not looked at in each step; None where that is too little."""
    read = [step for step in steps if step < len(values) and values[step] is not None]
    every = max(1, len(read) // _POINTS)
    picked = [*read[:-1:every], *read[-1:]]
    line = Line(name=name, y=tuple(_finite(values[step]) for step in picked))
    if sum(one is not None for one in line.y) < max(3, min(8, len(steps) - 1)):
        return None
    return Series(x=tuple(map(float, picked)), ys=(line,), x_label="step", log_y=_wide(line), marks=marks)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _title(start: int, trace: Trace) -> str:
    return f"Loss and gradient, from step {start}" if start else "Loss and gradient"


def _wide(line: Line) -> bool:
    """Whether its values span so much that only a logarithm shows them."""
    known = [one for one in line.y if one is not None]
    return min(known) > 0 and max(known) > 50 * min(known)


def _batch(trace: Trace, *, detail: bool) -> Iterator[Section]:
    """What the model was given in the step that was looked at."""
    if not trace.batches:
        return
    rows = tuple(_row(one) for one in trace.batches[:_MOST_BATCH])
    columns = (
        Column(title="given to"), Column(title="shape"), Column(title="type"),
        Column(title="min", align="right"), Column(title="max", align="right"),
        Column(title="mean", align="right"), Column(title="not finite", align="right"),
        Column(title="samples"),
    )  # fmt: skip
    yield Section(title="The batch of that step", blocks=(Table(columns=columns, rows=rows),), detail=detail)


def _row(batch: Batch) -> tuple[Cell, ...]:
    values = batch.values
    bad = None if values.nan is None else values.nan + (values.inf or 0)
    samples = ""
    if batch.bad is not None and batch.bad.samples is not None:
        samples = ", ".join(map(str, batch.bad.samples[:8]))
    return (
        f"{batch.model or 'the data'}, input {batch.argument}", shown(values.shape), values.dtype,
        values.min, values.max, values.mean, bad, samples,
    )  # fmt: skip
