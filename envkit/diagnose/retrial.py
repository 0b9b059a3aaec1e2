"""Changes tried in a repetition of the whole run, where no copy of the process could try them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from envkit.diagnose.repeat import FirstRun, Second, repeat
from envkit.diagnose.trace import Trace, Trial

MORE = 200
"""Steps that a fix must survive beyond the one that failed, as docs of `Proof` say."""
_RIVAL = {"name": "learning-rate", "with": {"factor": 0.1}}
_MOST = 4
"""Repetitions, where the person gave no seconds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What trials may take."""

    step: int
    """The one that fails without a change."""
    limit: float
    """Seconds for a run up to there."""
    seconds: float | None
    """For all; None = not said."""


def tried(
    run: FirstRun, traces: Sequence[Trace], budget: Budget, say: Callable[[str], None]
) -> tuple[Trace, ...]:
    """The traces with the trials of the process that the failing step was looked at in."""
    guilty = next((one for one in traces if one.candidates), None)
    if guilty is None:
        return tuple(traces)
    found: list[Trial] = []
    began = time.monotonic()
    for change in (*guilty.candidates, _RIVAL):
        held = any(trial.how == "survived" for trial in found)
        if held and change is not _RIVAL:
            continue
        left = None if budget.seconds is None else budget.seconds - (time.monotonic() - began)
        if (left is not None and left <= 0) or (left is None and len(found) >= _MOST):
            found.append(_trial(change, how="no-time"))
            continue
        say(f"repeating the run with a change: {change['name']}")
        found.append(_one(run, traces, budget, change, left))
    return tuple(replace(one, trials=(*one.trials, *found)) if one is guilty else one for one in traces)


def _one(
    run: FirstRun, traces: Sequence[Trace], budget: Budget, change: dict[str, Any], left: float | None
) -> Trial:
    """One repetition with one change."""
    each = _per_step(traces)
    limit = budget.limit + 4 * MORE * each if left is None else left
    what = {"trial": change, "target": budget.step, "more": MORE, "seconds": limit - 1.0}
    return _result(repeat(run, traces, what, limit), change)


def _per_step(traces: Sequence[Trace]) -> float:
    """Seconds of a step of the first run."""
    ended = max((one.steps.ended for one in traces), key=len)
    return (ended[-1] - ended[0]) / max(1, len(ended) - 1) if ended else 0.0


def _result(second: Second, change: dict[str, Any]) -> Trial:
    """What all ranks say together: one that broke broke all."""
    said = [trial for trace in second.traces for trial in trace.trials]
    if not said:
        return _trial(change, how="timeout" if second.result.state == "timeout" else "crashed")
    worst = next((trial for trial in said if trial.how != "survived"), said[0])
    return replace(worst, arguments=dict(change.get("with", {})), again=True)


def _trial(change: dict[str, Any], *, how: str) -> Trial:
    return Trial(name=str(change["name"]), how=how, arguments=dict(change.get("with", {})), again=True)
