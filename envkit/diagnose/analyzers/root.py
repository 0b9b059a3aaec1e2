"""The operation with which values that are not finite begin."""

from __future__ import annotations

from collections.abc import Sequence

from envkit.diagnose.trace import Event

MEANT = (
    *("masked_fill", "full", "fill", "scalar_tensor", "new_full", "where", "triu", "tril", "lift_fresh"),
    *("_to_copy", "zeros", "ones", "clone"),
)
"""Operations by which people write an Inf on purpose, as masks are made."""


def name(op: str) -> str:
    """`aten.log_.default` -> `log`."""
    parts = op.split(".")
    base = parts[1] if len(parts) > 1 else parts[0]
    return base.rstrip("_") if not base.startswith("_") else base


def is_meant(event: Event) -> bool:
    """Whether an Inf was put there and not computed."""
    return event.became == "inf" and event.phase == "forward" and name(event.op) in MEANT


def root(events: Sequence[Event], *, loss_is_bad: bool) -> Event | None:
    """The event to blame: the first one computed, other than by a mask that does no harm.

    loss_is_bad: what the backward pass makes of such a loss is a consequence.

    A NaN that came from an Inf which was computed goes back to that; one that came from a mask (0/0 in a
    row of nothing but masks) is itself the root.
    """
    forward = [event for event in events if event.phase == "forward"]
    if loss_is_bad and any(event.born and not is_meant(event) for event in forward):
        events = forward
    by_number = {event.number: event for event in events}
    nan = next((event for event in events if event.became == "nan" and event.born), None)
    if nan is None:
        return next((event for event in events if event.born and not is_meant(event)), None)
    event = nan
    while True:
        computed = [
            by_number[one]
            for one in event.parents
            if one in by_number and one < event.number and not is_meant(by_number[one])
        ]
        if not computed:
            return event
        event = computed[0]
