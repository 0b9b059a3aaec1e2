"""Weights and running values that were bad before the failing step began."""

from __future__ import annotations

import math
from collections.abc import Iterator

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Trace
from envkit.diagnose.trace_step import Spoilt


def spoilt(trace: Trace) -> Iterator[Suspicion]:
    """Causes for them, the most likely first."""
    bad = [one for one in trace.spoilt if one.part != "optimizer"]
    untouched = next((one for one in bad if one.untouched is not None), None)
    if untouched is not None:
        yield _never_written(untouched)
    elif bad and trace.trip is not None and trace.trip.step == 0:
        yield _from_the_start(bad[0])


def _never_written(one: Spoilt) -> Suspicion:
    assert one.untouched is not None
    file, line, text = one.untouched
    return Suspicion(
        key="uninitialised-memory", confidence=0.93,
        where=Where(file=file or None, line=line or None, module=one.name, op="empty", phase="setup"),
        evidence=(
            Evidence(what=f"{one.part} {one.name}", value=_holds(one), source="before the failing step"),
            Evidence(
                what="nothing has written to it since", value=text or "it was made", source=f"line {line}"
            ),
        ),
        summary=f"{one.name} holds what was in memory: nothing was written to it",
    )  # fmt: skip


def _from_the_start(one: Spoilt) -> Suspicion:
    return Suspicion(
        key="uninitialised-memory", confidence=0.6, where=Where(module=one.name, phase="setup"),
        evidence=(
            Evidence(what=f"{one.part} {one.name}", value=_holds(one), source="before the first step"),
        ),
        summary=f"{one.name} was not finite before the first step: not initialised, or loaded so",
    )  # fmt: skip


def _holds(one: Spoilt) -> str:
    values = one.values
    bad = (values.nan or 0) + (values.inf or 0)
    if bad:
        return f"{bad} of {math.prod(values.shape)} values are not finite"
    return f"values from {values.min:.3g} to {values.max:.3g}, some of which no initialisation gives"
