"""Why finite values had become larger than their type holds: what overflows is not the cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.growth import Growth, feeds_itself
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.names import name
from envkit.diagnose.analyzers.root import Begin
from envkit.diagnose.analyzers.samples import bad_rows, guilty
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Trace
from envkit.diagnose.trace_step import Batch, Event

_ABSURD = 1e6
"""Size of a weight that no training of use comes to."""
_DIVERGED = 100.0
_RAISED = 1.5
"""Times the rate that the optimiser was made with from which a schedule is to blame."""


def overflown(trace: Trace, found: Begin, grown: Growth | None) -> Iterator[Suspicion]:
    """Causes for an overflow, the most likely first."""
    event = found.event
    far = _far(trace, event)
    if far is not None:
        yield _outlier(event, *far)
    runs_away = grown is not None and (feeds_itself(grown) or grown.factor >= _DIVERGED) and far is None
    large = max((one.max or 0.0 for one in trace.weights), default=0.0)
    early = trace.trip is not None and trace.trip.step <= 2
    if grown is not None and runs_away and feeds_itself(grown):
        yield too_high(trace, event, grown, 0.9)
        yield _exploding(found, 0.3)
    elif large > _ABSURD or (early and far is None):
        yield too_high(trace, event, grown, 0.75)
        yield _exploding(found, 0.4)
    else:
        yield _exploding(found, 0.75 if bad_rows(found) is not None else 0.6)
        yield too_high(trace, event, grown, 0.5)


def too_high(trace: Trace, event: Event | None, grown: Growth | None, confidence: float) -> Suspicion:
    """A learning rate that is too high."""
    rates = [one for one in trace.steps.rate if one is not None]
    shown = []
    if grown is not None:
        shown.append(
            Evidence(
                what=f"{grown.of} before it broke",
                value=f"{grown.factor:.3g} times the usual, over {grown.steps} steps",
                source="the run",
            )
        )
    if rates:
        shown.append(Evidence(what="learning rate", value=f"{rates[-1]:.4g}", source="the optimiser"))
    largest = next((one for one in trace.weights if one.max is not None), None)
    if largest is not None and (largest.max or 0.0) > _ABSURD:
        shown.append(
            Evidence(
                what=f"weights of {largest.name or 'a layer'}",
                value=f"up to {largest.max:.3g}",
                source="that step",
            )
        )
    said = "values overflowed"
    if grown is not None:
        said = f"{grown.of} grew to {grown.factor:.3g} times the usual in {grown.steps} steps, and overflowed"
    if event is not None:
        shown.append(Evidence(what="overflowed in", value=_line(event), source="that step, repeated"))
    return Suspicion(
        key="lr-too-high", confidence=confidence, where=optimiser_line(trace) or _where(event),
        evidence=tuple(shown), summary=said,
    )  # fmt: skip


def optimiser_line(trace: Trace) -> Where | None:
    """Where the script made its optimiser, or the schedule that has raised the rate since."""
    rates = [one for one in trace.steps.rate if one is not None]
    for optimizer in trace.optimizers:
        if not optimizer.stack:
            continue
        raised = bool(rates) and optimizer.rate is not None and rates[-1] > _RAISED * optimizer.rate
        schedule = next((one for one in trace.schedules if one.stack), None)
        made = schedule if raised and schedule is not None else optimizer
        return Where(file=made.stack[0][0], line=made.stack[0][1], phase="optimizer")
    return None


def _far(trace: Trace, event: Event) -> tuple[Batch, tuple[int, ...]] | None:
    """A batch in which the samples that failed are far larger than all others, and their indices."""
    bad = set(event.rows.bad) if event.rows is not None else None
    for batch in trace.batches:
        far = batch.far
        if far is not None and (bad is None or bad & set(far.bad)):
            return batch, far.samples or ()
    return None


def _outlier(event: Event, batch: Batch, samples: tuple[int, ...]) -> Suspicion:
    size = max(abs(batch.values.min or 0.0), abs(batch.values.max or 0.0))
    usual = batch.far.usual if batch.far is not None else None
    label = batch.name or (f"input {batch.argument} of {batch.model}" if batch.model else "the data")
    where = _where(event)
    shown = [Evidence(what=f"largest value of {label}", value=f"{size:.4g}", source="the batch of that step")]
    if usual is not None:
        shown.append(
            Evidence(what="of the usual sample", value=f"{usual:.4g}", source="the batch of that step")
        )
    return Suspicion(
        key="bad-sample", confidence=0.92,
        where=replace(where, samples=samples),
        evidence=tuple(shown), summary=f"a sample is far larger than all others: {size:.4g} in {label}",
    )  # fmt: skip


def _exploding(found: Begin, confidence: float) -> Suspicion:
    event = found.event
    where = _where(event)
    samples = guilty(found, "exploding-gradient")
    shown = [
        Evidence(
            what=f"{where.op} ({event.phase})",
            value=f"{event.count} of {event.of} values became Inf",
            source=f"step {event.step}",
        )
    ]
    if samples:
        shown.append(
            Evidence(what="samples", value=", ".join(map(str, samples[:12])), source="indices of the data")
        )
    return Suspicion(
        key="exploding-gradient", confidence=confidence,
        where=replace(where, samples=samples),
        evidence=tuple(shown),
        summary="values grow through the layers or steps of the network until they overflow",
    )  # fmt: skip


def _where(event: Event | None) -> Where:
    if event is None:
        return Where()
    file, line = (event.stack[0][0], event.stack[0][1]) if event.stack else (None, None)
    return Where(file=file, line=line, module=event.module, op=name(event.op), phase=event.phase)


def _line(event: Event) -> str:
    if not event.stack:
        return name(event.op)
    return f"{name(event.op)}, {event.stack[0][0]}:{event.stack[0][1]}"
