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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from envkit.core.threads import start_deaf

_MAX_OUTPUT = 32 << 20
"""Bytes kept of each stream; the rest is read and dropped."""
_GRACE = 0.2
"""Seconds that a killed child has to be collected."""
_KEPT_ERRORS = 1 << 16
"""Bytes kept of a conversation's standard error, the newest."""
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
    grace: float = 0.0
    """Seconds that the child has to end by itself, told by SIGINT, when the person interrupts: for what must
    not be stopped halfway. A second interrupt kills it."""


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


def run(
    command: Command,
    *,
    heard: Callable[[bytes], None] | None = None,
    out: Callable[[bytes], None] | None = None,
    started: Callable[[int], None] | None = None,
) -> Result:
    """Run a command to its end or to its limit.

    heard: told each piece of output, of both streams, as it comes. out: told each piece of standard output,
    also what comes after an interrupt, within the command's grace. started: told the child's process id.
    """
    start = time.monotonic()
    try:
        child = _start(command)
    except FileNotFoundError:
        return Result(state="absent", stderr=f"{command.argv[0]}: not found")
    except PermissionError as error:
        return Result(state="denied", stderr=str(error))
    except (OSError, ValueError) as error:  # ValueError: a NUL in an argument
        return Result(state="failed", stderr=str(error))
    listeners = _Listeners(heard, out)
    try:
        if started is not None:
            started(child.pid)
        kept, errors, ended = _drain(child, command.stdin, start + command.limit, listeners)
        if not ended:
            _kill(child)
            _collect(child)
        return Result(
            state="done" if ended else "timeout",
            code=child.returncode if ended else None,
            stdout=kept.decode("utf-8", "replace"),
            stderr=errors.decode("utf-8", "replace"),
            seconds=time.monotonic() - start,
        )
    except BaseException:
        try:
            if command.grace:
                _ask_to_end(child, command.grace, _Listeners(None, out))
        finally:
            _kill(child)
            _collect(child)
        raise
    finally:
        _close(child)
        with _children:
            _live.discard(child)


class _Listeners:
    """Who is told what a child says, while it says it."""

    def __init__(self, both: Callable[[bytes], None] | None, out: Callable[[bytes], None] | None) -> None:
        self._both = both
        self._out = out

    def tell(self, chunk: bytes, *, is_out: bool) -> None:
        """One piece of a stream."""
        if self._both is not None:
            self._both(chunk)
        if self._out is not None and is_out:
            self._out(chunk)


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


class Conversation:
    """A child that is spoken with over its standard streams, and that `kill_all` ends, too.

    Raises OSError when it cannot be started.
    """

    def __init__(
        self, argv: tuple[str, ...], *, own_session: bool = True, env: Mapping[str, str] | None = None
    ) -> None:
        """own_session: without a terminal, so that it can ask nobody. env: the child's whole environment;
        None = this process's own."""
        command = Command(name="", argv=argv, limit=0, stdin=b"", env=env)
        self._child = _start(command, own_session=own_session)
        self._errors = bytearray()
        self._write_lock = threading.Lock()
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        start_deaf(self._reader)

    def _read_errors(self) -> None:
        assert self._child.stderr is not None
        try:
            while chunk := os.read(self._child.stderr.fileno(), 1 << 16):
                self._errors += chunk
                del self._errors[:-_KEPT_ERRORS]
        except (OSError, ValueError):  # closed by `end`
            pass

    def read(self, size: int) -> bytes:
        """At most `size` bytes as they come; empty at the end. Raises OSError."""
        assert self._child.stdout is not None
        return os.read(self._child.stdout.fileno(), size)

    def write(self, data: bytes) -> None:
        """All of it, at once. Raises OSError when the child no longer reads."""
        assert self._child.stdin is not None
        view = memoryview(data)
        with self._write_lock:
            while view:
                view = view[os.write(self._child.stdin.fileno(), view) :]

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal, or None when it still runs after `seconds`."""
        try:
            code = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._reader.join(_GRACE)
        return code

    @property
    def errors(self) -> str:
        """The last of what it wrote to standard error."""
        return bytes(self._errors).decode("utf-8", "replace")

    def end(self) -> None:
        """Kill it, if it still runs."""
        if self._child.poll() is None:
            _kill(self._child)
            _collect(self._child)
        with _children:
            _live.discard(self._child)


def _start(command: Command, *, own_session: bool = True) -> subprocess.Popen[bytes]:
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
            start_new_session=own_session,
        )
        return child
    finally:
        with _children:
            _starting -= 1
            if child is not None:
                _live.add(child)
            _children.notify_all()


def _drain(
    child: subprocess.Popen[bytes],
    stdin: bytes | None,
    deadline: float,
    listeners: _Listeners,
) -> tuple[bytes, bytes, bool]:
    """Read both streams until they close and the child ends, or until the deadline."""
    assert child.stdout is not None and child.stderr is not None
    buffers = {child.stdout: bytearray(), child.stderr: bytearray()}
    pending = memoryview(stdin) if stdin is not None else None
    with selectors.DefaultSelector() as selector:
        for stream in buffers:
            selector.register(stream, selectors.EVENT_READ)
        if child.stdin is not None and not child.stdin.closed:
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
                listeners.tell(chunk, is_out=key.fileobj is child.stdout)
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
    except PermissionError:
        pass
    except ProcessLookupError:  # it has ended, or was left in our own session
        child.kill()


def _ask_to_end(child: subprocess.Popen[bytes], grace: float, listeners: _Listeners) -> None:
    """SIGINT, and time to clean up; what the child still says is read, so that a full pipe cannot hold it."""
    try:
        os.killpg(child.pid, signal.SIGINT)
    except (ProcessLookupError, PermissionError):
        return
    _drain(child, None, time.monotonic() + grace, listeners)


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
