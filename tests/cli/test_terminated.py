"""SIGTERM and SIGHUP: the end of a job, a container that is stopped, a terminal that is closed."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from tests.cli.commands import ENVKIT, environment
from tests.cli.test_terminal import hanging_python, pid_in, wait_until_gone

__all__ = ["hanging_python"]

SLOW = ("doctor", "--limit", "600")
"""With a limit of ten minutes, an end before the limit of the test is an end by the signal."""


def _heard() -> None:
    """SIGHUP as a person's shell leaves it: whoever runs the tests may be under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(*arguments: str, before: object = _heard) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ENVKIT, *SLOW, *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=before,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_children_end_with_it(hanging_python, number):
    program, note = hanging_python
    process = start("--python", str(program))
    child = pid_in(note)
    assert os.getsid(child) != os.getsid(process.pid), (
        "the child has a session of its own, and must be sought"
    )
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 143
    assert out == b""
    assert err.decode() == f"envkit: ended by {number.name}\n  nothing was changed\n"
    wait_until_gone(child)


def test_more_of_them_change_nothing(hanging_python):
    program, note = hanging_python
    process = start("--python", str(program))
    child = pid_in(note)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 143
    assert b"Traceback" not in err
    wait_until_gone(child)


def test_nothing_is_saved_by_halves(tmp_path, hanging_python):
    program, note = hanging_python
    (tmp_path / "out").mkdir()
    process = start("--python", str(program), "--save", str(tmp_path / "out/file"))
    child = pid_in(note)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert os.listdir(tmp_path / "out") == []
    wait_until_gone(child)


def test_what_nohup_ignores_stays_ignored(hanging_python):
    program, note = hanging_python
    process = start("--python", str(program), before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    child = pid_in(note)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert err.startswith(b"envkit: ended by SIGTERM")
    wait_until_gone(child)
