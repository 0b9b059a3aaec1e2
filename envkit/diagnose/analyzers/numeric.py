"""Why a loss, a gradient or a weight is not finite."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.boxes import degenerate
from envkit.diagnose.analyzers.growth import Growth, feeds_itself, growth
from envkit.diagnose.analyzers.ignored import nothing_counts
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.names import name, of_node
from envkit.diagnose.analyzers.operations import is_derivative, named, overflows
from envkit.diagnose.analyzers.optimiser import scaled, updated
from envkit.diagnose.analyzers.overflow import optimiser_line, overflown, too_high
from envkit.diagnose.analyzers.proofs import weighed
from envkit.diagnose.analyzers.root import Begin, begin, is_trap
from envkit.diagnose.analyzers.samples import guilty, told
from envkit.diagnose.analyzers.sources import sourced
from envkit.diagnose.analyzers.spoilt import spoilt
from envkit.diagnose.analyzers.unsteady import unsteady
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Trace
from envkit.diagnose.trace_crash import Crash
from envkit.diagnose.trace_step import Event

_DIVERGED = 100.0
"""Times the usual size from which loss or gradient had left all reason before an operation failed."""
_OF_NUMBERS = re.compile(
    r"\bnan\b|\binf(inity)?\b|finite|converge|ill-condition|singular|probability tensor|Expected parameter|"
    r"negative entries|not positive.definite|\bdiverge",
    re.IGNORECASE,
)
"""In the text of an error: it is about numbers that are not finite."""
_KINDS = ("LinAlgError", "FloatingPointError", "OverflowError", "ZeroDivisionError", "AssertionError")


def numeric(trace: Trace) -> tuple[Suspicion, ...]:
    """Causes for a value that is not finite, the most likely first; () when all was finite."""
    if trace.trip is None and not _ended_by_numbers(trace.crash):
        return ()
    return weighed(tuple(_suspicions(trace)), trace.trials, trace.steps)


def _ended_by_numbers(crash: Crash | None) -> bool:
    """Whether the script's own error is about numbers, so that what was looked at before it counts."""
    return crash is not None and (crash.type in _KINDS or _OF_NUMBERS.search(crash.text) is not None)


def _suspicions(trace: Trace) -> Iterator[Suspicion]:
    loss_is_bad = trace.trip is None or trace.trip.what in ("loss", "evaluation")
    if trace.trip is None and not any(one.became == "nan" for one in trace.events):
        return
    found = begin(trace.events, loss_is_bad=loss_is_bad, arrival=trace.arrival)
    grown = growth(trace.steps, trace.trip.step) if trace.trip is not None else None
    yield from updated(trace)
    yield from unsteady(trace)
    yield from spoilt(trace)
    yield from scaled(trace, Where() if found is None else place(found, "fp16-overflow"))
    if found is None:
        yield from sourced(trace, None)
        if grown is not None and (grown.sure or grown.factor >= _DIVERGED):
            yield too_high(trace, None, grown, 0.6)
        return
    if found.event.source is not None:
        yield from sourced(trace, found.event)
        return
    yield from _computed(trace, found, grown)


def _computed(trace: Trace, found: Begin, grown: Growth | None) -> Iterator[Suspicion]:
    """An operation made it."""
    event = found.event
    ruled = nothing_counts(event, trace.batches) or named(event)
    if found.discarded:
        ruled = (
            "where-gradient-trap",
            (
                f"{name(event.op)} gave NaN where its result was not selected; "
                "the gradient of that place is 0 * NaN all the same"
            ),
        )
    if ruled is None:
        yield from overflown(trace, found, grown)
        return
    key, sentence = ruled
    general = overflows(event) and key in ("domain-error", "fp16-overflow", "division-by-zero")
    diverged = grown is not None and feeds_itself(grown) and grown.sure and grown.factor >= _DIVERGED
    sure = 0.6 if general and diverged else 0.9
    first = Suspicion(
        key=key, confidence=sure, where=place(found, key), evidence=tuple(evidence(trace, found, key)),
        summary=sentence,
    )  # fmt: skip
    yield from degenerate(first, trace.fields)
    yield first
    if general:
        yield from (
            replace(one, confidence=0.6) for one in overflown(trace, found, grown) if one.key == "bad-sample"
        )
    if grown is not None and (grown.sure or grown.factor >= _DIVERGED):
        yield too_high(trace, event, grown, 0.7 if general and diverged else 0.4)


def place(found: Begin, key: str) -> Where:
    """Where it is, with its samples."""
    event = found.event
    file, line = (event.stack[0][0], event.stack[0][1]) if event.stack else (None, None)
    return Where(
        file=file, line=line, module=event.module, op=operation(event), phase=event.phase,
        samples=guilty(found, key),
    )  # fmt: skip


def operation(event: Event) -> str:
    """The operation as the person wrote it."""
    return (of_node(event.node) if is_derivative(event) and event.node else "") or name(event.op)


def evidence(trace: Trace, found: Begin, key: str) -> Iterator[Evidence]:
    """What was seen there, in numbers."""
    event = found.event
    source = f"step {event.step}, repeated with every operation looked at"
    where = "derivative of " if is_derivative(event) and event.node else ""
    yield Evidence(
        what=f"{where}{operation(event)} ({event.phase})",
        value=f"{event.count} of {event.of} values became {_said(event.became)}", source=source,
    )  # fmt: skip
    for number, one in enumerate(event.inputs):
        if one.at is not None:
            label = one.name or f"input {number}"
            if where and len(event.inputs) > 1 and one.name is None:
                label = "gradient" if number == 0 else "value"
            yield Evidence(what=f"its {label} there", value=_number(one.at), source=source)
    if isinstance(event.wide, float):
        yield Evidence(what="the same in float64", value=f"{event.wide:.5g}", source=source)
    if is_trap(event):
        yield Evidence(what="left that place out", value=event.selected or "", source="the graph of the loss")
    yield from told(found, key)
    if trace.trip is not None and trace.trip.what == "gradient":
        yield Evidence(what="loss of that step", value="finite", source="the run")


def _number(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _said(became: str) -> str:
    return "NaN" if became == "nan" else "Inf"


__all__ = ["numeric", "optimiser_line"]
