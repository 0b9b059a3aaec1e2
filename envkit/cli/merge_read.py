"""Reads the snapshots for `envkit doctor --merge`, on all cores where there are many."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from typing import Any, BinaryIO

from envkit.compat import load_compat
from envkit.core.codec import MAX_BYTES
from envkit.core.errors import BadInputError, ChildFailedError
from envkit.doctor.fleet import Digest, Digester, Fleet, Unreadable, assemble
from envkit.doctor.rules import Rule
from envkit.facts.importers.detect import ACCEPTED
from envkit.facts.importers.many import Loader, Source, is_stream, read, sources

ENOUGH = 64
"""Files from which on a second process pays."""
_PATIENCE = 2.0
"""Seconds after which a person is told how far it is."""


@dataclass(kw_only=True, slots=True)
class _Share:
    """What one process has read."""

    digests: list[Digest] = field(default_factory=list)
    examples: list[Any] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def merged(paths: Sequence[str], rules: tuple[Rule, ...]) -> Fleet:
    """The nodes whose snapshots these files hold, `-` for standard input.

    Raises BadInputError when none can be read.
    """
    with ExitStack() as stack:
        found, bad = sources(path for path in paths if path != "-")
        found = [_rereadable(one, stack) for one in found]
        if "-" in paths:
            here = Source(path="-", shown="standard input", name="stdin", stream=False)
            found.append(_spooled(here, sys.stdin.buffer, stack))
        unreadable = [Unreadable(source=one.source, why=one.why) for one in bad]
        shares = _all(found, rules)
    unreadable += [one for share in shares for one in share.unreadable]
    digests = [digest for share in shares for digest in share.digests]
    if not digests:
        raise _nothing(unreadable)
    examples = (example for share in shares for example in share.examples)
    return assemble(digests, examples, unreadable)


def _nothing(unreadable: Sequence[Unreadable]) -> BadInputError:
    reasons = "; ".join(f"{one.source} {one.why}" for one in unreadable[:3])
    more = f"; and {len(unreadable) - 3} more" if len(unreadable) > 3 else ""
    return BadInputError(f"no snapshot could be read: {reasons}{more}", todo=ACCEPTED)


def _rereadable(one: Source, stack: ExitStack) -> Source:
    """The source, or, of a pipe, a file; what cannot be looked at is told when it is read."""
    try:
        if not stat.S_ISFIFO(os.stat(one.path).st_mode):
            return one
        pipe = stack.enter_context(open(one.path, "rb"))  # noqa: SIM115 - closed with the stack
    except OSError:  # also a loop of links, a name that is too long
        return one
    return _spooled(one, pipe, stack)


def _spooled(one: Source, stream: BinaryIO, stack: ExitStack) -> Source:
    """A pipe as a file, so that all processes can read it, each from its start."""
    spool = stack.enter_context(tempfile.NamedTemporaryFile(prefix="envkit-merge-"))  # noqa: SIM115
    size, lines = 0, False
    while chunk := stream.read(1 << 20):
        spool.write(chunk)
        size, lines = size + len(chunk), lines or b"\n" in chunk
        if size > MAX_BYTES and not lines:  # no snapshot, nor a line of a stream, is that long
            break
    spool.flush()
    return replace(one, path=spool.name, stream=one.stream or is_stream(spool.name))


def _all(found: Sequence[Source], rules: tuple[Rule, ...]) -> list[_Share]:
    """Every source read, on as many cores as pay."""
    load_compat()
    many = len(found) >= ENOUGH or any(one.stream for one in found)
    count = len(os.sched_getaffinity(0)) if many and hasattr(os, "sched_getaffinity") else 1
    if count < 2 or "fork" not in multiprocessing.get_all_start_methods():
        done = [0]
        progress = _Progress(done, len(found))
        share = _share(found, rules, 0, 1, done, progress)
        progress.end()
        return [share]
    return _forked(found, rules, min(count, 16))


def _forked(found: Sequence[Source], rules: tuple[Rule, ...], count: int) -> list[_Share]:
    """Each process takes every `count`-th file or line; it holds nothing that another waits for."""
    context = multiprocessing.get_context("fork")
    done: Any = context.RawArray("Q", count)
    progress = _Progress(done, len(found))
    started: list[tuple[Any, Connection]] = []
    try:
        # A Ctrl-C in the middle of a fork would be lost in its hooks; it comes when all have started.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        try:
            for turn in range(count):
                ours, theirs = context.Pipe(duplex=False)
                share = (theirs, found, rules, turn, count, done)
                child = context.Process(target=_child, args=share, daemon=True)
                child.start()
                theirs.close()
                started.append((child, ours))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return list(_answers([pipe for _, pipe in started], progress))
    finally:
        for child, pipe in started:
            child.kill()
            child.join()
            pipe.close()


def _answers(pipes: list[Connection], progress: _Progress) -> Iterator[_Share]:
    while pipes:
        for pipe in wait(pipes, timeout=0.2):
            assert isinstance(pipe, Connection)
            try:
                answer = pipe.recv()
            except EOFError:
                raise ChildFailedError(
                    "a process that reads snapshots ended early",
                    todo="give fewer files at once, or make memory free",
                ) from None
            if isinstance(answer, BaseException):
                raise answer
            pipes.remove(pipe)
            yield answer
        progress.tell()
    progress.end()


def _child(
    pipe: Connection, found: Sequence[Source], rules: tuple[Rule, ...], turn: int, turns: int, done: Any
) -> None:
    """Read a share and send it; the parent answers Ctrl-C and tells what went wrong."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer: _Share | Exception
    try:
        answer = _share(found, rules, turn, turns, done, None)
    except Exception as error:
        answer = RuntimeError(f"{type(error).__name__}: {error}")
    try:
        pipe.send(answer)
    except OSError:  # the parent is gone
        pass


def _share(
    found: Sequence[Source],
    rules: tuple[Rule, ...],
    turn: int,
    turns: int,
    done: Any,
    progress: _Progress | None,
) -> _Share:
    parent = os.getppid()
    digester, loader, share = Digester(compat=load_compat(), rules=rules), Loader(), _Share()
    gc.disable()  # nothing here makes cycles worth looking for, and looking takes a fifth of the time
    try:
        for index, one in enumerate(found):
            if not one.stream and index % turns != turn:
                continue
            for item in read(one, loader, turn=turn, turns=turns):
                if item.snapshot is None:
                    share.unreadable.append(Unreadable(source=item.source, why=item.why))
                else:
                    share.digests.append(digester.digest(item.name, item.source, item.snapshot))
                done[turn] += 1
                if progress is not None:
                    progress.tell()
                elif os.getppid() != parent:
                    os._exit(1)
    finally:
        gc.enable()
    share.examples = list(digester.examples.items())
    return share


class _Progress:
    """One line on a terminal's standard error, once it takes long."""

    def __init__(self, done: Sequence[int], total: int) -> None:
        self.done, self.total = done, total
        self.next = time.monotonic() + _PATIENCE
        self.told = False

    def tell(self) -> None:
        """Say how many were read, at most five times a second."""
        now = time.monotonic()
        if now < self.next or not sys.stderr.isatty():
            return
        self.next, self.told = now + 0.2, True
        of = f" of {self.total:,}" if self.total >= sum(self.done) else ""
        sys.stderr.write(f"\r{sum(self.done):,}{of} snapshots read")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the line."""
        if self.told:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
