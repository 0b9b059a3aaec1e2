"""Questions to the agent and its answers, as frames over the streams of one process.

What comes from the other side is checked as foreign data is: its size, its form, its types.
"""

from __future__ import annotations

import errno
import json
import queue
import struct
import threading
import zlib
from typing import Any

from envkit.core.proc import Command, Conversation, Result

MARK = b"\0envkit-agent-1\0"
"""Of envkit/payload/_envkit_agent/serve.py, as is the form of a frame."""
_HEAD = struct.Struct(">BII")
_LONGEST = 128 << 20
"""Bytes of a frame, inflated or not."""
_NOISE = 1 << 20
"""Bytes that a login shell may print before the agent speaks."""


class LinkLost(OSError):
    """The agent does not answer any more."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the connection was lost")


class Link:
    """One agent. Questions may be asked from any thread; each waits for its own answer."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._awaited: dict[int, queue.SimpleQueue[tuple[dict[str, Any], bytes] | None]] = {}
        self._next = 0
        self.started = threading.Event()
        """The agent spoke, or the other side ended before it did."""
        self.ready = False
        self.lost = False
        self.garbled = False
        """What came is no frame of ours."""
        self.noise = b""
        """What was printed before the agent spoke, its end."""
        self.questions = 0
        threading.Thread(target=self._receive, daemon=True).start()

    def send(self, op: str, blob: bytes = b"", **arguments: Any) -> Pending:
        """Ask, without waiting. Raises LinkLost."""
        answers: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None] = queue.SimpleQueue()
        with self._lock:
            if self.lost:
                raise LinkLost
            self._next += 1
            ident = self._next
            self._awaited[ident] = answers
            self.questions += 1
        text = json.dumps({"id": ident, "op": op, **arguments}).encode("ascii")
        body = text + blob
        wire = zlib.compress(body, 6) if len(body) > 1024 else body
        try:
            self._conversation.write(_HEAD.pack(wire is not body, len(text), len(wire)) + wire)
        except OSError:
            self._lose()
        return Pending(answers)

    def ask(self, op: str, blob: bytes = b"", **arguments: Any) -> tuple[Any, bytes]:
        """Value and blob of the answer, whenever it comes. Raises OSError as the agent met it, LinkLost."""
        return self.send(op, blob, **arguments).wait()

    def run(self, command: Command) -> Result:
        """Run a command there; the runner of a Machine."""
        try:
            value, blob = self.ask(
                "run",
                command.stdin or b"",
                argv=list(command.argv),
                stdin=command.stdin is not None,
                limit=command.limit,
                env=None if command.env is None else dict(command.env),
            )
        except OSError as error:
            return Result(state="failed", stderr=str(error))
        try:
            return _result(value, blob)
        except (TypeError, ValueError, KeyError):
            self.garble()
            return Result(state="failed", stderr="the answer cannot be read")

    def _receive(self) -> None:
        try:
            self._skip_noise()
            while head := self._exactly(_HEAD.size):
                flag, cut, size = _HEAD.unpack(head)
                body = self._exactly(size) if size <= _LONGEST else b""
                if len(body) < size or not size:
                    break
                if flag:
                    body = zlib.decompressobj().decompress(body, _LONGEST)
                self._deliver(json.loads(body[:cut]), body[cut:])
        except (zlib.error, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self.garbled = True
        except OSError:
            pass
        self._lose()

    def _skip_noise(self) -> None:
        while (at := self._buffer.find(MARK)) < 0:
            if len(self._buffer) > _NOISE or not self._more():
                self.noise = bytes(self._buffer[-2000:])
                return
        del self._buffer[: at + len(MARK)]
        self.ready = True
        self.started.set()

    def _more(self) -> bool:
        chunk = self._conversation.read(1 << 16)
        self._buffer += chunk
        return bool(chunk)

    def _exactly(self, size: int) -> bytes:
        """The next bytes; fewer at the end."""
        while self.ready and len(self._buffer) < size and self._more():
            pass
        data = bytes(self._buffer[:size]) if self.ready and len(self._buffer) >= size else b""
        del self._buffer[: len(data)]
        return data

    def _deliver(self, answer: dict[str, Any], blob: bytes) -> None:
        with self._lock:
            waiting = self._awaited.pop(answer["id"], None)
        if waiting is not None:
            waiting.put((answer, blob))

    def garble(self) -> None:
        """What came cannot be read: nothing more is asked."""
        self.garbled = True
        self._lose()

    def _lose(self) -> None:
        with self._lock:
            self.lost = True
            waiting, self._awaited = self._awaited, {}
        for answers in waiting.values():
            answers.put(None)
        self.started.set()


class Pending:
    """An answer that is on its way."""

    def __init__(self, answers: queue.SimpleQueue[tuple[dict[str, Any], bytes] | None]) -> None:
        self._answers = answers

    def wait(self, seconds: float | None = None) -> tuple[Any, bytes]:
        """Value and blob. Raises OSError as the agent met it, LinkLost, and TimeoutError after `seconds`."""
        try:
            found = self._answers.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(errno.ETIMEDOUT, "no answer in time") from None
        if found is None:
            raise LinkLost
        answer, blob = found
        if "error" in answer:
            number, text = answer["error"]
            raise OSError(int(number), str(text))
        return answer.get("value"), blob


def _result(value: Any, blob: bytes) -> Result:
    """Raises TypeError, ValueError and KeyError for what is not the answer of `run`."""
    if value["state"] not in ("done", "timeout", "absent", "denied", "failed"):
        raise ValueError
    cut = int(value.get("cut", 0))
    stderr = str(value["stderr"]) if "stderr" in value else blob[cut:].decode("utf-8", "replace")
    code = value.get("code")
    return Result(
        state=value["state"],
        code=None if code is None else int(code),
        stdout=blob[:cut].decode("utf-8", "replace"),
        stderr=stderr,
        seconds=float(value.get("seconds", 0.0)),
    )
