"""Commands that a person waits for: heard while they run, and not stopped halfway."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

from envkit.core.proc import Command, run

ROOT = Path(__file__).parents[2]


def test_output_is_heard_while_the_command_still_runs(tmp_path):
    """The child waits for a file that only who hears it makes; unheard, it would wait for ever."""
    go = tmp_path / "go"
    script = f"echo out; echo err >&2; while [ ! -e {go} ]; do sleep 0.01; done; echo end"
    pieces = []

    def heard(piece: bytes) -> None:
        pieces.append(piece)
        if b"out" in b"".join(pieces) and b"err" in b"".join(pieces):
            go.touch()

    result = run(Command(name="x", argv=("sh", "-c", script), limit=math.inf), heard=heard)
    assert result.ok
    assert (result.stdout, result.stderr) == ("out\nend\n", "err\n")
    assert sorted(b"".join(pieces).split()) == [b"end", b"err", b"out"]


def test_the_process_id_is_told_while_it_runs(tmp_path):
    """The child waits for a file that only who knows its process id makes."""
    go = tmp_path / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.01; done; echo $$"
    told = []

    def started(pid: int) -> None:
        told.append(pid)
        go.touch()

    result = run(Command(name="x", argv=("sh", "-c", script), limit=math.inf), started=started)
    assert result.ok and told == [int(result.stdout)]


INTERRUPTED = """
import sys
from envkit.core.proc import Command, run
child = '''
import pathlib, sys, time
note = pathlib.Path(sys.argv[1])
note.write_text("ready")
try:
    while True: time.sleep(0.01)
except KeyboardInterrupt:
    if sys.argv[2] == "deaf":
        note.write_text("deaf")
        while True:
            try: time.sleep(1000)
            except KeyboardInterrupt: pass
    print("x" * 300_000)
    note.write_text("cleaned up")
'''
argv = (sys.executable, "-c", child, *sys.argv[1:3])
try:
    run(Command(name="x", argv=argv, limit=1000, grace=float(sys.argv[3])))
except KeyboardInterrupt:
    sys.exit(130)
"""


def start(note: Path, kind: str, grace: float) -> subprocess.Popen[bytes]:
    """A process that runs a child, once the child is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(note), kind, str(grace)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    wait_for(note, "ready", process)
    return process


def wait_for(note: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    while not note.exists() or note.read_text() != text:
        assert process.poll() is None


def test_with_grace_the_child_may_clean_up(tmp_path):
    process = start(tmp_path / "note", "polite", 60)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert (tmp_path / "note").read_text() == "cleaned up"


def test_without_grace_it_is_killed(tmp_path):
    process = start(tmp_path / "note", "polite", 0)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert (tmp_path / "note").read_text() == "ready"


def test_a_second_interrupt_kills_a_child_that_does_not_listen(tmp_path):
    """With ten minutes of grace, an end before the test's own limit is an end by the second interrupt."""
    process = start(tmp_path / "note", "deaf", 600)
    process.send_signal(signal.SIGINT)
    wait_for(tmp_path / "note", "deaf", process)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
