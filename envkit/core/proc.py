"""The only door to subprocesses; every call has a time limit and never outlives it.

A child that does not die when it is killed (a process stuck in the kernel) is left behind: nothing here
waits for it.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_MAX_OUTPUT = 32 << 20
"""Bytes kept of each stream; the rest is read and dropped."""
_GRACE = 0.2
"""Seconds that a killed child has to be collected."""
_START = 1.0
"""Seconds that the start of a child may take before `kill_all` goes on without it: an exec can hang, too."""
_PIPE = 1 << 20
"""Bytes that a pipe may hold (pipe(7)): the most that a child leaves behind when it ends."""

_children = threading.Condition()
"""Guards what follows."""
_live: set[subprocess.Popen[bytes]] = set()
_starting = 0
"""Threads that are just starting a child, which may run already and is not in `_live` yet."""
_closed = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """What to run.

    name: what a recorded machine knows the command by.
    limit: seconds.
    """

    name: str
    argv: tuple[str, ...]
    limit: float
    stdin: bytes | None = None
    env: Mapping[str, str] | None = None
    """The whole environment of the child; None = the machine's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How a command ended. What it had written before a timeout is kept."""

    state: Literal["done", "timeout", "absent", "denied", "failed"]
    """`done` = it ran to its end, whatever its exit code; `absent` = no such program."""
    code: int | None = None
    """Exit code; negative = ended by that signal."""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """It ran to its end and returned 0."""
        return self.state == "done" and self.code == 0


def run(command: Command) -> Result:
    """Run a command to its end or to its limit."""
    start = time.monotonic()
    try:
        child = _start(command)
    except FileNotFoundError:
        return Result(state="absent", stderr=f"{command.argv[0]}: not found")
    except PermissionError as error:
        return Result(state="denied", stderr=str(error))
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        return Result(state="failed", stderr=str(error))
    try:
        out, err, ended = _drain(child, command.stdin, start + command.limit)
        if not ended:
            _kill(child)
            _collect(child)
        return Result(
            state="done" if ended else "timeout",
            code=child.returncode if ended else None,
            stdout=out.decode("utf-8", "replace"),
            stderr=err.decode("utf-8", "replace"),
            seconds=time.monotonic() - start,
        )
    except BaseException:
        _kill(child)
        _collect(child)
        raise
    finally:
        _close(child)
        with _children:
            _live.discard(child)


def kill_all(*, for_good: bool = False) -> None:
    """Kill every child that still runs, without waiting for its death: for Ctrl-C and for the end.

    for_good: no child is started any more; else a probe whose child was killed might start its next one.
    """
    global _closed
    with _children:
        _closed = _closed or for_good
        _children.wait_for(lambda: not _starting, _START)
        children = tuple(_live)
    for child in children:
        _kill(child)


def _start(command: Command) -> subprocess.Popen[bytes]:
    """A child that `kill_all` knows of. Raises OSError and ValueError as Popen does."""
    global _starting
    with _children:
        if _closed:
            raise OSError("envkit is ending")
        _starting += 1
    child = None
    try:
        child = subprocess.Popen(
            command.argv,
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if command.env is None else dict(command.env),
            start_new_session=True,
        )
        return child
    finally:
        with _children:
            _starting -= 1
            if child is not None:
                _live.add(child)
            _children.notify_all()


def _drain(child: subprocess.Popen[bytes], stdin: bytes | None, deadline: float) -> tuple[bytes, bytes, bool]:
    """Read both streams until they close and the child ends, or until the deadline."""
    assert child.stdout is not None and child.stderr is not None
    buffers = {child.stdout: bytearray(), child.stderr: bytearray()}
    pending = memoryview(stdin) if stdin is not None else None
    with selectors.DefaultSelector() as selector:
        for stream in buffers:
            selector.register(stream, selectors.EVENT_READ)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE)
        late = 0
        while selector.get_map():
            left = deadline - time.monotonic()
            # A grandchild may hold the pipes open; the child's own end is what counts. It is looked at before
            # the pipes are, so that what it wrote last is not missed.
            gone = child.poll() is not None
            ready = selector.select(0 if gone else min(left, 0.05)) if left > 0 else []
            if left <= 0 or (gone and (not ready or late > _PIPE)):
                break
            for key, _ in ready:
                if key.fileobj is child.stdin:
                    pending = _feed(child, pending, selector)
                    continue
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                    continue
                late += len(chunk) if gone else 0
                buffer = buffers[key.fileobj]  # type: ignore[index]
                buffer += chunk[: _MAX_OUTPUT - len(buffer)]
    try:
        child.wait(max(0.0, deadline - time.monotonic()))
        ended = True
    except subprocess.TimeoutExpired:
        ended = False
    return bytes(buffers[child.stdout]), bytes(buffers[child.stderr]), ended


def _feed(
    child: subprocess.Popen[bytes], pending: memoryview | None, selector: selectors.BaseSelector
) -> memoryview | None:
    assert child.stdin is not None
    try:
        written = os.write(child.stdin.fileno(), pending[: 1 << 16]) if pending else 0
    except BrokenPipeError:
        pending, written = None, 0
    pending = pending[written:] if pending else None
    if not pending:
        selector.unregister(child.stdin)
        child.stdin.close()
    return pending


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _collect(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass


def _close(child: subprocess.Popen[bytes]) -> None:
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass
