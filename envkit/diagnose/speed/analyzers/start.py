"""S29: what passes before the first step. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Frame, Sample
from envkit.diagnose.speed.view import Line, View

_LONG, _SHARE = 20.0, 0.2
"""Seconds, and share of the whole run, from which a start is slow."""
_OWN_LONG, _OWN_SHARE = 1.5, 0.35
"""The same where most of it is Python code of the script itself: that can be mended, loading cannot."""
_SAME_LINE = 0.6
_IMPORTS = ("<frozen importlib", "importlib/_bootstrap")


def start(view: View) -> Iterable[Slow]:
    """S29."""
    began, ended = view.trace.began, view.trace.steps.ended
    first = (
        view.speed.training_from if view.speed.training_from is not None else (ended[0] if ended else None)
    )
    if began is None or first is None or not ended or first <= began:
        return
    run, before = ended[-1] - began, first - began
    looks = [one for one in view.speed.samples if one.phase == "start" and one.step == 0]
    seen = sum(one.seconds for one in looks)
    imports = sum(one.seconds for one in looks if _imports(view.stack(one)))
    spent = min(before, seen - imports)  # what no look saw is the import of the framework
    plain = sum(one.seconds for one in looks if _plain(view, one))
    mine = bool(seen) and plain / seen >= _SAME_LINE
    long, share = (_OWN_LONG, _OWN_SHARE) if mine else (_LONG, _SHARE)
    if spent < long or spent < share * run:
        return
    line = _dearest(view, [one for one in looks if not _imports(view.stack(one))], seen)
    place = own.named(line)
    part = spent / run
    yield Slow(
        key="slow-start",
        share=part,
        summary=f"{spent:.0f} s pass before the first step, {part:.0%} of this run of {run:.0f} s"
        + (f"; most of it at {place}" if place else ""),
        evidence=(
            Evidence(
                what="before the first step",
                value=f"{spent:.1f} s of {run:.1f} s, imports left out",
                source="timed",
            ),
            *(
                (Evidence(what=place, value=f"{line.share:.0%} of that time", source="looks at the stack"),)
                if line
                else ()
            ),
        ),
        where=own.at(line),
        confidence=0.8 if mine else 0.6,
        gains=(
            Gain(
                fix="keep what is prepared from run to run",
                predicted=whatif.of_share(0.3 * part, 0.97 * part),
            ),
        ),
        fix=(
            FixStep(
                say=f"{place}: keep its result in a file (torch.save, numpy.save), and load it the next time"
            ),
        )
        if place
        else (),
    )


def _imports(stack: tuple[Frame, ...]) -> bool:
    return any(frame.file.startswith(_IMPORTS) or "importlib/_bootstrap" in frame.file for frame in stack)


def _plain(view: View, one: Sample) -> bool:
    """Whether it is the person's own Python line that runs, with nothing of a library below it."""
    stack = view.stack(one)
    return bool(stack) and stack[0].users and not _imports(stack)


def _dearest(view: View, looks: list[Sample], seen: float) -> Line | None:
    """The line of the outermost function from which most was called; within what it calls, the innermost
    such."""
    sums: dict[tuple[str, int, str], float] = {}
    depth: dict[tuple[str, int, str], int] = {}
    for one in looks:
        for place, frame in enumerate(reversed(own.users(view.stack(one)))):
            key = frame.file, frame.line, frame.function
            sums[key] = sums.get(key, 0.0) + one.seconds
            depth[key] = max(depth.get(key, 0), place)
    most = [key for key, seconds in sums.items() if seconds >= 0.5 * seen]
    if not most:
        return None
    best = max(most, key=lambda key: depth[key])
    return Line(*best, sums[best] / seen, view.text(best[0], best[1]))
