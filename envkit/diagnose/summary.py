"""A diagnosis as a Report."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from envkit.causes import catalogue
from envkit.core.finding import Finding
from envkit.core.report import Block, Code, Diff, Line, Mark, Report, Section, Series, Verdict
from envkit.diagnose.model import DiagnosedCause, Diagnosis
from envkit.diagnose.trace import Trace

_AROUND = 3
"""Lines of code shown before and after the one that is named."""
_POINTS = 400


def report(
    diagnosis: Diagnosis, traces: Sequence[Trace], files: Mapping[str, str], *, command: str
) -> Report:
    """What a person reads.

    files: the person's own files, by path, as far as they could be read.
    """
    verdict: Verdict = "faulty" if diagnosis.verdict == "faulty" else diagnosis.verdict
    sections: list[Section] = []
    for one in diagnosis.causes[:1]:
        sections += _code(one, files)
        if one.patch is not None:
            sections.append(Section(title="The change that mends it", blocks=(Diff(text=one.patch),)))
    sections += [section for trace in traces[:1] for section in _curves(trace)]
    return Report(
        command="envkit diagnose", headline=command, verdict=verdict,
        findings=tuple(_finding(one) for one in diagnosis.causes),
        sections=tuple(sections), notes=tuple(_notes(diagnosis, traces)),
    )  # fmt: skip


def _finding(one: DiagnosedCause) -> Finding:
    entry = catalogue()[one.key]
    where = one.where
    place = f"{where.file}:{where.line}" if where.file and where.line else ""
    parts = [part for part in (one.summary, place) if part]
    suspected = "Suspected, not tried: " if one.proof == "hypothesis" and one.confidence < 0.8 else ""
    return Finding(
        key=one.key, outcome="problem", title=entry.title, severity="error" if not suspected else "warning",
        confidence=one.confidence, summary=suspected + ", ".join(parts), evidence=one.evidence, fix=one.fix,
    )  # fmt: skip


def _code(one: DiagnosedCause, files: Mapping[str, str]) -> Iterator[Section]:
    where = one.where
    lines = files.get(where.file or "", "").splitlines()
    if where.line is None or not 0 < where.line <= len(lines):
        return
    first = max(1, where.line - _AROUND)
    shown = tuple(lines[first - 1 : where.line + _AROUND])
    block: Block = Code(path=where.file or "", lines=shown, first_line=first, marked=(where.line,))
    yield Section(title="The line", blocks=(block,))


def _curves(trace: Trace) -> Iterator[Section]:
    steps = trace.steps
    if len(steps.loss) < 2:
        return
    every = max(1, len(steps.loss) // _POINTS)
    picked = range(0, len(steps.loss), every)
    lines = [
        Line(name=name, y=tuple(_finite(values[place]) for place in picked))
        for name, values in (("loss", steps.loss), ("gradient norm", steps.gradient))
        if any(_finite(values[place]) is not None for place in picked)
    ]
    if not lines:
        return
    marks = () if trace.trip is None else (Mark(x=float(trace.trip.step), label="not finite"),)
    yield Section(
        title="Loss and gradient",
        blocks=(
            Series(x=tuple(map(float, picked)), ys=tuple(lines), x_label="step", log_y=True, marks=marks),
        ),
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None


def _notes(diagnosis: Diagnosis, traces: Sequence[Trace]) -> Iterator[str]:
    for trace in traces[:1]:
        if trace.trip is not None:
            yield _repeated(trace)
        yield from (f"the watcher switched itself off: {fault}" for fault in trace.faults)
    script = diagnosis.script
    if script.signal is not None:
        yield f"the script was ended by {script.signal}"
    elif script.exit_code:
        yield f"the script ended with exit code {script.exit_code}"
    if diagnosis.overhead is not None:
        yield f"watching took {diagnosis.overhead.median:.1%} of the time"
    if diagnosis.verdict == "unknown":
        yield "no optimiser step of PyTorch was seen"


def _repeated(trace: Trace) -> str:
    assert trace.trip is not None
    what = {"loss": "loss", "gradient": "gradient", "weights": "weights"}[trace.trip.what]
    said = f"the {what} of step {trace.trip.step} became {trace.trip.value}"
    if trace.replay == "repeated":
        return (
            f"{said}; the step was repeated in a copy of the process, and the run went on as without envkit"
        )
    return f"{said}; the step could not be repeated ({trace.replay or 'not tried'})"
