"""Values that were not finite before any operation of the failing step: in data, in a weight, in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Trace
from envkit.diagnose.trace_step import Batch, Event, NumpyCall, Rows

_OF_CALL = {"log": "log-of-zero", "sqrt": "sqrt-at-zero", "exp": "domain-error", "std": "empty-reduction"}
_SHOWN = 12


def sourced(trace: Trace, event: Event | None) -> Iterator[Suspicion]:
    """Causes for them. event: the operation that met them, or None where none was followed."""
    if event is None or event.source == "data":
        batch = _bad_batch(trace)
        if event is not None or batch is not None:
            yield from _data(trace, event, batch)
        return
    if event.source == "memory":
        yield _unset(event, f"{event.name or 'a tensor'} is read, and nothing was written to it")
    elif event.source in ("parameter", "buffer"):
        yield from _kept(trace, event)


def _bad_batch(trace: Trace) -> Batch | None:
    """What a model was given with NaN or plus Inf in it."""
    for batch in trace.batches:
        values = batch.values
        if (values.nan or 0) + (values.inf or 0) - (values.minus_inf or 0) > 0:
            return batch
    return None


def _data(trace: Trace, event: Event | None, batch: Batch | None) -> Iterator[Suspicion]:
    values = event.out if event is not None else batch.values if batch is not None else None
    rows = event.rows if event is not None else None
    if rows is None and batch is not None:
        rows = batch.bad
    if values is None:
        return
    step = event.step if event is not None else trace.trip.step if trace.trip is not None else "?"
    label = (event.name if event is not None else None) or _label(batch)
    what = "NaN" if values.nan else "Inf"
    count = (values.nan or 0) + (values.inf or 0)
    shown = [
        Evidence(
            what=label,
            value=f"{count} of {math.prod(values.shape)} values are {what}",
            source=f"the batch of step {step}",
        )
    ]
    if event is not None and event.columns:
        columns = ", ".join(map(str, event.columns))
        shown.append(Evidence(what="features that are so in every row", value=columns, source="the batch"))
    samples = _samples(rows)
    if rows is not None:
        listed = samples or rows.bad
        text = ", ".join(map(str, listed[:_SHOWN])) + (" and more" if len(listed) > _SHOWN else "")
        source = "indices of the data" if samples else "which samples these are could not be seen"
        shown.append(Evidence(what="samples" if samples else "rows of the batch", value=text, source=source))
    where = _at(event, samples)
    made = _made_by(trace.numpy)
    if made is not None:
        yield _preparation(made, samples, shown)
    yield Suspicion(
        key="bad-sample", confidence=0.95 if made is None else 0.6, where=where, evidence=tuple(shown),
        summary=f"the data hold {what} before the model sees them",
    )  # fmt: skip


def _label(batch: Batch | None) -> str:
    if batch is None:
        return "the data"
    return batch.name or (f"input {batch.argument} of {batch.model}" if batch.model else "the data")


def _samples(rows: Rows | None) -> tuple[int, ...]:
    return () if rows is None or rows.samples is None else rows.samples


def _at(event: Event | None, samples: tuple[int, ...]) -> Where:
    """The line that is first given the data."""
    if event is None or not event.stack:
        return Where(phase="data", samples=samples)
    return Where(
        file=event.stack[0][0], line=event.stack[0][1], module=event.module, phase="data", samples=samples
    )


def _made_by(calls: tuple[NumpyCall, ...]) -> NumpyCall | None:
    """A line of the person's with numpy that made it in the same step."""
    return next((one for one in calls if one.stack and one.what != "overflow"), None)


def _preparation(call: NumpyCall, samples: tuple[int, ...], shown: list[Evidence]) -> Suspicion:
    file, line, _ = call.stack[0]
    met = Evidence(what=f"numpy in line {line}", value=call.what, source="the failing step, repeated")
    return Suspicion(
        key=_OF_CALL.get(call.call or "", "division-by-zero"), confidence=0.9,
        where=Where(file=file, line=line, op=call.call, phase="data", samples=samples),
        evidence=(met, *shown), summary=f"numpy meets a {call.what} where the data are prepared",
    )  # fmt: skip


def _kept(trace: Trace, event: Event) -> Iterator[Suspicion]:
    """A weight or a running value was bad before the step."""
    label = event.name or f"a {event.source}"
    if any(one.untouched is not None for one in trace.spoilt) or trace.trip is None or trace.trip.step == 0:
        yield _unset(event, f"{label} holds what was in memory: nothing was written to it")
        return
    if event.source == "buffer" and "var" in (event.name or ""):
        yield Suspicion(
            key="batchnorm-single-value", confidence=0.7, where=_at(event, ()),
            evidence=(Evidence(what=label, value=_bad(event), source=f"before step {event.step}"),),
            summary=f"{label} took up a variance that was not finite",
        )  # fmt: skip


def _unset(event: Event, sentence: str) -> Suspicion:
    file, line = (event.stack[0][0], event.stack[0][1]) if event.stack else (None, None)
    return Suspicion(
        key="uninitialised-memory", confidence=0.85,
        where=Where(file=file, line=line, module=event.module, op="empty", phase=event.phase),
        evidence=(
            Evidence(what=event.name or "memory", value=_bad(event), source=f"before step {event.step}"),
        ),
        summary=sentence,
    )  # fmt: skip


def _bad(event: Event) -> str:
    count = (event.out.nan or 0) + (event.out.inf or 0)
    return f"{count} of {math.prod(event.out.shape)} values are not finite"
