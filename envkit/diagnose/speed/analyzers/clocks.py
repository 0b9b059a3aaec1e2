"""S19: a GPU whose clock is held back: heat, its power supply, a power limit that somebody set. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from envkit.causes import catalogue
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.target.clocks import BRAKE, CAP, HOT, GpuHeld, evidence, gpus_held, slots

_KINDS = (
    ("thermal-throttle", HOT, "heat holds the GPU's clock", "a GPU that stays cool"),
    ("power-brake", BRAKE, "the power supply holds the GPU's clock", "power as the GPU asks for it"),
    (
        "power-cap-low",
        CAP,
        "a power limit below the default holds the GPU's clock",
        "the default power limit",
    ),
)
_LEAST = 3
"""Moments, a second apart, in which the GPU worked."""
_SHARE = 0.04


def held_back(view: View) -> Iterable[Slow]:
    """The work on the device takes longer by what is missing of its clock; memory has a clock of its own, so
    that this is the most it can be."""
    conditions, ended = view.conditions, view.trace.steps.ended
    if not view.gpu or conditions is None or not ended:
        return
    began = ended[view.first - 1 if view.first else 0]
    gpus = [one for one in gpus_held(conditions, began, ended[-1]) if len(one.working) >= _LEAST]
    busy = sum(view.shares.get(name, 0.0) for name in ("forward", "backward", "optimizer"))
    for key, reasons, what, fix in _KINDS:
        under = [one for one in gpus if one.under(reasons) and (reasons != CAP or one.capped)]
        worst = max(under, key=lambda one: one.lost(reasons) or 0.0, default=None)
        lost = None if worst is None else worst.lost(reasons)
        if worst is None or not lost:
            continue
        cause, most = catalogue()[key], busy * lost
        share = 0.75 * most
        if share < _SHARE:
            continue
        yield Slow(
            key=key,
            share=share,
            confidence=0.8,
            summary=f"{what}{_level(worst, reasons)} in {len(worst.under(reasons)) / len(worst.working):.0%} "
            "of the moments that were looked at",
            evidence=tuple(evidence(worst, reasons)),
            fix=tuple(step for step in cause.steps(slots(worst)) if step not in cause.steps({})),
            gains=(Gain(fix=fix, predicted=whatif.of_share(0.4 * most, most)),),
        )


def _level(gpu: GpuHeld, reasons: tuple[str, ...]) -> str:
    clocks = [one.sm_clock for one in gpu.under(reasons) if one.sm_clock]
    most = gpu.facts.sm_clock_max if gpu.facts is not None else None
    return (f" at {median(clocks):.0f}" + (f" of {most} MHz" if most else " MHz")) if clocks else ""
