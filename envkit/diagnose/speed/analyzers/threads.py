"""S5: more threads than CPUs, or a quota that holds them back. Pure."""

from __future__ import annotations

from collections.abc import Iterable

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


def oversubscription(view: View) -> Iterable[Slow]:
    """More threads want to run than there are CPUs for them."""
    cpus = view.cpus
    threads = view.settings.threads
    if not cpus or not threads:
        return
    alike = _alike(view)
    theirs = sum((one.threads or 1) for one in view.speed.workers)
    wanted = threads * alike + theirs
    queued, ran = view.counted("queued"), view.counted("ran")
    if queued is None or ran is None:
        return
    wait = view.shares.get("wait", 0.0)
    # At a barrier the thread sleeps until the last of its fellows had a CPU: it neither runs nor queues.
    asleep = max(0.0, 1 - ran - queued - wait)
    lost = queued + (asleep if threads > cpus else 0.0)
    share = min(0.9, lost)
    many_workers = any((one.threads or 1) > 1 for one in view.speed.workers)
    hampered = wait if many_workers and theirs > _RATIO * cpus and _working(view) else 0.0
    share = max(share, _MADE[2] * hampered)
    pools = threads > _RATIO * cpus or (alike > 1 and threads * alike > _RATIO * cpus) or many_workers
    if not pools or wanted <= _RATIO * cpus or share < _WAITED or queued < _WAITED / 2 or _others(view):
        return
    best = max(1, int(cpus // alike))
    gains = []
    if threads > best:
        gains.append(
            Gain(
                fix=f"{best} threads for each process",
                predicted=whatif.of_share(0.3 * share, 1.08 * share),
                change=Change(name="threads", value=str(best)),
            )
        )
    if many_workers:
        gains.append(
            Gain(
                fix="one thread in each data worker",
                predicted=whatif.of_share(
                    max(0.1 * lost, _MADE[0] * hampered), max(lost, _MADE[1] * hampered)
                ),
                change=Change(name="worker-threads", value="1"),
            )
        )
    what = f"{threads} threads" + (f" in each of {alike} processes" if alike > 1 else "")
    what += f", {theirs} in data workers" if theirs else ""
    switched = view.counted("switched")
    yield Slow(
        key="thread-oversubscription",
        share=share,
        summary=_summary(view, what, share, hampered),
        evidence=(
            Evidence(what="threads", value=f"{what}; {cpus:g} usable CPUs", source="read while it trained"),
            Evidence(
                what="waiting for a CPU",
                value=f"{queued:.0%} of the time, asleep {asleep:.0%}",
                source=_SCHED,
            ),
            *(
                (
                    Evidence(
                        what="involuntary switches",
                        value=f"{switched:.0f} a second",
                        source="/proc/self/task/*/status",
                    ),
                )
                if switched
                else ()
            ),
        ),
        where=_set_by(view),
        confidence=0.8,
        gains=tuple(gains),
        fix=(
            _BY_DEFAULT
            if hampered and threads <= best
            else FixStep(
                say=f"{_SET.get(view.trace.framework or '', _SET['torch'])}({best}), or",
                run=f"export OMP_NUM_THREADS={best} MKL_NUM_THREADS={best}",
            ),
        ),
        folds=("too-many-workers", *(("dataloader-bound",) if hampered else ())) if many_workers else (),
    )


def _summary(view: View, what: str, share: float, hampered: float) -> str:
    text = f"{what}, for {view.cpus:g} usable CPUs: "
    if share <= _MADE[2] * hampered:
        return (
            text
            + f"the workers' get in each other's way, and batches are waited for {hampered:.0%} of the time"
        )
    return text + f"the training waits for a CPU or for threads without one {share:.0%} of the time"


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
