"""A run repeated from its start, where the failing step could not be repeated in a copy of the process.

A process that uses a GPU is never copied, and neither is one that cannot go on alone. Its command is run
again with the same seeds, every operation of the failing step is looked at, and then changes are tried.
"""

from __future__ import annotations

import os
import secrets
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from envkit.diagnose import audit, better, retrial
from envkit.diagnose.course import Course, course
from envkit.diagnose.repeat import FirstRun, Second, caches, fenced, repeat, unseen
from envkit.diagnose.trace import Trace

_FACTOR, _LEAST = 4.0, 60.0
"""Times the first run's seconds up to the failing step, and the seconds that any repetition has."""
_PASSES = 2

_SAID = ("survived", "broke", "no-change")
"""Ends of a trial that say something of its change."""

Say = Callable[[str], None]
"""Told a line of progress."""


def first(
    argv: Sequence[str], environ: Mapping[str, str], *, tried: bool, seconds: str | None, anyway: bool
) -> FirstRun:
    """A run that is about to begin, here and now. tried: it may be repeated; seconds: the budget for that."""
    if tried:  # the order of sets of strings is the same in both
        environ = {"PYTHONHASHSEED": str(1 + secrets.randbelow(4294967295)), **environ}
    budget = None if not seconds else float(seconds)
    return FirstRun(
        argv=tuple(argv), environment=environ, cwd=os.getcwd(), began=time.time(),
        tried=tried, seconds=budget, anyway=anyway,
    )  # fmt: skip


def followed(run: FirstRun, traces: Sequence[Trace], say: Say) -> tuple[Trace, ...]:
    """After a run: repeat it where its failing step could not be looked at, or say how that is asked for."""
    if not run.tried:
        return offered(traces, run.argv)
    began = time.monotonic()
    if run.seconds is not None:  # what copies of the process took is part of it
        spent = max((one.replay_seconds or 0.0 for one in traces), default=0.0)
        run = replace(run, seconds=max(1.0, run.seconds - spent))
    traces = rerun(run, traces, say)
    if run.seconds is None or not _tripped(traces) or (refusals(run, traces) and not run.anyway):
        return tuple(traces)
    left = run.seconds - (time.monotonic() - began)
    return _kept(traces, lambda: better.proved(run, traces, left, say))


def due(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """Processes in which something was not finite and the step could not be looked at."""
    tripped = _tripped(traces)
    return () if any(trace.events for trace in tripped) else tripped


def _tripped(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """Those whose steps a repetition can look at: TensorFlow's are done again in place."""
    known = [(one, one.trip) for one in traces if one.framework != "tensorflow"]
    return tuple(one for one, trip in known if trip is not None and trip.what != "evaluation")


def untried(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """The same, and processes in which no change could be tried in a copy."""
    tripped = _tripped(traces)
    said = any(one.how in _SAID and one.name != "control" for trace in tripped for one in trace.trials)
    return due(traces) or (() if said else tripped)


def offered(traces: Sequence[Trace], argv: Sequence[str]) -> tuple[Trace, ...]:
    """Without `--try`: what would repeat the run is said and not done."""
    told = f"to repeat the run with that step looked at: envkit diagnose --try -- {shlex.join(argv)}"
    return _told(traces, told, due(traces))


def rerun(run: FirstRun, traces: Sequence[Trace], say: Say) -> tuple[Trace, ...]:
    """Repeat a run and look at the step that failed; the traces with what was seen then."""
    if not untried(traces):
        return tuple(traces)
    reasons = refusals(run, traces)
    if reasons and not run.anyway:
        return _told(traces, f"not run again, since {'; '.join(reasons)}: --try-anyway does so all the same")
    try:
        return _passes(run, traces, say)
    except KeyboardInterrupt:
        return _told(traces, "the run was being repeated when it was interrupted")
    except OSError as error:
        return _told(traces, f"it could not be run again: {error}")


def _passes(run: FirstRun, traces: Sequence[Trace], say: Say) -> tuple[Trace, ...]:
    """Run it, and once more where it went wrong in another step than the first time; then try changes."""
    step = min(trace.trip.step for trace in untried(traces) if trace.trip is not None)
    began, limit = time.monotonic(), _limit(run, traces, step)
    found: tuple[Trace, ...] = tuple(traces)
    for _ in range(_PASSES):
        say(f"repeating the run up to step {step}, in a folder of its own, {limit:.0f} s at the most")
        second = repeat(run, traces, {"arm_at": step}, limit)
        found = tuple(_merged(trace, second, step) for trace in traces)
        other = [one.step for trace in second.traces for one in trace.again if one.state == "tripped"]
        if not other or any(trace.events for trace in second.traces):
            break
        step = min(other)
    left = None if run.seconds is None else run.seconds - (time.monotonic() - began)
    budget = retrial.Budget(step=step, limit=limit, seconds=left)
    return _kept(found, lambda: retrial.tried(run, found, budget, say))


def _kept(traces: Sequence[Trace], more: Callable[[], tuple[Trace, ...]]) -> tuple[Trace, ...]:
    """What `more` makes of traces; they as they are where that is interrupted or has no place on the disk."""
    try:
        return more()
    except (KeyboardInterrupt, OSError):
        return tuple(traces)


def _limit(run: FirstRun, traces: Sequence[Trace], step: int) -> float:
    """Seconds for one repetition."""
    if run.seconds is not None:
        return run.seconds
    trained = [trace for trace in traces if trace.steps.ended and trace.began is not None]
    reached = [one.steps.ended[: step + 1][-1] - (one.began or 0.0) for one in trained]
    return _LEAST + _FACTOR * max(reached, default=0.0)


def refusals(run: FirstRun, traces: Sequence[Trace]) -> tuple[str, ...]:
    """Why a second run could do harm, each reason in some words; () when it may be run again."""
    left = frozenset(one.name for one in audit.written(traces) if os.path.isfile(one.name))
    place = audit.Place(cwd=run.cwd, caches=caches(run.environment), left=left)
    reasons = audit.refusals(traces, place)
    others = unseen(run, traces)
    if others and not fenced():
        reasons += (f"it wrote files that cannot be led elsewhere here ({min(others)})",)
    return reasons


def _merged(trace: Trace, second: Second, step: int) -> Trace:
    """A process with what its repetition saw."""
    if trace.trip is None:
        return trace
    twin = next((one for one in second.traces if _is_twin(one, trace)), None)
    if twin is None:
        return replace(trace, repetition=f"the repetition did not come to its training{_last(second)}")
    said = _said(twin, course(trace.steps, twin.steps, step), step, second)
    if not twin.again or twin.again[-1].state == "passed":
        return replace(trace, repetition=said)
    seen = {name: getattr(twin, name) or getattr(trace, name) for name in _SEEN}
    return replace(trace, **seen, repetition=said, replay="re-executed")


def _is_twin(one: Trace, other: Trace) -> bool:
    """Whether a process of the repetition does what one of the first run did."""
    return one.rank == other.rank and (one.rank is not None or one.argv == other.argv)


_SEEN = (
    *("events", "batches", "arrival", "weights", "numpy", "fields", "spoilt", "updates"),
    *("candidates", "again", "faults"),
)
"""What the look at a step adds to a process."""


def _said(twin: Trace, same: Course, step: int, second: Second) -> str:
    """How a repetition went, in a sentence."""
    states = [one.state for one in twin.again]
    if "repeated" in states or "script ended" in states:
        return f"the run was repeated from its start and that step looked at ({same.said()})"
    if "tripped" in states:
        return f"repeated from its start, the run failed in another step ({same.said()})"
    if "passed" in states:
        return f"repeated from its start, the run did not fail there ({same.said()})"
    if second.result.state == "timeout":
        seconds = f"{second.result.seconds:.0f} s"
        return f"the repetition had {seconds} and did not reach step {step}: --try=SECONDS gives it more"
    return f"the repetition ended before step {step}{_last(second)}"


def _last(second: Second) -> str:
    """The last line that it wrote, for a person to see why."""
    lines = [line.strip() for line in second.result.stderr.splitlines() if line.strip()]
    return f": {lines[-1][:300]}" if lines else ""


def _told(traces: Sequence[Trace], words: str, guilty: Sequence[Trace] | None = None) -> tuple[Trace, ...]:
    """Traces with words about their repetition where that would have been of use."""
    guilty = untried(traces) if guilty is None else guilty
    return tuple(replace(one, repetition=words) if one in guilty else one for one in traces)
