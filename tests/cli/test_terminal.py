"""On a real terminal (a pty): colour, width, and Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commands import ENVKIT, FAULTY, environment

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COMMAND = " " * 6
"""What a command line begins with; it is never broken, so that it can be pasted."""


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, *arguments: str, columns: int = 80, env: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

        def own_the_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [*ENVKIT, *arguments],
            env=environment(**(env or {})),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=own_the_terminal,
        )
        os.close(slave)

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def read(self) -> str:
        """All that is shown until the process ends."""
        shown = bytearray()
        try:
            while chunk := os.read(self.master, 1 << 16):
                shown += chunk
        except OSError:  # EIO: the other end is closed
            pass
        self.process.wait()
        os.close(self.master)
        return shown.decode().replace("\r\n", "\n")


class TestShown:
    def test_colour(self):
        terminal = Terminal("doctor", "--from", str(FAULTY))
        assert "\x1b[" in terminal.read()
        assert terminal.process.returncode == 1

    @pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
    def test_no_colour(self, env):
        assert "\x1b[" not in Terminal("doctor", "--from", str(FAULTY), env=env).read()

    @pytest.mark.parametrize("arguments", [["--json"], ["--format", "markdown"], ["--format", "html"]])
    def test_no_colour_in_other_formats(self, arguments):
        assert "\x1b" not in Terminal("doctor", "--from", str(FAULTY), *arguments).read()

    @pytest.mark.parametrize("columns", [50, 80, 110])
    def test_width(self, columns):
        shown = ESCAPES.sub("", Terminal("doctor", "--from", str(FAULTY), "-v", columns=columns).read())
        lines = [line for line in shown.splitlines() if not line.startswith(COMMAND)]
        assert max(map(len, lines)) <= columns
        assert max(map(len, lines)) > columns * 0.8, "and it is used"

    def test_a_very_wide_terminal_is_not_filled(self):
        shown = ESCAPES.sub("", Terminal("doctor", "--from", str(FAULTY), columns=300).read())
        assert max(len(line) for line in shown.splitlines() if not line.startswith(COMMAND)) <= 120

    def test_the_same_words_as_off_the_terminal(self):
        shown = ESCAPES.sub("", Terminal("explain", "driver-too-old", columns=100).read())
        plain = subprocess.run([*ENVKIT, "explain", "driver-too-old"], env=environment(), capture_output=True)
        assert shown.split() == plain.stdout.decode().split()


@contextmanager
def silent_engine(path: Path):
    """A container engine that accepts and never answers; yields what waits for its first connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        connections = []

        def accept() -> None:
            connections.append(listener.accept()[0])

        yield accept
        for connection in connections:
            connection.close()


@pytest.fixture
def hanging_python(tmp_path):
    """A `python` that never answers: its file, and the file to which it writes its process number."""
    program, note = tmp_path / "python", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\necho $$ > {note}\nexec sleep 1000\n")
    program.chmod(0o755)
    return program, note


def pid_in(note: Path) -> int:
    while not note.exists() or not note.read_text().endswith("\n"):
        time.sleep(0.01)
    return int(note.read_text())


def wait_until_gone(pid: int) -> None:
    """A child that stays is a test that times out."""
    try:
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.01)
    except OSError:
        pass


class TestInterrupt:
    """With a limit of ten minutes, an end before the limit of the test is an end by Ctrl-C."""

    SLOW = ("doctor", "--limit", "600")

    @staticmethod
    def start(*arguments: str, **env: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*ENVKIT, *arguments],
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def test_during_a_probe_that_hangs(self, hanging_python):
        program, note = hanging_python
        process = self.start(*self.SLOW, "--python", str(program))
        child = pid_in(note)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        assert process.returncode == 130
        assert out == b""
        assert err == b"envkit: interrupted\n  nothing was changed\n"
        wait_until_gone(child)

    def test_twice(self, hanging_python):
        program, note = hanging_python
        process = self.start(*self.SLOW, "--python", str(program))
        child = pid_in(note)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate()
        assert process.returncode == 130
        assert b"Traceback" not in err
        wait_until_gone(child)

    def test_while_an_engine_does_not_answer(self, tmp_path, hanging_python):
        program, note = hanging_python
        with silent_engine(tmp_path / "engine") as accept:
            process = self.start(
                *self.SLOW, "--python", str(program), DOCKER_HOST=f"unix://{tmp_path}/engine"
            )
            accept()
            child = pid_in(note)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate()
        assert process.returncode == 130
        assert b"Traceback" not in err
        wait_until_gone(child)

    def test_nothing_is_saved_by_halves(self, tmp_path, hanging_python):
        program, note = hanging_python
        (tmp_path / "out").mkdir()
        process = self.start(*self.SLOW, "--python", str(program), "--save", str(tmp_path / "out/file"))
        child = pid_in(note)
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert os.listdir(tmp_path / "out") == []
        wait_until_gone(child)

    def test_the_key_on_a_terminal(self, hanging_python):
        program, note = hanging_python
        terminal = Terminal(*self.SLOW, "--python", str(program))
        child = pid_in(note)
        terminal.press(b"\x03")
        shown = terminal.read()
        assert terminal.process.returncode == 130
        assert "interrupted" in shown and "Traceback" not in shown
        wait_until_gone(child)

    def test_what_is_awaited_is_told_on_a_terminal(self, hanging_python):
        program, note = hanging_python
        terminal = Terminal("doctor", "--limit", "1.5", "--python", str(program))
        child = pid_in(note)
        assert "still waiting for: python" in terminal.read()
        wait_until_gone(child)


def test_an_end_in_time_kills_what_still_runs(hanging_python):
    """Without Ctrl-C: the probe is given up, the report comes, and the child is gone."""
    program, note = hanging_python
    done = subprocess.run(
        [*ENVKIT, "doctor", "--limit", "0.5", "--python", str(program)],
        env=environment(),
        capture_output=True,
    )
    assert done.returncode in (0, 1)
    assert b"python" in done.stdout
    wait_until_gone(pid_in(note))
