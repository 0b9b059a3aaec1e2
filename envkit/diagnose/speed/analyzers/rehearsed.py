"""What a change gains, from the run's own operations done once more with it and without. Pure.

A step's new duration is the old one less what its operations took less in the rehearsal; what Python does
between them stays. Each operation was done by itself, so that its tensors may have been in a cache, where in
the run they were not: the ratio of the two rehearsals, taken of the whole time, is the other end of the
interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from envkit.diagnose.model import Change, Gain
from envkit.diagnose.speed.analyzers.work import work
from envkit.diagnose.speed.model import Rehearsal
from envkit.diagnose.speed.view import View

NOW = "now"
_SLACK = 0.15
"""Relative error of what is saved, or of what stays, whichever is less; beside the ways to count it."""
_NOISE = 0.08
"""By how much equal runs differ in speed from one minute to the next."""
_LEAST = 0.02
"""Gain from which a change is worth a word."""
_DEPTH = 15
"""Calls from the script's first to one that asks for an operation, where no look saw it."""
_PARTS: Mapping[str, tuple[str, ...]] = {
    "autocast": ("model",), "anomaly": ("model",), "batch": ("model",), "fused": ("update",),
    "foreach": ("update",), "dtype": ("model", "update"), "threads": ("model", "update"),
}  # fmt: skip
"""What each change has to do with."""
_SWITCHES = ("fused", "foreach")


def variants(view: View, gains: Iterable[Gain]) -> dict[str, dict[str, Any]]:
    """What to rehearse for these gains, as the payload takes it, by name; {} where there is nothing."""
    settings = view.settings
    if view.trace.framework != "torch" or not (settings.recipe or settings.sizes):
        return {}
    base: dict[str, Any] = {name: getattr(settings, name) for name in _SWITCHES}
    base["anomaly"] = bool(settings.anomaly)
    changes = {one.change for one in gains if one.change is not None}
    found = {
        label(one): {**base, **asked, "parts": _PARTS[one.name]}
        for one in sorted(changes, key=label)
        if (asked := _asked(one, view)) is not None
    }
    return {NOW: {**base, "parts": ("model", "update")}, **found} if found else {}


def _asked(change: Change, view: View) -> Mapping[str, Any] | None:
    """A change as the payload takes it; None for one that has nothing to do with operations."""
    batch = view.settings.batch
    if change.name == "threads" and change.value.isdigit():
        return {"threads": int(change.value)}
    if change.name == "batch" and change.value.isdigit() and batch:
        return {"rows": int(change.value) / batch}
    fixed: dict[str, dict[str, Any]] = {
        "autocast": {"autocast": change.value},
        "dtype": {"dtype": change.value},
        "anomaly": {"anomaly": False},
        "fused": {"fused": True, "foreach": None},
        "foreach": {"foreach": True, "fused": None},
    }
    return fixed.get(change.name)


def label(change: Change) -> str:
    """`threads=2`."""
    return f"{change.name}={change.value}"


def job(view: View, gains: Iterable[Gain]) -> dict[str, Any] | None:
    """What the payload is to do once more; None where nothing asks for it."""
    asked, settings = variants(view, gains), view.settings
    if not asked:
        return None
    depths = sorted(len(view.stack(one)) for one in view.samples if one.phase in ("other", "backward"))
    return {
        "recipe": settings.recipe,
        "sizes": settings.sizes,
        "optimizer": settings.optimizer,
        "momentum": settings.momentum,
        "depth": depths[len(depths) // 2] if depths else _DEPTH,
        "variants": asked,
    }


def told(found: Mapping[str, Mapping[str, float]]) -> tuple[Rehearsal, ...]:
    """Of what the payload measured: seconds by variant, of `model` and `update`."""
    return tuple(
        Rehearsal(change=_change(name), now=seconds[NOW], then=then, part=part)
        for part, seconds in found.items()
        for name, then in seconds.items()
        if name != NOW and seconds.get(NOW)
    )


def _change(label: str) -> Change:
    name, _, value = label.partition("=")
    return Change(name=name, value=value)


def predicted(view: View, change: Change) -> tuple[float, float] | None:
    """Factor minus one, lowest and highest; None where it was not rehearsed. Negative: slower."""
    rehearsals = () if view.ceiling is None else view.ceiling.rehearsals
    found, step = [one for one in rehearsals if one.change == change], work(view).step
    if not found or not step:
        return None
    saved = [_saved(view, one) for one in found]
    low, high = (sum(one[end] for one in saved) for end in (0, 1))
    if change.name == "batch" and view.settings.batch:
        times = int(change.value) / view.settings.batch
        # What is neither model nor update may grow with the rows, or not.
        rest = max(0.0, step - work(view).model - work(view).optimizer)
        low -= (times - 1) * rest
    else:
        times = 1.0
    factors = sorted(times * step / max(0.02 * step, step - one) for one in (low, high))
    return factors[0] / (1 + _NOISE) - 1, factors[1] * (1 + _NOISE) - 1


def _saved(view: View, one: Rehearsal) -> tuple[float, float]:
    """Seconds of a step."""
    saved = [each for actual in _actual(view, one) for each in _ends(one, actual)]
    return min(saved), max(saved)


def _actual(view: View, one: Rehearsal) -> tuple[float, ...]:
    """Seconds of a step that the rehearsed operations took in the run, at the least and at the most."""
    found = work(view)
    if one.part != "model":
        return (found.optimizer,)
    # Operations that the script calls by itself, and not in a module, are among its own lines.
    whole = found.model + view.shares.get("own", 0.0) * found.step
    if one.change.name == "anomaly":  # views are told as text, too
        return found.model, whole
    return found.model, min(max(found.model, one.now), whole)


def _ends(one: Rehearsal, actual: float) -> Iterable[float]:
    for saved in ((one.now - one.then) * min(1.0, actual / one.now), (1 - one.then / one.now) * actual):
        margin = _SLACK * min(abs(saved), max(0.0, actual - saved))
        yield from (saved - margin, saved + margin)


def told_in(view: View, gains: Iterable[Gain]) -> list[Gain]:
    """Gains with what the rehearsal says of them; those that would gain nothing are left out."""
    kept = []
    for one in gains:
        found = None if one.change is None else predicted(view, one.change)
        if found is None:
            kept.append(one)
        elif (1 + found[1]) / (1 + _NOISE) >= 1 + _LEAST:
            kept.append(replace(one, predicted=found))
    return kept
