"""One HTTP GET over a Unix socket, ended by a deadline whatever the other side does.

`http.client` and the Docker SDK time each recv by itself, so that an engine that drips a byte a second holds
them for ever.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from envkit.core.machine import Machine
from envkit.facts.container_model import EngineState

MAX_ANSWER = 4 << 20
"""Bytes; /info of a busy engine has some 10 KiB."""
_PAUSE = 0.02


class SocketError(Exception):
    """The engine gave no answer. state: what that makes of the engine."""

    def __init__(self, state: EngineState, detail: str) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """Status and body of an HTTP response."""

    status: int
    body: bytes


def get(path: str, target: str, deadline: float) -> Answer:
    """GET `target` from the server at the socket `path`. Raises SocketError.

    Args:
        path: file name of the socket.
        target: `/version`.
        deadline: on the monotonic clock, in seconds.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _connect(connection, path, deadline)
            connection.settimeout(_left(deadline))
            connection.sendall(_request(target))
            return _receive(connection, deadline)
    except OSError as error:
        raise socket_error(error, path) from error


def get_from(machine: Machine, path: str, target: str, deadline: float) -> Answer:
    """`get`, from a socket of a machine that is asked over a connection. Raises SocketError."""
    try:
        data = machine.talk(path, _request(target), _left(deadline))
    except OSError as error:
        raise socket_error(error, path) from error
    head = data.find(b"\r\n\r\n")
    if head < 0:
        raise SocketError("failed", "the connection was closed without an HTTP answer")
    status, length = _head(data[:head])
    return Answer(status=status, body=data[head + 4 :][:length])


def _request(target: str) -> bytes:
    # HTTP/1.0: the server ends with the body, and never sends it in chunks
    return f"GET {target} HTTP/1.0\r\nHost: docker\r\nAccept: application/json\r\n\r\n".encode()


def socket_error(error: OSError, path: str) -> SocketError:
    """What an error of the socket says about the engine."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return SocketError("not-running", f"{path} does not exist")
    if isinstance(error, ConnectionRefusedError):
        return SocketError("not-running", f"nothing listens at {path}")
    if isinstance(error, PermissionError):
        return SocketError("denied", f"this user may not open {path}")
    if isinstance(error, TimeoutError):
        return SocketError("hung", f"{path} accepts but does not answer")
    return SocketError("failed", f"{path}: {error.strerror or error}")


def _connect(connection: socket.socket, path: str, deadline: float) -> None:
    while True:
        connection.settimeout(_left(deadline))
        try:
            connection.connect(path)
            return
        except BlockingIOError:
            # A Unix socket whose backlog is full says EAGAIN at once: nobody accepts.
            time.sleep(min(_PAUSE, _left(deadline)))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _receive(connection: socket.socket, deadline: float) -> Answer:
    data = bytearray()
    status: int | None = None
    length: int | None = None  # None: the body ends with the connection
    start = 0
    while True:
        if status is None and (head := data.find(b"\r\n\r\n")) >= 0:
            start = head + 4
            status, length = _head(bytes(data[:head]))
            if length is not None and length > MAX_ANSWER:
                raise SocketError("failed", f"the answer says that it has {length} bytes")
        if status is not None and length is not None and len(data) - start >= length:
            return Answer(status=status, body=bytes(data[start : start + length]))
        if len(data) > MAX_ANSWER:
            raise SocketError("failed", "the answer does not end")
        connection.settimeout(_left(deadline))
        chunk = connection.recv(1 << 16)
        if not chunk:
            if status is None:
                raise SocketError("failed", "the connection was closed without an HTTP answer")
            return Answer(status=status, body=bytes(data[start:]))
        data += chunk


def _head(head: bytes) -> tuple[int, int | None]:
    """Status, and Content-Length when it is given."""
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if not words[0].startswith("HTTP/") or len(words) < 2 or not _is_number(words[1]):
        raise SocketError("failed", "what answers at the socket does not speak HTTP")
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length" and _is_number(value.strip()):
            return int(words[1]), int(value)
    return int(words[1]), None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
