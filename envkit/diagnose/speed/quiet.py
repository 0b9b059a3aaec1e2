"""Whether the machine was quiet enough for a conclusion. Pure."""

from __future__ import annotations

from envkit.diagnose.speed.view import View
from envkit.target.during import change

NEIGHBOURS = 0.35
"""Share of the usable CPUs that others used, or a hypervisor took, from which nothing is concluded."""
QUEUED = 0.20
"""Share of the time in which the thread that trains could run and had no CPU."""


def why_not(view: View) -> str | None:
    """Why nothing can be concluded, or None: others had the CPUs while the script wanted them."""
    conditions = view.conditions
    if conditions is None or not conditions.counted or len(conditions.moments) < 3:
        return None
    ended = view.trace.steps.ended
    began, over = ended[view.first - 1 if view.first else 0], ended[-1]
    busy, own = (change(conditions, read, began, over) for read in (lambda m: m.busy, lambda m: m.own))
    if busy is None or own is None:
        return None
    others = max(0.0, busy.rate - own.rate) / conditions.counted
    stolen = change(conditions, lambda moment: moment.steal, began, over)
    steal = 0.0 if stolen is None else stolen.rate / conditions.counted
    queued = view.counted("queued") or 0.0
    if steal >= NEIGHBOURS / 2 or (others >= NEIGHBOURS and queued >= QUEUED):
        return (
            f"noisy-neighbour: other processes used {others:.0%} of the CPUs and the hypervisor took "
            f"{steal:.0%}, while the training waited for a CPU {queued:.0%} of the time; run it again when "
            "the machine is quiet"
        )
    return None
