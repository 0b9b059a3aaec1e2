"""What stands between a person's shell and the script: signals, the terminal, the way it ends."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envkit.core import foreground
from tests.diagnose.fidelity.helpers import CLI, environment

ENDLESS = """
import sys, time
try:
    print("ready", flush=True)
    while True:
        time.sleep(0.05)
finally:
    print("cleaning up", flush=True)
    time.sleep(float(sys.argv[1]))
    print("done", flush=True)
"""


def _terminal(argv: list[str], env: dict[str, str]):
    """A process whose terminal is ours to type on."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, env)
    return pid, fd


def _until(fd: int, word: bytes, seen: bytes = b"") -> bytes:
    deadline = time.monotonic() + 60
    while word not in seen and time.monotonic() < deadline:
        try:
            piece = os.read(fd, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        seen += piece
    assert word in seen, seen.decode()
    return seen


def _script(tmp_path: Path, text: str) -> str:
    path = tmp_path / "train.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("again", [False, True])
def test_ctrl_c_ends_the_script_and_the_report_comes(tmp_path, again):
    script = _script(tmp_path, ENDLESS)
    argv = [*CLI, "diagnose", "--python", sys.executable, "--", "python", script, "30" if again else "0"]
    pid, fd = _terminal(argv, environment(tmp_path / "result"))
    _until(fd, b"ready")
    time.sleep(0.2)
    os.write(fd, b"\x03")
    seen = _until(fd, b"cleaning up")
    if again:  # out of its cleaning up
        os.write(fd, b"\x03")
    seen = _until(fd, b"interrupted", seen)
    assert (b"done" in seen) is not again
    assert b"KeyboardInterrupt" in seen
    assert b"envkit diagnose" in seen
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    os.close(fd)


def test_the_script_has_the_terminal(tmp_path):
    code = "import os; print(os.isatty(0), os.tcgetpgrp(0) == os.getpgrp(), input('name? '), flush=True)"
    argv = [*CLI, "diagnose", "--python", sys.executable, "--", "python", _script(tmp_path, code)]
    pid, fd = _terminal(argv, environment(tmp_path / "result"))
    _until(fd, b"name? ")
    os.write(fd, b"Ada\n")
    _until(fd, b"True True Ada")
    _until(fd, b"envkit diagnose")
    os.waitpid(pid, 0)
    os.close(fd)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_to_envkit_reaches_the_script_once(tmp_path, number):
    script = _script(
        tmp_path,
        "import os, signal, time\n"
        "for one in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):\n"
        "    signal.signal(one, lambda n, f: os.write(1, signal.Signals(n).name.encode()))\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 1\n"
        "while time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "raise SystemExit(4)\n",
    )
    child = subprocess.Popen(
        [*CLI, "diagnose", "--exit-code", "script", "--python", sys.executable, "--", "python", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path / "result"),
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=60)
    assert stdout == number.name.encode(), (stderr, child.returncode)
    assert child.returncode == 4
    assert b"envkit diagnose" in stderr


def test_a_script_that_signals_its_whole_group_hears_it_once(tmp_path):
    script = _script(
        tmp_path,
        "import os, signal, time\n"
        "signal.signal(signal.SIGUSR1, lambda n, f: print('heard', flush=True))\n"
        "os.killpg(0, signal.SIGUSR1)\n"
        "time.sleep(1)\n",
    )
    ran = subprocess.run(
        [*CLI, "diagnose", "--exit-code", "script", "--python", sys.executable, "--", "python", script],
        capture_output=True, env=environment(tmp_path / "result"), timeout=60, start_new_session=True,
        check=False,
    )  # fmt: skip
    assert (ran.stdout, ran.returncode) == (b"heard\n", 0)


def test_a_script_without_interpreter_line_is_the_shells(tmp_path):
    path = tmp_path / "train"
    path.write_text('echo "$0 $1"; exit 5\n')
    path.chmod(0o755)
    assert foreground.run((str(path), "x"), os.environ) == foreground.Ended(code=5)


def test_a_program_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        foreground.run(("./no-such-program",), os.environ)
    ran = subprocess.run(
        [*CLI, "diagnose", "--", "./no-such-program"], capture_output=True, cwd=tmp_path, check=False,
        env=environment(tmp_path / "result"),
    )  # fmt: skip
    assert b"no-such-program" in ran.stderr
    assert b"Traceback" not in ran.stderr
    assert ran.returncode not in (0, 1)


def test_who_waits_sees_the_signal_that_ended_it():
    code = (
        "from envkit.core.foreground import *; end_as(run(('sh', '-c', 'kill -TERM $$'), {'PATH': '/bin'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False)
    assert ran.returncode == -signal.SIGTERM
