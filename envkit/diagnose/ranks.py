"""Which process of a distributed run a fault began in. Pure.

Each rank computes its own loss and gradients; then the gradients are averaged, so that what is not finite on
one rank is not finite on all in the same step. The rank to blame is the one whose own loss was bad, or in
whose own operations it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.trace import Trace

_NONE = 1 << 62
_LOST = (
    *("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out waiting"),
    *("NCCL communicator", "NCCL watchdog", "remote process exited", "Socket Timeout", "recvBytes"),
)
"""What gloo, NCCL and the store say in a rank when another one is gone."""


def judged(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """The processes in which a fault can have begun: not launchers, not ranks that were told of it."""
    ranks = [one for one in traces if one.rank is not None and (one.world or 1) > 1]
    others = [one for one in traces if one not in ranks and not _launches(one, ranks)]
    wrong = [one for one in ranks if one.trip is not None or one.crash is not None]
    return (*sorted(wrong or ranks, key=_order)[:1], *others)


def _launches(trace: Trace, ranks: Sequence[Trace]) -> bool:
    """Whether it started the ranks and trained nothing itself."""
    return not trace.steps.ended and any(one.parent == trace.pid for one in ranks)


def _order(trace: Trace) -> tuple[bool, int, bool, bool, int]:
    """The least is to blame: the first step, then its own loss before gradients, which are everybody's.

    Who lost another rank while it waited for it comes last.
    """
    crash = trace.crash
    left = trace.trip is None and crash is not None and any(one in crash.text for one in _LOST)
    step = trace.trip.step if trace.trip is not None else len(trace.steps.ended)
    local = trace.trip is not None and trace.trip.what == "loss"
    began = any(event.born and event.stack for event in trace.events)
    return left, step, not local, not began, trace.rank if trace.rank is not None else _NONE


def named(suspicion: Suspicion, trace: Trace, traces: Sequence[Trace]) -> Suspicion:
    """With the rank it was, and how that is known, in its evidence; as it is for a process alone."""
    if trace.rank is None or (trace.world or 1) < 2 or trace.trip is None:
        return suspicion
    same = sorted(one.rank for one in traces if one.rank is not None and _wrong_alike(one, trace))
    if len(same) > 1:
        which = f"{', '.join(map(str, same))} of {trace.world}"
        found = Evidence(what="ranks", value=which, source="each one")
    else:
        source = "its own loss" if trace.trip.what == "loss" else "its own operations"
        found = Evidence(what="rank", value=f"{trace.rank} of {trace.world}", source=source)
    return replace(suspicion, evidence=(found, *suspicion.evidence))


def _wrong_alike(one: Trace, trace: Trace) -> bool:
    return one.trip is not None and _order(one)[:4] == _order(trace)[:4]
