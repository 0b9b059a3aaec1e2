"""S17: Python's garbage collector. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import Line, View

LEAST = 0.05
_SOURCE = "gc.callbacks, timed"


def collections(view: View) -> Iterable[Slow]:
    """S17."""
    share = view.counted("collected")
    if share is None or share < LEAST:
        return
    times = view.counted("collections") or 0.0
    line = _asked(view)
    place = own.named(line)
    a_step = times * view.seconds / len(view.durations) if view.durations else 0.0
    asked = line is not None and a_step >= 0.02
    summary = (
        f"Python's garbage collector takes {share:.0%} of the time, {times:.2g} full collections a second"
    )
    yield Slow(
        key="gc-pauses",
        share=min(1.0, share),
        summary=summary + (f"; the script asks for them at {place}" if asked else ""),
        evidence=(
            Evidence(what="in collections", value=f"{share:.0%} of the time", source=_SOURCE),
            Evidence(
                what="full collections", value=f"{times:.2g} a second, {a_step:.2g} a step", source=_SOURCE
            ),
        ),
        where=own.at(line if asked else None),
        confidence=0.9,
        gains=(
            Gain(
                fix="gc.collect(); gc.freeze() before the loop"
                if not asked
                else "no gc.collect() in the loop",
                predicted=whatif.of_share(
                    *((0.97 * share, 1.01 * share) if asked else (0.6 * share, 1.05 * share))
                ),
                change=Change(name="gc", value="freeze"),
            ),
        ),
        fix=(FixStep(say=f"Take {place} out of the loop"),) if asked else (),
        folds=("python-overhead",),
    )


def _asked(view: View) -> Line | None:
    """The person's line that asks for collections, among the files that were seen at work."""
    seen = dict.fromkeys(frame.file for one in view.samples for frame in own.users(view.stack(one)))
    for file in seen:
        number = source.find_call(view.files.get(file, ""), "gc.collect")
        if number is not None:
            return Line(file, number, "", 0.0, view.text(file, number))
    return None
