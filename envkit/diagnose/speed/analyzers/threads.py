"""S5: more threads than CPUs, or a quota that holds them back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import source
from envkit.diagnose.speed.analyzers.wait_facts import busy
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.target.during import change

THROTTLED = 0.05
"""Share of the time that the quota held the process back, from which it is told."""
_RATIO = 1.25
"""Threads for each usable CPU, from which there are too many."""
_WAITED = 0.12
"""Share of the time in which the thread that trains could not run, though it had work."""
_IN_USE = 0.7
_MADE = (0.3, 0.8, 0.55)
"""Part of the waiting for data that goes where the workers' threads get in each other's way: lowest, highest,
usual. Eight threads in each of two workers on two CPUs: measured 0.37 to 0.75."""
_BY_DEFAULT = FixStep(say="One thread in each data worker, as torch does by itself: take out what sets more")
_SET = {
    "torch": "torch.set_num_threads",
    "tensorflow": "tf.config.threading.set_intra_op_parallelism_threads",
}
_SCHED = "/proc/self/task/*/schedstat"


def quota(view: View) -> Iterable[Slow]:
    """The control group's quota stops the process."""
    conditions = view.conditions
    if conditions is None or not conditions.quota:
        return
    ended = view.trace.steps.ended
    began = ended[view.first - 1 if view.first else 0]
    held = change(conditions, lambda moment: moment.throttled, began, ended[-1])
    used = change(conditions, lambda moment: moment.used, began, ended[-1])
    if held is None or held.rate <= 0:
        return
    queued = view.counted("queued")
    threads = max(1.0, float(conditions.counted or 1))
    share = min(queued, held.rate) if queued is not None else min(1.0, held.rate / threads)
    share = min(0.9, share)
    if share < THROTTLED:
        return
    best = max(1, int(conditions.quota))
    has = view.settings.threads
    fewer = has is not None and has > best
    full = "" if used is None else f"; {used.rate:.2g} CPUs of {conditions.quota:g} were used"
    yield Slow(
        key="cpu-quota-throttled",
        share=share,
        summary=f"the quota of {conditions.quota:g} CPUs held the process back {share:.0%} of the time"
        + (f", with {has} threads" if fewer else ""),
        evidence=(
            Evidence(
                what="held back",
                value=f"{held.rate:.2g} CPU seconds a second{full}",
                source="cpu.stat of the cgroup",
            ),
            *(
                (Evidence(what="threads of the framework", value=str(has), source="read while it trained"),)
                if has
                else ()
            ),
        ),
        confidence=0.85,
        gains=(
            Gain(
                fix=f"{best} threads",
                predicted=whatif.of_share(0.0, 1.2 * share),
                change=Change(name="threads", value=str(best)),
            ),
        )
        if fewer
        else (),
        fix=(
            FixStep(say="Use no more threads than the quota has CPUs", run=f"export OMP_NUM_THREADS={best}"),
        )
        if fewer
        else (),
        folds=("compute-bound",),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Crowd:
    """Threads that want to run, and the CPUs for them. Shares are of the time of training."""

    cpus: float
    threads: int
    """Of the framework, in each process."""
    alike: int
    """Processes that train on this machine."""
    theirs: int
    """Threads of all data workers."""
    many: bool
    """Whether a data worker has several."""
    queued: float
    """In which the thread that trains could run and had no CPU."""
    asleep: float
    """In which it waited for its fellows at a barrier, where there are more of them than CPUs."""
    hampered: float
    """In which batches were waited for whose makers get in each other's way."""

    @property
    def lost(self) -> float:
        return self.queued + self.asleep

    @property
    def share(self) -> float:
        return max(min(0.9, self.lost), _MADE[2] * self.hampered)

    @property
    def too_many(self) -> bool:
        most = _RATIO * self.cpus
        pools = self.threads > most or (self.alike > 1 and self.threads * self.alike > most) or self.many
        return pools and self.threads * self.alike + self.theirs > most

    @property
    def best(self) -> int:
        """Threads for each process."""
        return max(1, int(self.cpus // self.alike))

    @property
    def what(self) -> str:
        text = "one thread" if self.threads == 1 else f"{self.threads} threads"
        text += f" in each of {self.alike} processes" if self.alike > 1 else ""
        return text + (f", {self.theirs} in data workers" if self.theirs else "")


def _crowd(view: View) -> _Crowd | None:
    """None where it is not known."""
    cpus, threads = view.cpus, view.settings.threads
    queued, ran = view.counted("queued"), view.counted("ran")
    if not cpus or not threads or queued is None or ran is None:
        return None
    wait = view.shares.get("wait", 0.0)
    theirs = sum((one.threads or 1) for one in view.speed.workers)
    many = any((one.threads or 1) > 1 for one in view.speed.workers)
    # At a barrier the thread sleeps until the last of its fellows had a CPU: it neither runs nor queues.
    asleep = max(0.0, 1 - ran - queued - wait) if threads > cpus else 0.0
    hampered = wait if many and theirs > _RATIO * cpus and _working(view) else 0.0
    return _Crowd(
        cpus=cpus, threads=threads, alike=_alike(view), theirs=theirs, many=many, queued=queued,
        asleep=asleep, hampered=hampered,
    )  # fmt: skip


def oversubscription(view: View) -> Iterable[Slow]:
    """More threads want to run than there are CPUs for them."""
    found = _crowd(view)
    if found is None or not found.too_many or found.share < _WAITED or found.queued < _WAITED / 2:
        return
    if _others(view):
        return
    yield Slow(
        key="thread-oversubscription",
        share=found.share,
        summary=_summary(found),
        evidence=tuple(_crowding(view, found)),
        where=_set_by(view),
        confidence=0.8,
        gains=tuple(_fewer(found)),
        fix=(
            _BY_DEFAULT
            if found.hampered and found.threads <= found.best
            else FixStep(
                say=f"{_SET.get(view.trace.framework or '', _SET['torch'])}({found.best}), or",
                run=f"export OMP_NUM_THREADS={found.best} MKL_NUM_THREADS={found.best}",
            ),
        ),
        folds=(*(("too-many-workers",) if found.many else ()),
               *(("dataloader-bound",) if found.hampered else ())),
    )  # fmt: skip


def _summary(found: _Crowd) -> str:
    text = f"{found.what}, for {found.cpus:g} usable CPUs: "
    if found.hampered and found.lost < found.share:
        waits = f"batches are waited for {found.hampered:.0%} of the time"
        return text + f"those of the workers get in each other's way, and {waits}"
    return text + f"the training waits for a CPU or for threads without one {found.share:.0%} of the time"


def _crowding(view: View, found: _Crowd) -> Iterable[Evidence]:
    yield Evidence(
        what="threads", value=f"{found.what}; {found.cpus:g} usable CPUs", source="read while it trained"
    )
    value = f"{found.queued:.0%} of the time, asleep {found.asleep:.0%}"
    yield Evidence(what="waiting for a CPU", value=value, source=_SCHED)
    switched = view.counted("switched")
    if switched:
        value = f"{switched:.0f} a second"
        yield Evidence(what="involuntary switches", value=value, source="/proc/self/task/*/status")


def _fewer(found: _Crowd) -> Iterable[Gain]:
    if found.threads > found.best:
        yield Gain(
            fix=f"{found.best} threads for each process",
            predicted=whatif.of_share(0.3 * found.share, 1.08 * found.share),
            change=Change(name="threads", value=str(found.best)),
        )
    if found.many:
        least = max(0.1 * found.lost, _MADE[0] * found.hampered)
        yield Gain(
            fix="one thread in each data worker",
            predicted=whatif.of_share(least, max(found.lost, _MADE[1] * found.hampered)),
            change=Change(name="worker-threads", value="1"),
        )


def _working(view: View) -> bool:
    """Whether data workers compute most of their time, and all CPUs are in use."""
    fetched = sum(one.fetched for one in view.speed.workers)
    return busy(view) >= _IN_USE and sum(one.cpu for one in view.speed.workers) >= _IN_USE * fetched


def _set_by(view: View) -> Where:
    """The person's line that sets the number of threads."""
    for file, text in view.files.items():
        number = source.find(text, "set_num_threads", "set_intra_op_parallelism_threads", "setNumThreads")
        if number is not None:
            return Where(file=file, line=number, phase="setup")
    return Where()


def _alike(view: View) -> int:
    """Training processes on this machine, as far as they were seen."""
    return max(1, sum(1 for one in view.traces if one.steps.ended and (one.world or 1) > 1))


def _others(view: View) -> bool:
    """Whether foreign processes had the CPUs, so that waiting for one says nothing of this script."""
    conditions = view.conditions
    if conditions is None or not conditions.counted:
        return False
    ended = view.trace.steps.ended
    began = ended[view.first - 1 if view.first else 0]
    busy = change(conditions, lambda moment: moment.busy, began, ended[-1])
    mine = change(conditions, lambda moment: moment.own, began, ended[-1])
    return busy is not None and mine is not None and busy.rate - mine.rate > 0.25 * conditions.counted
