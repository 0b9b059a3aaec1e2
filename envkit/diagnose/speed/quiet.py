"""Whether the machine was quiet enough for a conclusion. Pure.

What the script itself starts, its threads, workers and children, is no neighbour: `own` counts the whole
tree.
"""

from __future__ import annotations

from envkit.diagnose.speed.view import View
from envkit.target.conditions import Conditions
from envkit.target.during import change, of_gpu

NEIGHBOURS = 0.35
"""Share of the usable CPUs that others used, or a hypervisor took, from which nothing is concluded."""
QUEUED = 0.20
"""Share of the time in which the thread that trains could run and had no CPU."""
_FULL = 0.92
"""Share of the usable CPUs that were busy, from which threads beside the one that trains had to wait."""
_GPU = 0.5
"""Part of the moments in which others computed on the same GPU."""


def why_not(view: View) -> str | None:
    """Why nothing can be concluded, or None: others had the CPUs, or the GPU, while the script wanted
    them."""
    conditions = view.conditions
    if conditions is None or len(conditions.moments) < 3 or not view.durations:
        return None
    ended = view.trace.steps.ended
    began, over = ended[view.first - 1 if view.first else 0], ended[-1]
    return _cpus(view, conditions, began, over) or (_gpus(conditions, began, over) if view.gpu else None)


def _cpus(view: View, conditions: Conditions, began: float, over: float) -> str | None:
    busy, own = (change(conditions, read, began, over) for read in (lambda m: m.busy, lambda m: m.own))
    if not conditions.counted or busy is None or own is None:
        return None
    others = max(0.0, busy.rate - own.rate) / conditions.counted
    stolen = change(conditions, lambda moment: moment.steal, began, over)
    steal = 0.0 if stolen is None else stolen.rate / conditions.counted
    queued = view.counted("queued") or 0.0
    full = busy.rate / conditions.counted + steal >= _FULL and _several(view)
    if steal < NEIGHBOURS / 2 and (others < NEIGHBOURS or (queued < QUEUED and not full)):
        return None
    waited = (
        f"the training waited for a CPU {queued:.0%} of the time"
        if queued >= QUEUED
        else ("the script wanted more CPUs than were left")
    )
    if steal >= NEIGHBOURS / 2 and others < NEIGHBOURS:
        who = f"the hypervisor gave {steal:.0%} of the CPUs to other machines"
    else:
        who = f"other processes used {others:.0%} of the CPUs"
        who += f" and the hypervisor took {steal:.0%}" if steal >= 0.01 else ""
    return f"noisy-neighbour: {who}, while {waited}; run it again when the machine is quiet"


def _several(view: View) -> bool:
    """Whether the script computes on more than one CPU: threads of the framework, or data workers."""
    children = view.counted("children") or 0.0
    return (view.settings.threads or 1) > 1 or bool(view.speed.workers) or children > 0.2


def _gpus(conditions: Conditions, began: float, over: float) -> str | None:
    """Others that compute on the GPU that the script trains on."""
    inside = [one for one in conditions.moments if began <= one.at <= over]
    for facts in conditions.gpus:
        seen = [gpu for moment in inside if (gpu := of_gpu(moment, facts.index)) is not None and gpu.own]
        beside = [gpu for gpu in seen if gpu.others]
        if len(seen) >= 3 and len(beside) >= _GPU * len(seen):
            names = sorted({name for gpu in beside for name in gpu.others or ()})[:3]
            return (
                f"noisy-neighbour: others computed on the same GPU {len(beside) / len(seen):.0%} of the time "
                f"({', '.join(names)}); run it again when they have ended"
            )
    return None
