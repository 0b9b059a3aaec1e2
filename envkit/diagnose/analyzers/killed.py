"""A script that was killed: whether that was for lack of memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from envkit.core.finding import Evidence, FixStep
from envkit.core.text import size
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import ScriptEnd, Where
from envkit.diagnose.trace import Trace

_NEAR = 0.9
"""Share of what it could have from which it is full: the kernel kills before the last page is gone."""
_LEFT = 0.04
"""Share of the machine's memory below which nothing was left for others."""
_GREW = 1.5


def killed(script: ScriptEnd, memory: MemoryUse | None, traces: Sequence[Trace]) -> tuple[Suspicion, ...]:
    """`oom-host` where the script was ended by SIGKILL and memory had run out; () otherwise."""
    if script.signal != "SIGKILL" or memory is None:
        return ()
    sure = _sure(memory)
    if sure is None:
        return ()
    return (
        Suspicion(
            key="oom-host",
            confidence=sure,
            where=Where(),
            evidence=tuple(_evidence(memory, traces)),
            summary=f"the kernel ended the script, which held {size(memory.most)} of {size(memory.limit)}",
            fix=_steps(memory),
        ),
    )


def _steps(memory: MemoryUse) -> tuple[FixStep, ...]:
    grew = _growth(memory)
    if grew is None:
        return ()
    said = (
        f"Memory grew from {size(grew[0])} to {size(grew[1])}: look for what each step keeps, as losses with "
        "their graph in a list (keep loss.item()), or caches without a limit"
    )
    return (FixStep(say=said),)


def _sure(memory: MemoryUse) -> float | None:
    if memory.kills:
        return 0.95
    if not memory.limit:
        return None
    if memory.most >= _NEAR * memory.limit:
        return 0.85
    if memory.available is not None and memory.available < _LEFT * memory.limit:
        return 0.75
    return None


def _growth(memory: MemoryUse) -> tuple[int, int] | None:
    """First, once all was loaded, and last; None where it did not grow steadily."""
    held = [one for _, one in memory.resident]
    if len(held) < 8:
        return None
    parts = [max(held[number * len(held) // 4 : (number + 1) * len(held) // 4]) for number in range(4)]
    steady = all(one < other for one, other in pairwise(parts))
    return (parts[0], held[-1]) if steady and held[-1] > _GREW * parts[0] else None


def _evidence(memory: MemoryUse, traces: Sequence[Trace]) -> Iterator[Evidence]:
    if memory.kills:
        yield Evidence(
            what="processes ended for lack of memory", value=str(memory.kills), source="the kernel's count"
        )
    if memory.resident:
        seconds, last = memory.resident[-1]
        yield Evidence(
            what="memory at the end",
            value=f"{size(last)} after {seconds:.0f} s",
            source="/proc of the script",
        )
    if memory.limit:
        yield Evidence(what="memory that there is", value=size(memory.limit), source="control group, machine")
    steps = max((len(trace.steps.ended) for trace in traces), default=0)
    if steps:
        yield Evidence(what="steps done", value=str(steps), source="the run")
