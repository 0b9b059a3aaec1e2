"""S20: too little memory: swap and page faults. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.target.during import change

LEAST = 0.08
_FAULTS = 10.0
"""Pages a second that the process had to wait for."""
_SWAPPED = 1e6
"""Bytes a second."""


def pressure(view: View) -> Iterable[Slow]:
    """The process waits for pages that were moved to swap. Faults without swap are files that are read as
    memory."""
    faults = view.counted("major_faults")
    if faults is None or faults < _FAULTS or view.conditions is None:
        return
    ended = view.trace.steps.ended
    began = ended[view.first - 1 if view.first else 0]
    swapped = change(view.conditions, lambda moment: moment.swapped, began, ended[-1])
    if swapped is None or swapped.rate < _SWAPPED:
        return
    share = _waiting(view)
    if share < LEAST:
        return
    left = [one.available for one in view.conditions.moments if one.available is not None and one.at >= began]
    yield Slow(
        key="memory-pressure",
        share=share,
        summary=f"memory is short: {faults:.0f} pages a second come back from swap; training waits for them "
        f"{share:.0%} of the time",
        evidence=(
            Evidence(what="major faults", value=f"{faults:.0f} a second", source="/proc/self/stat"),
            Evidence(what="swapped", value=f"{swapped.rate / 1e6:.1f} MB a second", source="/proc/vmstat"),
            *(
                (
                    Evidence(
                        what="free memory, least", value=f"{min(left) / 1e9:.1f} GB", source="/proc/meminfo"
                    ),
                )
                if left
                else ()
            ),
        ),
        confidence=0.85,
        gains=(Gain(fix="as much memory as it needs", predicted=whatif.of_share(0.5 * share, 1.1 * share)),),
        fix=(
            FixStep(
                say="Fewer data workers, a smaller batch, data that is read when needed, or a machine with "
                "more memory"
            ),
        ),
        folds=("slow-storage", "compute-bound"),
    )


def _waiting(view: View) -> float:
    """Share of the time in which the thread that trains stood still, without queueing for a CPU or for a
    batch."""
    blocked = view.counted("blocked") or 0.0
    ran, queued = view.counted("ran"), view.counted("queued")
    if ran is None or queued is None:
        return min(1.0, blocked)
    asleep = max(0.0, 1 - ran - queued - view.shares.get("wait", 0.0))
    return min(1.0, max(blocked, asleep))
