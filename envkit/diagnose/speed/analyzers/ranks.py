"""S14, S15: ranks that wait for each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.stragglers import collective, measured, straggler
from envkit.diagnose.speed.trace import Frame, Sample
from envkit.diagnose.speed.view import NAMES, View
from envkit.stats import median

_NAMED = 0.6
"""Part of the difference that one part of a step must explain to be named (TraceML: 0.8, of fewer parts)."""
_EXPOSED = 0.10
_FOLDS = (
    *("dataloader-bound", "too-few-workers", "slow-storage", "small-file-reads", "slow-collate"),
    "python-overhead",
    *("heavy-logging", "gc-pauses", "worker-restart", "too-many-workers", "launch-bound", "memory-pressure"),
    *("periodic-stall", "forced-sync", "exposed-communication", "compute-bound"),
)  # fmt: skip
"""What that rank itself is slow by."""


def held_back(view: View) -> Iterable[Slow]:
    """S15: one rank is slower than the others, which wait for it."""
    found = straggler(view.traces)
    if found is None or found.rank.trace is not view.trace:
        return
    slow = found.rank
    more = {
        name: slow.parts.get(name, 0.0) - median([one.parts.get(name, 0.0) for one in found.others])
        for name in NAMES
        if name != "backward"
    }
    whole = sum(seconds for seconds in more.values() if seconds > 0)
    name = max(more, key=more.__getitem__)
    named = whole > 0 and more[name] >= _NAMED * whole
    usual = median([one.parts.get(name, 0.0) for one in found.others])
    lines = view.lines(lambda one, stack: view.part(one) == name and not collective(stack)) if named else []
    line = lines[0] if lines else None
    place = own.named(line)
    of = len(found.others) + 1
    summary = f"rank {slow.rank} of {of} holds back the others, which wait {found.score:.0%} of the time"
    if named:
        summary += f": {NAMES[name]} takes it {slow.parts[name]:.2g} s a step, the others {usual:.2g} s"
    if place:
        summary += f" ({place})"
    yield Slow(
        key="straggler-rank",
        share=found.score,
        summary=summary,
        evidence=(
            Evidence(
                what="rank", value=f"{slow.rank} of {len(found.others) + 1}", source="each rank's own steps"
            ),
            *(
                Evidence(
                    what=f"rank {one.rank}",
                    value=f"own work {one.local:.2g} s a step, backward and collectives {one.together:.2g} s",
                    source="timed, and looks at the stack",
                )
                for one in sorted((slow, *found.others), key=lambda one: one.rank)[:8]
            ),
        ),
        where=own.at(line),
        confidence=0.85,
        gains=(
            Gain(
                fix=f"rank {slow.rank} as fast as the others",
                predicted=whatif.of_share(0.85 * found.score, 1.05 * found.score),
            ),
        ),
        fix=(
            FixStep(
                say=f"See what rank {slow.rank} does differently: its part of the data, its machine, its work"
                + (f" at {place}" if place else "")
            ),
        ),
        folds=_FOLDS,
    )


def exposed(view: View) -> Iterable[Slow]:
    """S14: all ranks wait alike in collectives."""
    found = measured(view.traces)
    mine = next((one for one in found if one.trace is view.trace), None)
    if mine is None or straggler(view.traces) is not None:
        return
    seen = min(one.explicit / one.step for one in found)
    asleep = min(_asleep(View(trace=one.trace)) for one in found)
    share = min(0.95, seen + asleep)
    if share < _EXPOSED:
        return
    lines = (
        view.lines(lambda one, stack: view.part(one) != "backward" and collective(stack))
        if seen > asleep
        else (view.lines(lambda one, _: one.phase == "backward"))
    )
    yield Slow(
        key="exposed-communication",
        share=share,
        summary=f"all {len(found)} ranks wait for each other {share:.0%} of the time, all alike",
        evidence=(
            Evidence(
                what="in collectives outside of the backward pass",
                value=f"{seen:.0%} on each rank",
                source="looks at the stack",
            ),
            Evidence(
                what="asleep in the backward pass",
                value=f"{asleep:.0%} on each rank",
                source="/proc/self/task/*/schedstat",
            ),
        ),
        where=own.at(lines[0] if lines else None),
        confidence=0.7,
        gains=(
            Gain(
                fix="communication beside the computation, or less often",
                predicted=whatif.of_share(0.1 * share, share),
            ),
        ),
    )


def _asleep(view: View) -> float:
    """Share of the time in which the thread that trains slept in backward passes; 0.0 where that cannot be
    told: threads that compute together wait for each other, too."""
    ran, queued = view.counted("ran"), view.counted("queued")
    if view.gpu or ran is None or queued is None or (view.settings.threads or 2) > 1:
        return 0.0
    elsewhere = view.shares.get("wait", 0.0) + view.share(_outside)
    return min(view.shares.get("backward", 0.0), max(0.0, 1 - ran - queued - elsewhere))


def _outside(one: Sample, stack: tuple[Frame, ...]) -> bool:
    return one.phase != "backward" and collective(stack)
