"""Putting samples together, and handing batches over between processes."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Where
from envkit.diagnose.speed.analyzers import own, wait_model
from envkit.diagnose.speed.analyzers.wait_facts import LEAST, Feed, feed
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Frame
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.words import duration

_PART = 0.4
"""Of making a batch, from which putting it together is what costs."""
_UNPACKS = 0.3
_WAITING = ("select.py", "selectors.py", "connection.py", "popen_fork.py", "threading.py", "synchronize.py")
"""Where a process waits for a batch; below `get` of a queue all else unpacks one."""


def collate(view: View) -> Iterable[Slow]:
    """S25: samples are cheap, and batches of them are not."""
    found = feed(view)
    if found is None or found.usual < LEAST or found.plain:
        return
    part = found.kinds.of("collate")
    if found.reports and found.loader.collate is not None:
        fetched = sum(one.fetched for one in found.reports)
        part = max(part, sum(one.collated for one in found.reports) / fetched if fetched else 0.0)
    share = wait_model.saved(found, part)
    if part >= _PART and share >= LEAST:
        yield _collated(view, found, part, share)
        return
    unpacks = _unpacks(view)
    if found.workers and unpacks >= max(LEAST, _UNPACKS * found.usual):
        yield _unpacked(view, found, unpacks)


def _collated(view: View, found: Feed, part: float, share: float) -> Slow:
    line = found.kinds.line("collate") or wait_model.made_at(view, found, "collate_fn")
    name = found.loader.collate
    who = f"the collate function `{name}`" if name else "torch's default_collate, value by value,"
    fix = f"a cheaper {'`' + name + '`' if name else 'batch: few and large tensors'}"
    more = wait_model.more_workers(found)
    cheaper = wait_model.cheaper(found, fix, part, "slow-collate")
    return Slow(
        key="slow-collate",
        share=share,
        summary=f"{who} takes {part:.0%} of making a batch, {duration(part * found.making.seconds)} of "
        f"{duration(found.making.seconds)}" + (f", most at {own.named(line)}" if line else ""),
        evidence=(
            Evidence(what="putting samples together", value=f"{part:.0%} of making batches",
                     source="data workers, timed" if found.reports else f"{found.kinds.looks} looks"),
            Evidence(what="waiting for batches", value=f"{found.usual:.0%} of the time",
                     source="the loader, timed"),
        ),
        where=Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data"),
        confidence=0.85,
        gains=(cheaper,) if more is None else (cheaper, more),
        fix=(FixStep(say=f"Fill one tensor with whole samples, without loops over values: {own.named(line)}"
                     if name else "Give tensors or arrays, not lists of Python numbers"),),
        folds=("too-few-workers",),
    )  # fmt: skip


def _unpacks(view: View) -> float:
    """Share of the time in which the thread that trains unpacks what a worker sent."""

    def wanted(stack: tuple[Frame, ...]) -> bool:
        if not stack or not any(
            one.function == "get" and one.file.endswith("multiprocessing/queues.py") for one in stack
        ):
            return False
        return not stack[0].file.endswith(_WAITING)

    return view.share(lambda one, stack: one.phase == "wait" and wanted(stack))


def _unpacked(view: View, found: Feed, unpacks: float) -> Slow:
    line = wait_model.made_at(view, found)
    return Slow(
        key="slow-collate",
        share=unpacks,
        summary=f"the training process unpacks what data workers send {unpacks:.0%} of its time: batches of "
        "many Python objects",
        evidence=(
            Evidence(
                what="unpacking batches",
                value=f"{unpacks:.0%} of the time",
                source="looks at the main thread",
            ),
        ),
        where=Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data"),
        confidence=0.7,
        fix=(FixStep(say="Return few large tensors or arrays from collate_fn, not lists of Python objects"),),
    )
