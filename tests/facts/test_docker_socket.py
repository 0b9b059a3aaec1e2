"""The HTTP client, against real servers on real Unix sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.core.proc import run
from envkit.facts.probes import docker_engine, docker_socket
from envkit.facts.probes.docker_socket import SocketError

BODY = json.dumps({"Version": "28.3.3", "ApiVersion": "1.51", "Runtimes": {"nvidia": {}}}).encode()
OK = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n"


class Server:
    """Serves each connection by one function, until it is stopped."""

    def __init__(self, path: Path, serve: Callable[[socket.socket, threading.Event], None]) -> None:
        self.stopped = threading.Event()
        self.requests: list[bytes] = []
        self.busy = threading.Event()
        self._serve = serve
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.requests.append(connection.recv(4096))
                self.busy.set()
                try:
                    self._serve(connection, self.stopped)
                except OSError:
                    pass
                self.busy.clear()

    def stop(self) -> None:
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def serving(path: Path, serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[Server]:
    server = Server(path, serve)
    try:
        yield server
    finally:
        server.stop()


def answer(data: bytes) -> Callable[[socket.socket, threading.Event], None]:
    return lambda connection, stopped: connection.sendall(data)


def never(connection: socket.socket, stopped: threading.Event) -> None:
    stopped.wait()


def drip(connection: socket.socket, stopped: threading.Event) -> None:
    connection.sendall(OK + b"Content-Length: 1000\r\n\r\n")
    while not stopped.wait(0.02):
        connection.sendall(b" ")


def endless_header(connection: socket.socket, stopped: threading.Event) -> None:
    while not stopped.is_set():
        connection.sendall(b"HTTP/1.0 200 OK " + b"x" * 65536)


def endless_body(connection: socket.socket, stopped: threading.Event) -> None:
    connection.sendall(OK + b"\r\n")
    while not stopped.is_set():
        connection.sendall(b"x" * 65536)


def here(path: Path) -> Machine:
    return Machine(root=Path("/"), env={"DOCKER_HOST": f"unix://{path}"}, run=run)


def ask(path: Path, seconds: float = 20.0) -> docker_socket.Answer:
    return docker_socket.get(str(path), "/version", time.monotonic() + seconds)


@pytest.fixture
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("s") / "d.sock"


def test_an_engine_that_answers(path):
    with serving(path, answer(OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)) as server:
        docker = docker_engine.read_docker(here(path), "/usr/bin/docker")
    assert (docker.state, docker.version, docker.runtimes) == ("ok", "28.3.3", ("nvidia",))
    assert [request.split(b"\r\n")[0] for request in server.requests] == [
        b"GET /version HTTP/1.0",
        b"GET /info HTTP/1.0",
    ]


def test_an_answer_without_a_length_ends_with_the_connection(path):
    with serving(path, answer(OK + b"\r\n" + BODY)):
        assert ask(path).body == BODY


def test_a_whole_answer_on_a_connection_that_stays_open(path):
    def serve(connection, stopped):
        connection.sendall(OK + b"content-length: 2\r\n\r\n{}")
        stopped.wait()

    with serving(path, serve):
        assert ask(path) == docker_socket.Answer(status=200, body=b"{}")


def test_an_error_of_the_engine(path):
    with serving(path, answer(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")):
        docker = docker_engine.read_docker(here(path), "/usr/bin/docker")
    assert (docker.state, docker.detail) == ("failed", "the engine answered with HTTP status 500")


def test_an_engine_that_accepts_and_never_answers(path):
    with serving(path, never) as server:
        docker = docker_engine.read_docker(here(path), "/usr/bin/docker")
        assert server.busy.is_set(), "the engine still sits on the connection"
    assert (docker.state, docker.version) == ("hung", None)


def test_an_engine_that_drips(path):
    with serving(path, drip) as server:
        with pytest.raises(SocketError) as stop:
            ask(path, 0.3)
        assert server.stopped.is_set() is False
    assert stop.value.state == "hung"


def test_an_engine_that_nobody_serves(path):
    """The backlog is full: a blocking connect would wait for ever."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        first.connect(str(path))
        with pytest.raises(SocketError) as stop:
            ask(path, 0.3)
    assert stop.value.state == "hung"


@pytest.mark.parametrize("serve", [endless_header, endless_body])
def test_an_answer_without_an_end(path, serve):
    with serving(path, serve), pytest.raises(SocketError) as stop:
        ask(path)
    assert (stop.value.state, stop.value.detail) == ("failed", "the answer does not end")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x00\xff" * 500 + b"\r\n\r\n",
        b"HTTP/1.0 abc\r\n\r\n{}",
        OK + b"Content-Length: 1073741824\r\n\r\n{}",
        OK + b"Content-Length: 2\r\n\r\n[]",
        OK + b"\r\n" + b"[" * 100_000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_garbage_is_a_failure(path, data):
    with serving(path, answer(data)):
        docker = docker_engine.read_docker(here(path), "/usr/bin/docker")
    assert docker.state == "failed"
    assert docker.detail


def test_no_socket_and_no_client_is_absent(path):
    assert docker_engine.read_docker(here(path), "").state == "absent"
    assert docker_engine.read_docker(here(path), "/usr/bin/docker").state == "not-running"


def test_a_socket_that_nobody_listens_on(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    docker = docker_engine.read_docker(here(path), "")
    assert (docker.state, docker.detail) == ("not-running", f"nothing listens at {path}")


def test_a_name_that_is_too_long_for_a_socket(tmp_path):
    docker = docker_engine.read_docker(here(tmp_path / ("x" * 200)), "/usr/bin/docker")
    assert docker.state == "failed"


ASK_AS_NOBODY = """
import os, sys, time
from envkit.facts.probes import docker_socket
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    docker_socket.get(sys.argv[1], "/version", time.monotonic() + 20)
except docker_socket.SocketError as error:
    print(error.state)
"""


def test_a_socket_that_this_user_may_not_open(path):
    with serving(path, answer(OK + b"\r\n" + BODY)) as server:
        os.chmod(path, 0o000)
        os.chmod(path.parent, 0o000 if os.getuid() else 0o700)
        try:
            child = subprocess.run(
                [sys.executable, "-c", ASK_AS_NOBODY, str(path)],
                capture_output=True,
                text=True,
                timeout=60,
                cwd=Path(__file__).parents[2],
            )
        finally:
            os.chmod(path.parent, 0o700)
        assert server.requests == []
    assert child.stdout.strip() == "denied", child.stderr


@given(st.binary(max_size=300))
def test_any_head_is_read(data):
    try:
        docker_socket._head(data)
        docker_socket._head(b"HTTP/1.1 200\r\nContent-Length: " + data)
    except SocketError:
        pass
