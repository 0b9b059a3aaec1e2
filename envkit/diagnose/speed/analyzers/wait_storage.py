"""Batches that wait for storage or the network, and those of many small files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, wait_model
from envkit.diagnose.speed.analyzers.wait_facts import LEAST, Feed, feed
from envkit.diagnose.speed.analyzers.wait_kinds import Kinds, kinds
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import Line, View

_FROM = ("open", "load", "read", "decode", "network")
_FILES = ("open", "load", "read")
_BLOCKED = 0.25
"""Part of the making without a CPU, from which it waits for something."""
_READING = 0.4
"""Part of the looks that must have found it reading."""
_OPENING = 0.2
"""Part of these that must have found it opening files: one that stays open is no small file."""
_DEVICE = 2e6
"""Bytes a second from a device, from which the page cache does not have the data."""
_CACHE = 1.5e9
"""Bytes a second that no device gives which one calls slow: what is read faster was in memory."""
_SMALL = 65536.0
"""Bytes of a read call at most, where files are small."""
_PER_SAMPLE = 1.0
"""Read calls for each sample, at least: every file takes one or two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a run gets its data, whether by a loader or by hand."""

    share: float
    """Of the time: making batches."""
    kinds: Kinds
    blocked: float
    """Part of the making in which nothing ran."""
    step: float
    feed: Feed | None = None

    def saved(self, part: float) -> float:
        """Share of the time that goes with this part of the making."""
        return self.share * part if self.feed is None else wait_model.saved(self.feed, part)


def reading(view: View) -> Reading | None:
    """Of the loader, where there is one that is waited for; else of the script's own lines."""
    found = feed(view)
    if found is not None and found.usual >= LEAST:
        made = found.making.seconds * (1 if found.workers == 0 else 1 / found.workers)
        if found.workers and made < 0.5 * found.step:
            return None
        return Reading(
            share=found.usual, kinds=found.kinds, blocked=found.blocked, step=found.step, feed=found
        )
    if not view.seconds or not view.durations:
        return None
    looks = own.looks(view)
    mine = [one for one in looks if one.kind in ("python", "tensor") and view.part(one.sample) == "own"]
    wanted = {id(one.sample) for one in mine}
    kept = kinds(view, [one.sample for one in mine], loop=own.training(view))
    share, number = own.told(view, looks, lambda one: id(one.sample) in wanted)
    if share < LEAST or number < 5:
        return None
    ran, queued = view.counted("ran"), view.counted("queued")
    idle = 0.0 if ran is None else max(0.0, 1 - ran - (queued or 0.0) - 0.1 * (1 - share))
    return Reading(
        share=share, kinds=kept, blocked=min(1.0, idle / share), step=view.seconds / len(view.durations)
    )


def storage(view: View) -> Iterable[Slow]:
    """S3: the making of batches waits for a disk or for the network."""
    found = reading(view)
    if found is None:
        return
    looks = found.kinds.of(*_FROM)
    speed = _rising(view, "read_bytes")
    device = speed is not None and speed >= _DEVICE
    if device and found.blocked >= _READING:
        looks = max(looks, found.blocked)  # files that are mapped into memory are read by any line
    if looks < _READING:
        return
    part = min(found.blocked, looks)
    if device and speed is not None and speed / max(0.01, found.share * looks) < _CACHE:
        part = max(part, 0.8 * looks)
    share = found.saved(part)
    if part < _BLOCKED or share < LEAST:
        return
    network = found.kinds.of("network") >= looks / 2
    line = found.kinds.line(*_FROM) or found.kinds.line("")
    what = "the network" if network else "storage"
    rate = f", {speed / 1e6:.0f} MB/s from a device" if device and speed is not None else ""
    fixes = [
        FixStep(
            say="Copy the data to a local disk once, before training" if network
            else "Keep the data in memory, or on a faster disk; read each file once and in large pieces"
        )
    ]  # fmt: skip
    gains = _gains(found, f"data at hand without waiting, {own.named(line)}", part, "slow-storage")
    yield Slow(
        key="slow-storage",
        share=share,
        summary=f"batches wait for {what}: {looks:.0%} of making one is reading, {part:.0%} waiting for it"
        + rate
        + (f", at {own.named(line)}" if line else ""),
        evidence=(
            Evidence(what="getting batches", value=f"{found.share:.0%} of the time", source="steps, timed"),
            Evidence(what="of that, reading", value=f"{looks:.0%}", source=f"{found.kinds.looks} looks"),
            Evidence(what="of that, without a CPU", value=f"{found.blocked:.0%}", source="/proc, CPU time"),
            *([Evidence(what="read from devices", value=f"{speed / 1e6:.1f} MB/s", source="/proc/PID/io")]
              if speed is not None and device else []),
        ),
        where=_where(line),
        confidence=0.85 if device or network or found.blocked >= 0.5 else 0.75,
        gains=gains,
        fix=tuple(fixes),
        folds=("too-few-workers", "python-overhead"),
    )  # fmt: skip


def small(view: View) -> Iterable[Slow]:
    """S4: each sample is put together from many small reads."""
    found = reading(view)
    if found is None:
        return
    looks = found.kinds.of(*_FILES)
    calls = _calls_a_step(view)
    if looks < _READING or calls is None or found.kinds.of("open", "load") < _OPENING * looks:
        return
    batch = view.settings.batch or (found.feed.loader.batch_size if found.feed is not None else None) or 1
    size = _bytes_a_call(view)
    if calls < max(8.0, _PER_SAMPLE * batch) or (size is not None and size > _SMALL):
        return
    share = found.saved(looks)
    if share < LEAST:
        return
    line = found.kinds.line(*_FILES)
    each = f" of {size / 1024:.1f} KiB" if size is not None else ""
    yield Slow(
        key="small-file-reads",
        share=share,
        summary=f"{calls:.0f} reads{each} for each batch: {looks:.0%} of making one is opening and reading "
        "small files"
        + (f", at {own.named(line)}" if line else ""),
        evidence=(
            Evidence(what="read calls", value=f"{calls:.0f} a step, {calls / batch:.1f} a sample",
                     source="/proc/PID/io"),
            *([Evidence(what="bytes of a read call", value=f"{size:.0f}", source="/proc/PID/io")]
              if size else []),
            Evidence(what="opening and reading", value=f"{looks:.0%} of making batches",
                     source=f"{found.kinds.looks} looks"),
        ),
        where=_where(line),
        confidence=0.85,
        gains=_gains(found, f"samples packed into few files, {own.named(line)}", looks, "small-file-reads"),
        fix=(FixStep(say=f"Read the small files once, and keep one array or file: {own.named(line)}"),),
        folds=("too-few-workers", "python-overhead"),
    )  # fmt: skip


def _gains(found: Reading, fix: str, part: float, key: str) -> tuple[Gain, ...]:
    if found.feed is None:
        shares = 0.7 * found.share * part, found.share * part
        return (Gain(fix=fix, key=key, predicted=whatif.of_share(*shares)),)
    more = wait_model.more_workers(found.feed)
    made = wait_model.cheaper(found.feed, fix, part, key)
    return (made,) if more is None else (more, made)


def _calls_a_step(view: View) -> float | None:
    rate = _rising(view, "read_calls")
    return None if rate is None or not view.durations else rate * view.seconds / len(view.durations)


def _bytes_a_call(view: View) -> float | None:
    read, calls = _rising(view, "read_chars"), _rising(view, "read_calls")
    return None if read is None or not calls else read / calls


def _rising(view: View, name: str) -> float | None:
    """How far a counter went in a second, falls left out: workers that end take their part along."""
    known = [(one.at, value) for one in view.moments if (value := getattr(one, name)) is not None]
    if len(known) < 2:
        return None
    rose = seconds = 0.0
    for (before, first), (after, last) in pairwise(known):
        if last >= first:
            rose, seconds = rose + last - first, seconds + after - before
    return rose / seconds if seconds > 0 else None


def _where(line: Line | None) -> Where:
    return Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data")
