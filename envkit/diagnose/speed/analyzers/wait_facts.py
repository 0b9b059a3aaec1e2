"""How batches come about: what one takes to make, and how much of that the training waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from envkit.diagnose.speed.analyzers.wait_kinds import Kinds, kinds
from envkit.diagnose.speed.trace import Loader, Worker
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import Making
from envkit.target.during import change

LEAST = 0.10
"""Share of the time from which waiting is a cause: xprof and TraceML say moderate from 5 or 10 %."""
WAITS = ("open", "load", "read", "decode", "network", "sleep")
"""Kinds of looks in which a thread may wait for something that is no CPU."""
_PLAIN = 50e-6
"""Seconds for a sample that taking it out of an array and putting it beside others costs anyway."""
_LITTLE, _SHORT = 2e-3, 5e-3
"""Seconds of a step's waiting below which nothing is said; below which nothing is said of plain samples."""
_MOST_OF_IT = 0.6
_SATURATED = 0.9
"""Part of the CPUs in use from which who waits may wait for one."""

_TURN = 1e-3
"""Seconds for which another thread keeps a CPU. Two data workers beside two threads on two CPUs: a step of 5
ms with 16 operations took some 30."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """The loader that the training waits for most, as it works in this run. Seconds are those of one step."""

    loader: Loader
    wait: float
    """Share of the steady time that the training waits for it."""
    usual: float
    """The same without the first batches of epochs."""
    first: float
    """The same of these alone."""
    durations: tuple[float, ...]
    compute: float
    """Seconds of a step besides waiting, mean."""
    making: Making
    kinds: Kinds
    fetched: float = 0.0
    """Seconds in which one process made them, waiting for a CPU among it."""
    per_epoch: float | None = None
    """Steps in an epoch."""
    epochs: float = 0.0
    """That began within the steady steps."""
    blocked: float = 0.0
    """Part of the making in which no CPU was used, while one was free."""
    served: float = 1.0
    """Part of the time in which the thread that trains could run in which it had a CPU."""
    reports: tuple[Worker, ...] = field(default=())

    @property
    def step(self) -> float:
        """Seconds, mean."""
        return sum(self.durations) / len(self.durations)

    threads: int = 1
    """Of the framework, within an operation."""
    stalls: float = 0.0
    """Seconds that a step may lose when they have no CPUs."""

    @property
    def workers(self) -> int:
        """Processes that make batches; 0 = the one that trains does."""
        return self.loader.workers or 0

    @property
    def plain(self) -> bool:
        """Whether batches cost what any batch from memory costs: too little to be a cause."""
        waited = self.usual * self.step * self.served
        size = self.loader.batch_size or 1
        cheap = self.making.seconds * self.served < _PLAIN * size
        if waited < _LITTLE:
            return True
        return cheap and (waited < _SHORT or self.usual < _MOST_OF_IT)


def feed(view: View) -> Feed | None:
    """Of torch's loaders; None where there is none, or nothing was waited for."""
    loaders = [one for one in view.training_loaders if one.kind == "torch" and one.batches]
    waits = view.column("wait")
    if not loaders or not waits or not view.seconds:
        return None
    loader = loaders[0]
    waited = sum(one.waited for one in view.speed.loaders) or 1.0
    wait = view.shares.get("wait", 0.0) * min(1.0, loader.waited / waited)
    if wait <= 0:
        return None
    first, epochs, per_epoch = _firsts(view, loader)
    first = min(first, wait)
    durations, steps = view.durations, len(view.durations)
    compute = view.seconds * (1 - view.shares.get("wait", 0.0)) / steps
    reports = tuple(one for one in view.speed.workers if one.loader == loader.number and one.batches)
    mine = (
        view.speed.worker_samples if loader.workers else [one for one in view.samples if one.phase == "wait"]
    )
    found = kinds(view, mine, loader.collate)
    making, blocked = _making(view, loader, reports, found, (wait - first) * view.seconds / steps)
    return Feed(
        loader=loader, wait=wait, usual=wait - first, first=first, durations=durations, compute=compute,
        making=making, kinds=found, fetched=_fetched(view, loader, reports) or making.seconds,
        per_epoch=per_epoch, epochs=epochs, blocked=blocked, reports=reports,
        served=served(view), threads=view.settings.threads or 1, stalls=_stalls(view),
    )  # fmt: skip


def _stalls(view: View) -> float:
    """Seconds that a step may lose at barriers when threads of it have no CPU: one turn of the scheduler for
    each operation, forward and backward. 0 where no threads meet."""
    if view.gpu or (view.settings.threads or 1) < 2:
        return 0.0
    return 2 * (view.settings.operations or 0) * _TURN


def _firsts(view: View, loader: Loader) -> tuple[float, float, float | None]:
    """Share of the steady time in the first waits of epochs; such epochs; steps in one."""
    all_steps = len(view.trace.steps.ended)
    if loader.epochs < 1 or not loader.batches:
        return 0.0, 0.0, None
    per_epoch = loader.batches / loader.epochs * all_steps / max(loader.batches, all_steps)
    if loader.length and loader.batch_size and loader.epochs < 2:
        per_epoch = max(per_epoch, loader.length / loader.batch_size)
    epochs = max(0.0, loader.epochs - 1.0)  # the first one begins before the steady steps
    # Without workers, and where they stay, the first batch is made as every other one.
    if not loader.workers or loader.persistent:
        return 0.0, epochs, per_epoch
    mean = loader.first_waits / loader.epochs
    later = min(mean * epochs, loader.first_waits)
    return later / view.seconds, epochs, per_epoch


def _making(
    view: View, loader: Loader, reports: tuple[Worker, ...], found: Kinds, waited: float
) -> tuple[Making, float]:
    """What one process takes for the batches of a step, and the part of that in which it waits."""
    batches = sum(one.batches for one in reports)
    saturated = busy(view) >= _SATURATED
    if loader.workers and batches:
        seconds = _fetched(view, loader, reports)
        cpu = _each(view, loader) * sum(one.cpu + one.sent for one in reports) / batches
        idle = max(0.0, 1 - cpu / seconds) if seconds else 0.0
        blocked = idle if not saturated else min(idle, found.of(*WAITS))
        # What waits for a CPU takes no longer where there is one.
        seconds = seconds if not saturated else min(seconds, cpu + blocked * seconds)
    else:
        seconds = waited if not loader.workers else waited * max(1, loader.workers)
        blocked = _idle(view, found)
        cpu = seconds * (1 - blocked) * served(view)
    own = _own(view, loader, cpu)
    cpus = view.cpus or float(max(1, view.settings.threads or 1))
    made = Making(
        seconds=seconds,
        cpu=min(cpu, seconds * cpus),
        own=own,
        cpus=cpus / _processes(view),
        free=free(view, cpus),
    )
    return made, blocked


def _idle(view: View, found: Kinds) -> float:
    """Part of the waiting in which the thread that trains, which makes batches itself, had nothing to run."""
    ran, queued = view.counted("ran"), view.counted("queued")
    wait = view.shares.get("wait", 0.0)
    if ran is None or not wait:
        return 0.0
    idle = max(0.0, 1 - ran - (queued or 0.0))
    # Elsewhere a thread waits for the others of an operation.
    known = found.of(*WAITS)
    elsewhere = (0.25 if known < 0.3 else 0.1) * (1 - wait)
    return min(1.0, max(0.0, idle - elsewhere) / wait)


def _each(view: View, loader: Loader) -> float:
    """Batches of a step."""
    return max(1.0, loader.batches / len(view.trace.steps.ended))


def _fetched(view: View, loader: Loader, reports: tuple[Worker, ...]) -> float:
    batches = sum(one.batches for one in reports)
    return _each(view, loader) * sum(one.fetched for one in reports) / batches if batches else 0.0


def served(view: View) -> float:
    """Part of the time in which the thread that trains could run in which it had a CPU."""
    ran, queued = view.counted("ran"), view.counted("queued")
    return 1.0 if not ran else ran / (ran + (queued or 0.0))


def _own(view: View, loader: Loader, cpu: float) -> float:
    """CPU seconds of a step without those of making batches, in the process that trains."""
    user, system = view.counted("user"), view.counted("system")
    step = view.seconds / len(view.durations)
    compute = step * (1 - view.shares.get("wait", 0.0))
    if user is None:
        return compute
    whole = (user + (system or 0.0)) * step - (0.0 if loader.workers else cpu)
    # Threads of an operation look for more work for some time after it: nobody misses that.
    return min(max(0.0, whole), compute * max(1, view.settings.threads or 1))


def _processes(view: View) -> int:
    """That train on this machine, as far as is known."""
    return max(1, sum(1 for one in view.traces if one.steps.ended and one.rank is not None))


def busy(view: View) -> float:
    """Part of the usable CPUs that was in use during the steady steps, by anyone; 0 where it is not known."""
    used = _rate(view, "busy")
    return 0.0 if used is None or view.conditions is None else used / (view.conditions.counted or 1)


def free(view: View, cpus: float) -> float:
    """CPUs that others left."""
    used, own = _rate(view, "busy"), _rate(view, "own")
    if used is None or own is None:
        return cpus
    return max(min(cpus, own), cpus - max(0.0, used - own), 0.5)


def _rate(view: View, name: str) -> float | None:
    ended = view.trace.steps.ended
    if view.conditions is None or len(ended) < 2:
        return None
    found = change(
        view.conditions, lambda moment: getattr(moment, name), ended[max(0, view.first - 1)], ended[-1]
    )
    return None if found is None else found.rate
