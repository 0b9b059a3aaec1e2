"""The step waits for its data: batches that take long to make, and too few workers for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Where
from envkit.diagnose.speed.analyzers import (
    own,
    wait_collate,
    wait_gpu,
    wait_hand,
    wait_model,
    wait_pipeline,
    wait_storage,
    wait_workers,
)
from envkit.diagnose.speed.analyzers.wait_facts import LEAST, Feed, busy, feed
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import Line, View
from envkit.diagnose.speed.words import duration

_TUNED = 0.15
"""Waiting from which batches are too dear where workers use all CPUs already: below that, they and the
training only share them as it happens."""
_FULL = 0.85
_BOUND = 0.6
"""Part of a step that the making of batches, with all workers, must fill for it to be what sets the pace."""
_GAINS = 0.08
TIMED = "the loader, timed"


def waiting(view: View) -> Iterable[Slow]:
    """S1: batches take longer to make than the training takes for them."""
    found = feed(view)
    if found is None or found.plain or not _bound(found):
        return
    if found.usual < (_TUNED if _is_full(view, found) else LEAST):
        return
    line = found.kinds.line("") or wait_model.made_at(view, found)
    gain = wait_model.more_workers(found)
    cheaper = wait_model.cheaper(
        found,
        f"make batches cheaper, {own.named(line)}" if line else "make batches cheaper",
        1.0,
        "dataloader-bound",
    )
    dear = _dear(found)
    yield Slow(
        key="dataloader-bound",
        share=found.usual,
        summary=f"the training waits for batches {found.usual:.0%} of its time: {_pace(found)}"
        + (f"; most of that is {own.named(line)}" if line and line.text else ""),
        evidence=(*_evidence(found), *dear),
        where=_where(line),
        confidence=0.8 if dear or not found.workers else 0.7,
        gains=tuple(one for one in (gain, cheaper) if one is not None),
        fix=tuple(_steps(view, found, line)),
    )


def few(view: View) -> Iterable[Slow]:
    """S2: more workers than there are would take the waiting away, and there are CPUs for them."""
    found = feed(view)
    if found is None or found.plain or found.usual < LEAST or not _bound(found):
        return
    if found.workers and _is_full(view, found):
        return
    best = wait_model.best(found)
    gain = wait_model.more_workers(found)
    if best is None or gain is None:
        return
    share = 1 - best.middle / found.step
    if share < _GAINS:
        return
    place = wait_model.made_at(view, found, "num_workers")
    line = found.kinds.line("")
    now = (
        "makes each batch itself (num_workers=0)"
        if not found.workers
        else f"has {found.workers} data workers"
    )
    yield Slow(
        key="too-few-workers",
        share=share,
        summary=f"the process {now} and waits for batches {found.usual:.0%} of its time, on "
        f"{found.making.cpus:.3g} CPUs: {_pace(found)}",
        evidence=(
            *_evidence(found),
            Evidence(what="num_workers", value=str(found.workers), source="the DataLoader"),
            Evidence(
                what="CPUs in use", value=f"{busy(view):.0%} of {found.making.cpus:.3g}", source="/proc/stat"
            ),
        ),
        where=_where(place or line),
        confidence=0.85,
        gains=(gain,),
        fix=(
            FixStep(
                say=f"{gain.fix}{_at(place)}: a step of "
                f"{duration(best.least)} to {duration(best.most)} in place of {duration(found.step)}"
            ),
        ),
    )


def _at(place: Line | None) -> str:
    """Where the arguments of a loader stand; a library may make it from arguments of its own."""
    if place is None:
        return ""
    if place.text and "Loader" not in place.text and "num_workers" not in place.text:
        return f" (dataloader_num_workers of transformers' TrainingArguments), from {own.named(place)}"
    return f" at {own.named(place)}"


def _bound(found: Feed) -> bool:
    """Whether making batches is what sets the pace."""
    if not found.workers:
        return True
    made = found.making
    work = max(found.fetched / found.workers, (made.own + made.cpu) / made.cpus)
    return bool(found.reports) and work >= _BOUND * found.step * (1 - found.first)


def _is_full(view: View, found: Feed) -> bool:
    return bool(found.workers) and found.workers >= max(1, found.making.cpus - 1) and busy(view) >= _FULL


def _pace(found: Feed) -> str:
    """Sentence on both sides."""
    who = "one worker needs" if found.workers else "it needs"
    if found.workers > 1:
        who = f"each of {found.workers} workers needs"
    return (
        f"{who} {duration(found.making.seconds)} for one, the rest of a step takes {duration(found.compute)}"
    )


def _evidence(found: Feed) -> tuple[Evidence, ...]:
    rows = [
        Evidence(what="waiting for batches", value=f"{found.usual:.0%} of the time", source=TIMED),
        Evidence(
            what="making a batch", value=duration(found.making.seconds),
            source="data workers, timed" if found.reports else TIMED,
        ),
        Evidence(what="the rest of a step", value=duration(found.compute), source="steps, timed"),
    ]  # fmt: skip
    if found.blocked >= 0.1:
        rows.append(
            Evidence(
                what="of the making, without a CPU", value=f"{found.blocked:.0%}", source="/proc, CPU time"
            )
        )
    return tuple(rows)


def _dear(found: Feed) -> tuple[Evidence, ...]:
    """The line with most of the making."""
    line = found.kinds.line("")
    if line is None:
        return ()
    source = f"{found.kinds.looks} looks at {'data workers' if found.workers else 'the main thread'}"
    return (Evidence(what=own.named(line), value=f"{line.share:.0%} of making batches", source=source),)


def _steps(view: View, found: Feed, line: Line | None) -> Iterable[FixStep]:
    if found.kinds.of("sleep") >= 0.5:
        yield FixStep(
            say=f"It sleeps at {own.named(line)}: let more workers wait for it, or fetch it ahead of time"
        )
    elif line is not None and line.text:
        yield FixStep(say=f"Make it cheaper, or do it once and keep the result: {own.named(line)}")
    best = wait_model.best(found)
    if best is None and found.workers and found.making.cpus <= found.workers + 1:
        yield FixStep(
            say=f"More workers than {found.workers} cannot help: there are {found.making.cpus:.3g} CPUs"
        )


def _where(line: Line | None) -> Where:
    return Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data")


ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (
    waiting,
    few,
    wait_workers.many,
    wait_workers.restart,
    wait_storage.storage,
    wait_storage.small,
    wait_collate.collate,
    wait_gpu.pageable,
    wait_hand.made_by_hand,
    wait_pipeline.pipeline,
    wait_pipeline.contended,
)
