"""Why a loss, a gradient or a weight is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.operations import named
from envkit.diagnose.analyzers.proofs import weighed
from envkit.diagnose.analyzers.root import name, root
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Event, Trace

_GROWTH = 20.0
"""Times the usual gradient norm or loss from which training was running away before it broke."""


def numeric(trace: Trace) -> tuple[Suspicion, ...]:
    """Causes for a value that is not finite, the most likely first; () when all was finite."""
    if trace.trip is None:
        return ()
    return weighed(tuple(_suspicions(trace)), trace.trials)


def _suspicions(trace: Trace) -> Iterator[Suspicion]:
    sample = _bad_batch(trace)
    if sample is not None:
        yield sample
        return
    loss_is_bad = trace.trip is not None and trace.trip.what == "loss"
    event = root(trace.events, loss_is_bad=loss_is_bad)
    growth = _running_away(trace)
    if event is None:
        if growth is not None:
            yield _too_high(trace, None, growth, 0.6)
        return
    found = named(event)
    if found is None:
        if growth is not None or event.given == "finite":
            yield _too_high(trace, event, growth, 0.7 if growth else 0.4)
        return
    key, sentence = found
    general = key in ("domain-error", "fp16-overflow")
    yield Suspicion(
        key=key, confidence=0.6 if general and growth else 0.9, where=_where(event),
        evidence=tuple(_evidence(trace, event)), summary=sentence,
    )  # fmt: skip
    if growth is not None:
        yield _too_high(trace, event, growth, 0.65 if general else 0.3)


def _bad_batch(trace: Trace) -> Suspicion | None:
    """The data itself is not finite: no operation is guilty."""
    for batch in trace.batches:
        values = batch.values
        if (values.nan or 0) + (values.inf or 0) - (values.minus_inf or 0) == 0:
            continue
        rows = () if batch.bad is None or batch.bad.samples is None else batch.bad.samples
        what = "NaN" if values.nan else "Inf"
        count = (values.nan or 0) + (values.inf or 0)
        evidence = Evidence(
            what=f"input {batch.argument} of {batch.model}",
            value=f"{count} of {math.prod(values.shape)} values are {what}",
            source=f"the batch of step {trace.trip.step if trace.trip else '?'}",
        )
        return Suspicion(
            key="bad-sample", confidence=0.95, where=Where(phase="data", samples=rows), evidence=(evidence,),
            summary=f"the data hold {what}",
        )  # fmt: skip
    return None


def _running_away(trace: Trace) -> float | None:
    """How many times the usual size gradient or loss had grown in the steps before; None = they had not."""
    step = trace.trip.step if trace.trip is not None else 0
    grown = []
    for series in (trace.steps.gradient, trace.steps.loss):
        known = [abs(one) for one in series[: step + 1] if one is not None and math.isfinite(one)]
        if len(known) < 3:
            continue
        usual = median(known[: max(3, len(known) // 2)])
        if usual > 0:
            grown.append(max(known[-5:]) / usual)
    largest = max(grown, default=0.0)
    return largest if largest >= _GROWTH else None


def _too_high(trace: Trace, event: Event | None, growth: float | None, confidence: float) -> Suspicion:
    rates = [one for one in trace.steps.rate if one is not None]
    evidence = []
    if growth is not None:
        evidence.append(
            Evidence(what="growth before it broke", value=f"{growth:.3g} times", source="loss and gradients")
        )
    if rates:
        evidence.append(Evidence(what="learning rate", value=f"{rates[-1]:.4g}", source="the optimiser"))
    where = _made(trace) or (Where() if event is None else _where(event))
    said = f"loss or gradient grew {growth:.3g} times before it overflowed" if growth else "values overflowed"
    return Suspicion(
        key="lr-too-high", confidence=confidence, where=where, evidence=tuple(evidence), summary=said
    )


def _made(trace: Trace) -> Where | None:
    """Where the script made its optimiser."""
    for optimizer in trace.optimizers:
        if optimizer.stack:
            return Where(file=optimizer.stack[0][0], line=optimizer.stack[0][1], phase="optimizer")
    return None


def _where(event: Event) -> Where:
    file, line = (event.stack[0][0], event.stack[0][1]) if event.stack else (None, None)
    rows = event.rows
    return Where(
        file=file, line=line, module=event.module, op=name(event.op), phase=event.phase,
        samples=() if rows is None or rows.samples is None or rows.count > rows.length // 2 else rows.samples,
    )  # fmt: skip


def _evidence(trace: Trace, event: Event) -> Iterator[Evidence]:
    source = f"step {event.step}, repeated with every operation looked at"
    yield Evidence(
        what=f"{name(event.op)} ({event.phase})",
        value=f"{event.count} of {event.of} values became {event.became}",
        source=source,
    )
    for number, one in enumerate(event.inputs):
        if one.at is not None:
            yield Evidence(what=f"its input {number} there", value=f"{one.at}", source=source)
    if event.rows is not None and event.rows.samples and event.rows.count <= event.rows.length // 2:
        yield Evidence(
            what="samples", value=", ".join(map(str, event.rows.samples)), source="indices of the dataset"
        )
    if trace.trip is not None and trace.trip.what == "gradient":
        yield Evidence(what="loss of that step", value="finite", source="the run")
