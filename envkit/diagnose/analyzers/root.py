"""The operation with which values that are not finite begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from envkit.diagnose.analyzers.names import base, of_node
from envkit.diagnose.trace_step import Arrival, Event

MEANT = (
    *("masked_fill", "full", "fill", "scalar_tensor", "new_full", "where", "triu", "tril", "lift_fresh"),
    *("_to_copy", "zeros", "ones", "clone", "masked_scatter", "index_put", "scatter", "constant_pad_nd"),
)
"""Operations by which people write an Inf on purpose, as masks are made."""
STEEP = (
    *("sqrt", "rsqrt", "pow", "log", "log2", "log10", "log1p", "xlogy", "div", "reciprocal", "exp", "expm1"),
    *(
        "exp2",
        "acos",
        "asin",
        "acosh",
        "atanh",
        "atan2",
        "hypot",
        "norm",
        "sinh",
        "cosh",
        "lgamma",
        "digamma",
    ),
    "logit",
)
"""Operations of single values whose derivative is infinite somewhere."""
SOFT = ("softmax", "log_softmax", "logsumexp", "scaled_dot_product_attention", "multi_head_attention")


@dataclass(frozen=True, kw_only=True, slots=True)
class Begin:
    """Where it begins."""

    event: Event
    symptom: Event
    """The event that the loss or the gradient has its value from; the same where nothing lies between."""
    discarded: bool = False
    """The value did not reach the loss in the forward pass, and comes back in the backward pass."""


def is_meant(event: Event) -> bool:
    """Whether an Inf was put there and not computed."""
    if event.source is not None:
        return event.became == "inf" and (event.out.inf or 0) == (event.out.minus_inf or 0)
    overflown = base(event.op) == "to_copy" and event.given == "finite" and isinstance(event.wide, float)
    return event.became == "inf" and event.phase == "forward" and _written(event.op) and not overflown


def _written(op: str) -> bool:
    parts = op.split(".")
    return (parts[1] if len(parts) > 1 else parts[0]).rstrip("_") in MEANT


def begin(events: Sequence[Event], *, loss_is_bad: bool, arrival: Arrival | None = None) -> Begin | None:
    """The event to blame: the first one computed, other than by a mask that does no harm.

    loss_is_bad: what the backward pass makes of such a loss is a consequence. arrival: from which event the
    loss or the gradient has its value, where that was followed.

    A NaN that came from an Inf which was computed goes back to that; one that came from a mask (0/0 in a
    row of nothing but masks) is itself the beginning, and so is a NaN where the gradient of what was not
    selected, zero, meets an Inf.
    """
    by_number = {event.number: event for event in events}
    symptom = None if arrival is None or arrival.event is None else by_number.get(arrival.event)
    if symptom is None:
        symptom = _first(events, loss_is_bad=loss_is_bad)
    if symptom is None:
        return None
    event = symptom
    while True:
        before = [by_number[one] for one in event.parents if one in by_number and one < event.number]
        computed = [one for one in before if not is_meant(one)]
        if not computed or is_trap(event):
            break
        if event.masked_row and (base(computed[0].op) == "log" or computed[0].source is not None):
            break  # the logarithm of a mask is a mask
        if base(event.op) in SOFT and all(one.source is not None for one in computed) and not event.data:
            break
        event = computed[0]
    forward = event.phase == "forward" and event.source is None
    discarded = forward and not loss_is_bad and event.became == "nan"
    return Begin(event=event, symptom=symptom, discarded=discarded)


def root(events: Sequence[Event], *, loss_is_bad: bool, arrival: Arrival | None = None) -> Event | None:
    """The event of `begin`."""
    found = begin(events, loss_is_bad=loss_is_bad, arrival=arrival)
    return None if found is None else found.event


def is_trap(event: Event) -> bool:
    """Whether a gradient of zero, of a branch that was not selected, met an Inf."""
    zero = bool(event.inputs) and event.inputs[0].at == 0  # the gradient comes first
    steep = base(of_node(event.node)) in STEEP
    return event.selected is not None and event.became == "nan" and zero and steep


def _first(events: Sequence[Event], *, loss_is_bad: bool) -> Event | None:
    """The first that is born and does harm, where it was not followed what reached loss or gradient."""
    forward = [event for event in events if event.phase == "forward"]
    if loss_is_bad and any(event.born and not is_meant(event) for event in forward):
        events = forward
    nan = next((event for event in events if event.became == "nan" and event.born), None)
    if nan is not None:
        return nan
    born = next((event for event in events if event.born and not is_meant(event)), None)
    if born is not None:
        return born
    return next((event for event in events if event.source is not None and not is_meant(event)), None)
