"""Fewer threads than CPUs, and work for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.work import middle, place, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_WORTH = 0.3
"""Share of the time that must be work on values, at the least: asking for operations is not divided."""
_DIVIDED = (0.35, 0.95)
"""How much of the ideal a division of the work brings: memory is shared, CPUs may be threads of one core."""
_MANY = 4
"""CPUs for each thread from which it is a cause, wherever the number comes from. With fewer, one that stands
in the environment is taken for a wish, and only told as something that is left."""
_BUSY = 1.3
"""CPUs for each thread up to which others idle."""
_LINE = re.compile(r"set_num_threads\(|set_intra_op_parallelism_threads\(|(OMP|MKL)_NUM_THREADS")


def too_few_threads(view: View) -> Iterable[Slow]:
    """The framework computes with half of the usable CPUs or less, and the others idle."""
    threads, usable, saved = view.settings.threads, _usable(view), saved_by_threads(view)
    where = _where(view)
    if saved is None or not threads or usable is None:
        return
    if where.file is None and usable < _MANY * threads:
        return
    found = work(view)
    low, high = (one / found.step for one in found.vector)
    said = f" ({place(where.file, where.line)})" if where.file and where.line else ""
    yield Slow(
        key="too-few-threads",
        share=middle(saved),
        confidence=0.8,
        summary=f"{_threads(threads)} the model's operations{said}, and {usable:.0f} CPUs may be used",
        evidence=(
            Evidence(what="threads of an operation", value=str(threads), source="the framework"),
            Evidence(what="OMP_NUM_THREADS", value=view.settings.omp or "not set", source="the environment"),
            Evidence(what="CPUs for it", value=f"{usable:.0f}", source="affinity, quota, data workers"),
            Evidence(
                what="work on values",
                value=f"{low:.0%} to {high:.0%} of the time",
                source="operations, timed",
            ),
        ),
        where=where,
        fix=(_fix(view, where, int(usable)),),
        gains=tuple(of_threads(view)),
    )


def saved_by_threads(view: View) -> tuple[float, float] | None:
    """Share of the time that a thread on each CPU saves; None where there are no CPUs or no work for more."""
    threads, usable, found = view.settings.threads, _usable(view), work(view)
    if view.gpu or not threads or usable is None or not found.step or found.fixed is None:
        return None
    if threads > usable / 2 or _used(view) > _BUSY * threads:
        return None
    low, high = (one / found.step for one in found.vector)
    if low < _WORTH:
        return None
    ideal = 1 - threads / usable
    return low * ideal * _DIVIDED[0], high * ideal * _DIVIDED[1]


def of_threads(view: View) -> Iterable[Gain]:
    """The gain of a thread on each CPU."""
    saved, usable = saved_by_threads(view), int(_usable(view) or 0)
    if saved is not None:
        yield Gain(
            fix=f"{usable} threads",
            predicted=of_share(*saved),
            change=Change(name="threads", value=str(usable)),
            key="too-few-threads",
        )


def _threads(number: int) -> str:
    return "one thread computes" if number == 1 else f"{number} threads compute"


def _usable(view: View) -> float | None:
    """CPUs for this process, those of its data workers and of other ranks left out."""
    if view.cpus is None:
        return None
    ranks = max(1, sum(bool(one.steps.ended) for one in view.traces))
    workers = max((one.workers or 0 for one in view.training_loaders), default=0)
    return view.cpus / ranks - workers


def _used(view: View) -> float:
    """CPUs that the process used; 0 where it is not known."""
    return (view.counted("user") or 0.0) + (view.counted("system") or 0.0)


def _where(view: View) -> Where:
    for file, text in view.files.items():
        for number, row in enumerate(text.splitlines(), 1):
            if not row.lstrip().startswith("#") and _LINE.search(row):
                return Where(file=file, line=number, phase="setup")
    return Where(phase="setup")


def _fix(view: View, where: Where, more: int) -> FixStep:
    if where.file and where.line:
        return FixStep(say=f"{more} threads in place of `{view.text(where.file, where.line)}`")
    return FixStep(say=f"{more} threads for the model's operations", run=f"export OMP_NUM_THREADS={more}")
