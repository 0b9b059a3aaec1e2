"""The threshold rules of three other systems, written anew over envkit's traces.

xprof (input 5 and 20 % of a step, all-other 3 and 15 %), SageMaker Profiler (rules of smdebug_rulesconfig)
and the PyTorch profiler's TensorBoard plugin (DataLoader > 5 %), with their own defaults. Rules that need a
GPU's counters are left out: on a CPU they say nothing, or, with a GPU that counts as idle, the same of every
run.

A rule names a class of causes, so it is right where any key of its class is: more generous than what is asked
of envkit, which names one. xprof's "moderate" counts as naming.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import itertools

from envkit.diagnose.recording import Recording, from_saved
from envkit.diagnose.speed.view import View

INPUT = frozenset(
    [
        "dataloader-bound",
        "too-few-workers",
        "slow-storage",
        "small-file-reads",
        "slow-collate",
        "worker-restart",
    ]
)
HOST = frozenset({"python-overhead", "heavy-logging", "launch-bound"})
WINDOW = 500
"""Steps, or samples, of SageMaker's rules; a shorter run is one window."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the rules look at."""

    durations: tuple[float, ...]
    """Seconds of each steady step."""
    wait: float
    """Share of the steps' time that went into waiting for batches."""
    own: float
    """Share that went into neither input nor the framework's work."""
    workers: int | None
    """Of the training loader; None = there is none."""
    cpus: float
    cpu: tuple[float, ...]
    """Share of all CPUs in use, second by second."""
    blocked: tuple[float, ...]
    """Share of each second that the main thread waited for storage."""


def seen(recording: Recording) -> Seen:
    """Of the process that trained longest."""
    trace = recording.processes[0]
    view = View(trace=trace, conditions=recording.conditions, ceiling=recording.ceiling)
    cpus = view.cpus or 1.0
    busy, blocked = [], []
    moments = trace.speed.moments
    for before, after in itertools.pairwise(moments):
        passed = after.at - before.at
        if passed <= 0:
            continue
        used = [
            (getattr(after, name) or 0.0) - (getattr(before, name) or 0.0)
            for name in ("user", "system", "children")
        ]
        busy.append(max(0.0, sum(used)) / passed / cpus)
        blocked.append(max(0.0, (after.blocked or 0.0) - (before.blocked or 0.0)) / passed)
    workers = [one.workers for one in trace.speed.loaders if one.training and one.workers is not None]
    return Seen(
        durations=view.durations,
        wait=view.shares.get("wait", 0.0),
        own=view.shares.get("own", 0.0),
        workers=workers[0] if workers else None,
        cpus=cpus,
        cpu=tuple(busy),
        blocked=tuple(blocked),
    )


def xprof(run: Seen) -> Iterator[frozenset[str]]:
    """Input: moderate from 5 %, high from 20 %; "all other", which it calls Python overhead: from 3 %."""
    if run.wait >= 0.05:
        yield INPUT
    if run.own >= 0.03:
        yield HOST


def sagemaker(run: Seen) -> Iterator[frozenset[str]]:
    """Dataloader, CPUBottleneck, BatchSize, IOBottleneck, StepOutlier; an absent GPU counts as idle."""
    if run.workers is not None:
        ratio = run.workers / run.cpus
        if ratio < 0.7:
            yield frozenset({"too-few-workers", "dataloader-bound"})
        if ratio > 2.0:
            yield frozenset({"too-many-workers", "thread-oversubscription"})
    if run.cpu and sum(one > 0.9 for one in run.cpu) / len(run.cpu) > 0.5:
        yield frozenset({"dataloader-bound", "too-few-workers", "python-overhead"})
    if run.cpu and _p95(run.cpu[:WINDOW]) < 0.7:
        yield frozenset({"batch-too-small"})
    if run.blocked and sum(one > 0.5 for one in run.blocked) / len(run.blocked) > 0.5:
        yield frozenset({"slow-storage", "small-file-reads"})
    if len(run.durations) > 1:
        middle, spread = statistics.fmean(run.durations), statistics.pstdev(run.durations)
        if sum(one > middle + 3 * spread for one in run.durations) > 10:
            yield frozenset({"periodic-stall"})


def kineto(run: Seen) -> Iterator[frozenset[str]]:
    """DataLoader > 5 % of a step."""
    if run.wait > 0.05:
        yield INPUT


def _p95(values: tuple[float, ...]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


SYSTEMS: dict[str, Callable[[Seen], Iterator[frozenset[str]]]] = {
    "xprof": xprof,
    "SageMaker": sagemaker,
    "kineto": kineto,
}


def named(system: str, trace: Path) -> frozenset[str]:
    """All keys of the classes that a system's rules name for a saved trace."""
    return frozenset().union(*SYSTEMS[system](seen(from_saved(str(trace)))))
