"""Causes that are lines of the person's own loop: logging, Python work, waiting for the device. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source, stalls, vocabulary
from envkit.diagnose.speed.analyzers.own import Look
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

LOGGING, PYTHON, SYNC = 0.08, 0.15, 0.10
"""Shares from which each is told. Healthy loops spend some per cent in their own lines: a sum of losses, a
bar; xprof calls 15 % of "all other" time high."""
_LOOKS = 6
"""Looks that a share must stand for."""
_EVERY = 50
"""Steps between two lines of a log, which the gain is told of."""
_SOURCE = "looks at the stack"


def logging(view: View) -> Iterable[Slow]:
    """S31: what is printed, drawn, written and counted for people in each step."""
    found = own.looks(view)
    rare = _rare(view, found)
    share, number = own.told(view, found, lambda one: one.kind in ("log", "save") and id(one) not in rare)
    if share < LOGGING or number < _LOOKS:
        return
    these = [one for one in found if one.kind in ("log", "save") and id(one) not in rare]
    line = own.dearest(view, these, outside=own.training(view))
    place = own.named(line)
    low, high = own.interval(share, number)
    rest = 1 - 1 / _EVERY
    saved = all(one.kind == "save" for one in these)
    what = "saving" if saved else "logging, metrics and output"
    yield Slow(
        key="heavy-logging",
        share=share,
        summary=f"{what} in the loop: {share:.0%} of the time"
        + (f", most of it at {place}" if place else ""),
        evidence=(
            Evidence(
                what=what,
                value=f"{share:.0%} of the time, {share * view.step:.2g} s a step ({number} looks)",
                source=_SOURCE,
            ),
            *_dear(view, these),
        ),
        where=own.at(line),
        confidence=0.85,
        gains=(Gain(fix=f"{what} every {_EVERY} steps", predicted=whatif.of_share(low * rest, high * rest)),),
        fix=(
            FixStep(say=f"Do what {place or 'this line'} does every {_EVERY} steps: if step % {_EVERY} == 0"),
        ),
    )


def python(view: View) -> Iterable[Slow]:
    """The script's own Python and NumPy lines, outside of the model."""
    found = own.looks(view)
    rare = _rare(view, found)
    share, number = own.told(view, found, lambda one: one.kind == "python" and id(one) not in rare)
    if share < PYTHON or number < _LOOKS:
        return
    these = [one for one in found if one.kind == "python" and id(one) not in rare]
    line = own.dearest(view, these)
    place = own.named(line)
    low, high = own.interval(share, number)
    alone = "" if line is None or line.share > 0.9 * share else f" ({line.share:.0%} on this line alone)"
    yield Slow(
        key="python-overhead",
        share=share,
        summary=f"the script's own Python work takes {share:.0%} of the time, most of it at {place}{alone}"
        if place
        else f"the script's own Python work takes {share:.0%} of the time",
        evidence=(
            Evidence(
                what="Python and NumPy lines of the loop",
                value=f"{share:.0%} of the time, {share * view.step:.2g} s a step ({number} looks)",
                source=_SOURCE,
            ),
            *_dear(view, these),
        ),
        where=own.at(line),
        confidence=0.75,
        gains=(
            Gain(
                fix="this work on whole tensors, before the loop, or in data workers",
                predicted=whatif.of_share(0.6 * low, high),
            ),
        ),
        fix=(
            FixStep(
                say=f"{place}: do it on whole tensors or arrays, once before the loop, or in the data set of "
                "DataLoader with workers"
            ),
        )
        if place
        else (),
    )


def syncs(view: View) -> Iterable[Slow]:
    """S7: lines that wait for the GPU while it could be given more work. Only with a GPU."""
    if not view.gpu:
        return
    found = own.looks(view)
    waits, number = own.told(view, found, _waits)
    if number < _LOOKS:
        return
    # Only what the process does while the GPU has nothing to do is lost: one that is busy loses nothing.
    busy = _busy(view)
    issue = max(0.0, 1 - waits - view.shares.get("wait", 0.0))
    share = min(waits, issue, 1 - busy) if busy is not None else min(waits, issue) / 2
    these = [one for one in found if _waits(one)]
    line = own.dearest(view, these)
    if share < SYNC or line is None:
        return
    low, high = own.interval(share, number)
    names = vocabulary.syncs(source.own(view.files.get(line.file, ""), line.line))
    place = own.named(line)
    yield Slow(
        key="forced-sync",
        share=share,
        summary=f"the script waits for the GPU at {place} {waits:.0%} of the time, then the GPU for it",
        evidence=(
            Evidence(
                what=f"waiting at {', '.join(names) or 'the line'}",
                value=f"{waits:.0%} of the time ({number} looks)",
                source=_SOURCE,
            ),
            *(
                ()
                if busy is None
                else (Evidence(what="GPU busy", value=f"{busy:.0%} of the time", source="NVML"),)
            ),
        ),
        where=own.at(line),
        confidence=0.8 if busy is not None else 0.5,
        gains=(
            Gain(fix="read values from the GPU every 50 steps", predicted=whatif.of_share(0.3 * low, high)),
        ),
        fix=(FixStep(say=f"{place}: keep the value as a tensor (detach()), and read it every 50 steps"),),
    )


def _waits(one: Look) -> bool:
    """Whether a look found the thread waiting for the device, at the person's line or below it."""
    if one.kind == "sync":
        return True
    inner = own.below(one.stack)
    return (
        bool(inner)
        and inner[0].function in ("synchronize", "item", "__repr__", "_str_intern", "nonzero")
        and ("torch/" in inner[0].file)
    )


def _busy(view: View) -> float | None:
    """Share of the time in which the GPU computed; None where it was not read."""
    if view.conditions is None:
        return None
    began = view.trace.steps.ended[max(0, view.first - 1)]
    used = [
        max(shares)
        for moment in view.conditions.moments
        if moment.at >= began
        if (
            shares := [
                gpu.utilisation for gpu in moment.gpus if gpu.utilisation is not None and gpu.own is not False
            ]
        )
    ]
    return sum(used) / len(used) if used else None


def _rare(view: View, found: Sequence[Look]) -> set[int]:
    one = stalls.stall(view, found)
    return set() if one is None else {id(each) for each in one.looks}


def _dear(view: View, these: Sequence[Look]) -> tuple[Evidence, ...]:
    """The dearest lines."""
    sums: dict[tuple[str, int], float] = {}
    for one in these:
        for frame in own.users(one.stack)[:1]:
            sums[frame.file, frame.line] = sums.get((frame.file, frame.line), 0.0) + one.sample.seconds
    best = sorted(sums.items(), key=lambda pair: -pair[1])[:3]
    return tuple(
        Evidence(
            what=f"{file.rpartition('/')[2]}:{line}",
            value=f"{seconds / view.sampled:.0%} of the time: {view.text(file, line)[:100]}",
            source=_SOURCE,
        )
        for (file, line), seconds in best
        if seconds >= 0.02 * view.sampled
    )
