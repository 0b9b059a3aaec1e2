"""Whether a change that holds makes a better run: to its end, beside the run without it, with two seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from envkit.diagnose.repeat import FirstRun, repeat
from envkit.diagnose.trace import Trace, Trial

_RUNS = 3
"""The change with the first run's seed, and with another one both without and with it."""
_SLOWER = 1.5
"""Times a run's own time that it may take when it is watched closely on a machine that does other things."""
_PART = 10
"""The last of so many parts of a run is its end."""
_END = 1 << 40
_CONTROL = {"name": "control", "with": {}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """The losses of a run, evenly picked, and whether all was finite to its end."""

    losses: tuple[float, ...]
    whole: bool

    def final(self) -> float:
        """Typical loss of the last part."""
        return median(self.losses[-max(1, len(self.losses) // _PART) :])

    def best(self) -> float:
        """Highest loss of its lowest quarter, by the typical one: what its best losses scatter within."""
        part = max(1, len(self.losses) // 4)
        parts = [self.losses[at : at + part] for at in range(0, len(self.losses), part)]
        return max(min(parts, key=median))


def beats(changed: Course, control: Course) -> bool:
    """Whether a run with a change is better than one without.

    It comes to its end, and ends among the best losses that the other one had, or below; where that one came
    to its end, too, below its end.
    """
    if not changed.whole or not changed.losses:
        return False
    if not control.losses:
        return not control.whole
    return changed.final() < control.final() if control.whole else changed.final() <= control.best()


def proved(
    run: FirstRun, traces: Sequence[Trace], seconds: float, say: Callable[[str], None]
) -> tuple[Trace, ...]:
    """The traces, with the first change that held marked where it is better. seconds: all it may take."""
    guilty = next((one for one in traces if _held(one) is not None), None)
    held = None if guilty is None else _held(guilty)
    if guilty is None or held is None or _RUNS * _SLOWER * _whole(guilty) > seconds:
        return tuple(traces)
    before = guilty.steps.loss[: guilty.trip.step if guilty.trip is not None else None]
    first = Course(losses=_finite(before), whole=False)
    change = {"name": held.name, "with": held.arguments}
    say(f"running it to its end with the change, and twice with another seed, {seconds:.0f} s at the most")
    ran = [
        _run(run, traces, one, shift, seconds / _RUNS)
        for one, shift in ((change, 0), (_CONTROL, 1), (change, 1))
    ]
    if not (beats(ran[0], first) and beats(ran[2], ran[1])):
        return tuple(traces)
    trials = tuple(replace(one, better=True) if one is held else one for one in guilty.trials)
    return tuple(replace(one, trials=trials) if one is guilty else one for one in traces)


def _held(trace: Trace) -> Trial | None:
    return next((one for one in trace.trials if one.how == "survived" and one.name != "control"), None)


def _whole(trace: Trace) -> float:
    """Seconds of the first run, from its start, without what looking into its failure took."""
    if not trace.steps.ended:
        return math.inf
    return trace.steps.ended[-1] - (trace.began or 0.0) - (trace.replay_seconds or 0.0)


def _run(
    run: FirstRun, traces: Sequence[Trace], change: dict[str, Any], shift: int, seconds: float
) -> Course:
    """One run to its end."""
    what = {"trial": change, "target": 0, "more": _END, "seconds": seconds, "shift": shift}
    second = repeat(run, traces, what, seconds)
    trials = [trial for trace in second.traces for trial in trace.trials]
    worst = next((one for one in trials if one.how != "survived"), trials[0] if trials else None)
    if worst is None:
        return Course(losses=(), whole=False)
    return Course(losses=_finite(worst.losses), whole=worst.how == "survived" and worst.what == "end")


def _finite(losses: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(one for one in losses if one is not None and math.isfinite(one))
