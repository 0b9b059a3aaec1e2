"""Ranks of a distributed run: which one holds back the others. Pure.

In a synchronous step all ranks take equally long: who is ready first waits, in a collective or at the end
of its backward pass, where gradients are averaged. So the rank to blame is the one whose own work (data,
its own lines, forward, update) is longest, and whose waiting is shortest. The score is that of TraceML:
what the others wait longer than it does, by the time of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from envkit.diagnose.model import Part, RankPace
from envkit.diagnose.speed.trace import Frame
from envkit.diagnose.speed.view import NAMES, View
from envkit.diagnose.trace import Trace
from envkit.stats import median

HELD = 0.15
"""Score from which a rank holds back the others (TraceML: 10 % is a warning, 20 % critical)."""
_BLOCKS, _STEADY = 6, 5
"""Stretches of the run, and in how many of them it must be so: what changes from one to the next is
chance."""
_LITTLE = 1e-3
"""Seconds of a step: two processes on one machine differ by that as it happens."""
_LONGER = 1.25
"""Times the others' own work, that its own is at least."""
_TOGETHER = 0.15
"""Relative difference of the ranks' steps, at most: beyond, they do not wait for each other."""
_COLLECTIVES = ("torch/distributed/distributed_c10d.py", "torch/distributed/_functional_collectives.py")
_SYNC = (
    "_sync_buffers",
    "_sync_module_buffers",
    "_default_broadcast_coalesced",
    "_distributed_broadcast_coalesced",
)
_INNERMOST = 5
"""Frames of a stack among which a collective must be: what wraps a model is further out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """Seconds of a mean step of one rank."""

    rank: int
    trace: Trace
    step: float
    parts: dict[str, float]
    """By names of `NAMES`, without what was spent in collectives."""
    together: float
    """In collectives, and in backward passes, which hold the waiting for gradients."""
    explicit: float
    """Of this: in collectives outside of backward passes."""
    blocks: tuple[float, ...]
    """Share of `together` in each stretch of the run."""

    @property
    def local(self) -> float:
        """Its own work, but for the backward pass."""
        return self.step - self.together


def measured(traces: Sequence[Trace]) -> tuple[Rank, ...]:
    """What each rank of one world does, by rank; () for a process alone."""
    found: dict[int, Rank] = {}
    for trace in traces:
        if trace.rank is None or (trace.world or 1) < 2 or len(trace.steps.ended) < 3 or trace.rank in found:
            continue
        view = View(trace=trace)
        if view.durations and view.seconds > 0:
            found[trace.rank] = _rank(view, trace.rank)
    return tuple(found[rank] for rank in sorted(found)) if len(found) > 1 else ()


def _rank(view: View, rank: int) -> Rank:
    step = view.seconds / len(view.durations)
    parts = {name: share * step for name, share in view.shares.items()}
    explicit = 0.0
    for name, inside in _inside(view).items():
        part = parts.get(name, 0.0) * inside
        explicit += part
        parts[name] = parts.get(name, 0.0) - part
    # On a GPU the process waits for others wherever it asks for a value: waiting for data is surely its own.
    local = parts.get("wait", 0.0) if view.gpu else step - explicit - parts.get("backward", 0.0)
    return Rank(
        rank=rank,
        trace=view.trace,
        step=step,
        parts=parts,
        together=min(step, max(0.0, step - local)),
        explicit=explicit,
        blocks=_blocks(view),
    )


def _inside(view: View) -> dict[str, float]:
    """Share of each part of a step, but the backward pass, that looks found in collectives."""
    whole: dict[str, float] = {}
    inside: dict[str, float] = {}
    for one in view.samples:
        name = view.part(one)
        whole[name] = whole.get(name, 0.0) + one.seconds
        if name != "backward" and collective(view.stack(one)):
            inside[name] = inside.get(name, 0.0) + one.seconds
    return {name: seconds / whole[name] for name, seconds in inside.items() if whole[name] > 0}


def _blocks(view: View) -> tuple[float, ...]:
    v, start = view.durations, max(1, view.first)
    size = len(v) / _BLOCKS
    edges = [int(place * size) for place in range(_BLOCKS + 1)]
    spent = [0.0] * len(v)
    for place, seconds in enumerate(view.column("wait") if view.gpu else view.column("backward")):
        spent[place] += v[place] - seconds if view.gpu else seconds
    for one in view.samples if not view.gpu else ():
        if one.phase != "backward" and 0 <= one.step - start < len(v) and collective(view.stack(one)):
            spent[one.step - start] += one.seconds
    return tuple(
        min(1.0, sum(spent[low:high]) / sum(v[low:high])) if high > low and sum(v[low:high]) > 0 else 0.0
        for low, high in pairwise(edges)
    )


def collective(stack: tuple[Frame, ...]) -> bool:
    """Whether a stack ends in a collective: all ranks must come to it."""
    return any(
        any(file in frame.file.replace("\\", "/") for file in _COLLECTIVES)
        or ("torch/nn/parallel/distributed.py" in frame.file and frame.function in _SYNC)
        for frame in stack[:_INNERMOST]
    )


def ranks(traces: Sequence[Trace]) -> tuple[RankPace, ...]:
    """What each rank's steps are made of; () for a process alone."""
    found = measured(traces)
    if not found:
        return ()
    least = min(one.together for one in found)
    return tuple(
        RankPace(
            rank=one.rank,
            own=max(0.0, one.step - max(0.0, one.together - least)),
            parts=tuple(
                Part(what=NAMES[name], share=round(max(0.0, one.parts[name]) / one.step, 4))
                for name in NAMES
                if name in one.parts
            )
            + (
                (Part(what="waiting for other ranks", share=round(one.explicit / one.step, 4)),)
                if one.explicit
                else ()
            ),
        )
        for one in found
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Straggler:
    """The rank that the others wait for."""

    rank: Rank
    others: tuple[Rank, ...]
    score: float


def straggler(traces: Sequence[Trace]) -> Straggler | None:
    """The rank that holds back the others, or None."""
    found = measured(traces)
    if len(found) < 2:
        return None
    steps = [one.step for one in found]
    if max(steps) - min(steps) > _TOGETHER * max(steps):
        return None
    slow = max(found, key=lambda one: one.local)
    others = tuple(one for one in found if one is not slow)
    victim = median([one.together for one in others])
    score = (victim - slow.together) / slow.step
    usual = median([one.local for one in others])
    if score < HELD or slow.local < max(_LONGER * usual, usual + _LITTLE):
        return None
    held = [
        median(theirs) - mine
        for mine, *theirs in zip(slow.blocks, *(one.blocks for one in others), strict=True)
    ]
    if sum(1 for one in held if one >= HELD / 2) < _STEADY:
        return None
    return Straggler(rank=slow, others=others, score=score)


def culprit(traces: Sequence[Trace]) -> Trace | None:
    """The rank that the others wait for, or None."""
    found = straggler(traces)
    return None if found is None else found.rank.trace
