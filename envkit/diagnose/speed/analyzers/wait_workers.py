"""More data workers than the CPUs have time for, and workers that start again with each epoch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, wait_model
from envkit.diagnose.speed.analyzers.wait_facts import WAITS, Feed, busy, feed, free
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Loader
from envkit.diagnose.speed.view import Line, View
from envkit.diagnose.speed.words import duration
from envkit.stats import median

_QUEUED = 0.10
"""Share of the time in which the thread that trains must have waited for a CPU."""
_WITHOUT = 0.3
"""Part of their own time in which workers must have waited for one."""
_FULL = 0.85
_TOLD = 0.05
_IN_USE = 0.7
"""Part of the CPUs below which nobody waits for one for long."""
_SAVES = 0.08
_RESTARTS = 0.04
_EPOCHS = 2
"""Starts within the steady steps, from which more will follow."""


def many(view: View) -> Iterable[Slow]:
    """S2, S5: workers well above the CPUs, and it shows."""
    found = feed(view)
    if found is None or found.workers < 2:
        return
    cpus = max(1.0, found.making.cpus)
    fewer = max(1, round(cpus) - 1) if cpus >= 3 else 1
    if found.workers < max(2 * cpus, cpus + 2):
        return
    queued = max(0.0, (view.counted("queued") or 0.0) - _others(view, cpus))
    starved = _starved(found) if busy(view) >= _FULL else 0.0
    if (queued < _QUEUED and starved < _WITHOUT) or busy(view) < _IN_USE:
        return
    least, most = _with(found, fewer, queued)
    # Workers that share a CPU also take more of it for the same batch: switches, caches, threads that spin.
    # What that adds up to cannot be told from here; at the most, waiting goes with the workers too many.
    spare = min(0.8, (found.wait + queued) * (1 - cpus / found.workers))
    least = min(least, found.step * (1 - spare))
    share = max(0.0, 1 - (least + most) / 2 / found.step)
    if share < _SAVES:
        return
    place = wait_model.made_at(view, found, "num_workers")
    yield Slow(
        key="too-many-workers",
        share=share,
        summary=f"{found.workers} data workers share {cpus:.3g} CPUs: {' and '.join(_waits(found, queued))}",
        evidence=(
            Evidence(what="num_workers", value=f"{found.workers} on {cpus:.3g} CPUs",
                     source="the DataLoader"),
            Evidence(what="training waits for a CPU", value=f"{queued:.0%} of the time",
                     source="/proc, schedstat"),
            Evidence(what="workers wait for a CPU", value=f"{_starved(found):.0%} of making batches",
                     source="data workers, CPU time"),
            *_starts(found),
        ),
        where=_where(place),
        confidence=0.85,
        gains=(
            Gain(
                fix=f"num_workers={fewer}", key="too-many-workers",
                predicted=whatif.between(found.durations, least, most, slack=0.1),
                change=Change(name="workers", value=str(fewer)),
            ),
        ),
        fix=(FixStep(say=f"num_workers={fewer}{' at ' + own.named(place) if place else ''}"),),
        folds=("dataloader-bound", "thread-oversubscription", "worker-restart"),
    )  # fmt: skip


def _waits(found: Feed, queued: float) -> Iterable[str]:
    if queued >= _TOLD:
        yield f"the thread that trains waits for one {queued:.0%} of its time"
    if _starved(found) >= _TOLD:
        yield f"a worker waits for one {_starved(found):.0%} of its time"


def _others(view: View, cpus: float) -> float:
    """Part of the CPUs that other programs used: no fault of the workers."""
    return max(0.0, 1 - free(view, cpus) / cpus)


def _starved(found: Feed) -> float:
    """Part of the workers' time in which they had work and no CPU."""
    fetched = sum(one.fetched for one in found.reports)
    cpu = sum(one.cpu for one in found.reports)
    if not fetched:
        return 0.0
    return max(0.0, 1 - cpu / fetched - found.kinds.of(*WAITS))


def _with(found: Feed, fewer: int, queued: float) -> tuple[float, float]:
    """Seconds of a step with fewer workers: none waits for a CPU, and fewer start."""
    compute = max(0.2 * found.compute, found.compute - queued * found.step)
    made = replace(found.making, seconds=max(found.making.cpu, found.making.seconds * found.blocked))
    least, _ = whatif.fed(compute, made, fewer)
    _, most = whatif.fed(found.compute, made, fewer)
    starts = found.first * found.step * (0.0 if found.loader.persistent else fewer / found.workers)
    return min(found.step, least + starts / 2), min(found.step, most + starts)


def _starts(found: Feed) -> tuple[Evidence, ...]:
    if found.first < 0.02:
        return ()
    each = found.loader.first_waits / max(1, found.loader.epochs)
    what = f"{duration(each)}, {found.first:.0%} of the time"
    return (Evidence(what="first batch of an epoch", value=what, source="the loader, timed"),)


def restart(view: View) -> Iterable[Slow]:
    """S24: each epoch begins with the start of its workers."""
    restarted = [
        one for one in view.speed.loaders
        if one.kind == "torch" and one.workers and not one.persistent and one.epochs > _EPOCHS and one.batches
    ]  # fmt: skip
    found = feed(view)
    if not restarted or found is None or not view.seconds:
        return
    costs = {one.number: (one.epochs - 1) * _cost(view, one) for one in restarted}
    share = min(view.shares.get("wait", 0.0), sum(costs.values()) / view.seconds)
    if share < _RESTARTS:
        return
    worst = max(restarted, key=lambda one: costs[one.number])
    frame = worst.stack[0] if worst.stack else None
    each = worst.first_waits / worst.epochs
    # While workers start, the training waits for a CPU as well.
    ends = 0.95 * share, max(share, view.shares.get("wait", 0.0)) + 0.5 * (view.counted("queued") or 0.0)
    change = Gain(
        fix="persistent_workers=True", key="worker-restart", predicted=whatif.of_share(*ends),
        change=Change(name="persistent", value="1"),
    )  # fmt: skip
    line = None if frame is None else Line(frame.file, frame.line, "", 0.0, view.text(frame.file, frame.line))
    begins = f", which begin anew (`{worst.context}`)" if worst.context in ("spawn", "forkserver") else ""
    yield Slow(
        key="worker-restart",
        share=share,
        summary=f"each epoch waits {duration(each)} for its first batch while {worst.workers} data workers "
        f"start{begins}: {share:.0%} of the time, as an epoch has {_length(worst)} batches",
        evidence=(
            Evidence(what="first batch of an epoch", value=duration(each), source="the loader, timed"),
            Evidence(what="epochs begun", value=str(worst.epochs), source="the loader"),
            Evidence(what="persistent_workers", value="False", source="the DataLoader"),
            *_ages(view, worst),
        ),
        where=_where(line),
        confidence=0.9,
        gains=(change,),
        fix=(FixStep(say=f"persistent_workers=True{' at ' + own.named(line) if line else ''}"),),
    )


def _cost(view: View, loader: Loader) -> float:
    """Seconds of an epoch that go to the start and the end of its workers: what is waited for beyond the
    making of its first batch, and usual waits for the others."""
    reports = [one for one in view.speed.workers if one.loader == loader.number and one.batches]
    batches = sum(one.batches for one in reports)
    made = sum(one.fetched for one in reports) / batches if batches else 0.0
    others = max(0, loader.batches - loader.epochs)
    usual = max(0.0, loader.waited - loader.first_waits) / max(1, others)
    waits = view.column("wait")
    waited = loader.first_waits
    if loader.training and waits and others >= 2 * loader.epochs:
        usual = min(usual, median(waits))
        waited = max(waited, loader.waited - others * usual)
    return max(0.0, waited / loader.epochs - max(made, usual))


def _length(loader: Loader) -> int:
    return max(1, round(loader.batches / loader.epochs))


def _ages(view: View, loader: Loader) -> tuple[Evidence, ...]:
    ages = sorted(
        one.started for one in view.speed.workers if one.loader == loader.number and one.started is not None
    )
    if not ages:
        return ()
    middle = duration(ages[len(ages) // 2])
    return (Evidence(what="a worker's start to its first sample", value=middle, source="data workers"),)


def _where(line: Line | None) -> Where:
    return Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data")
