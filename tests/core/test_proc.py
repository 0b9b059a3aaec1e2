"""Real processes: how they end, what is kept of their output, and that none is left behind."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from envkit.core import proc
from envkit.core.proc import Command, Result, run

LONG = 60.0
"""Seconds: a limit that a test never reaches."""
KEPT = 32 << 20
"""Bytes that are kept of a stream."""


def sh(script: str, *, limit: float = LONG, stdin: bytes | None = None) -> Result:
    return run(Command(name="test", argv=("sh", "-c", script), limit=limit, stdin=stdin))


def python(script: str, *, limit: float = LONG, stdin: bytes | None = None) -> Result:
    return run(Command(name="test", argv=(sys.executable, "-c", script), limit=limit, stdin=stdin))


def exists(pid: int) -> bool:
    """Whether a process of that number runs or is a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def runs(pid: int) -> bool:
    """Whether a process of that number runs. An orphan may stay a zombie where nothing collects it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    """The killing is done, the dying takes a moment; a process that stays is a test that times out."""
    while runs(pid):
        time.sleep(0.01)


def read_when_written(path: Path) -> str:
    while not path.exists() or not path.read_text().endswith("\n"):
        time.sleep(0.01)
    return path.read_text().strip()


class TestEnds:
    def test_success(self):
        result = sh("printf out; printf err >&2")
        assert (result.state, result.code, result.stdout, result.stderr) == ("done", 0, "out", "err")
        assert result.ok

    def test_exit_code(self):
        result = sh("exit 7")
        assert (result.state, result.code, result.ok) == ("done", 7, False)

    @pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
    def test_signal(self, number):
        assert sh(f"kill -{int(number)} $$").code == -number

    def test_no_such_program(self):
        result = run(Command(name="test", argv=("envkit-no-such-program",), limit=LONG))
        assert (result.state, result.code) == ("absent", None)
        assert "envkit-no-such-program" in result.stderr

    def test_script_whose_interpreter_is_gone(self, tmp_path):
        script = tmp_path / "script"
        script.write_text("#!/no/such/interpreter\n")
        script.chmod(0o755)
        assert run(Command(name="test", argv=(str(script),), limit=LONG)).state == "absent"

    def test_program_that_may_not_be_run(self, tmp_path):
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o644)
        assert run(Command(name="test", argv=(str(program),), limit=LONG)).state == "denied"

    def test_file_that_is_no_program(self, tmp_path):
        program = tmp_path / "program"
        program.write_bytes(b"\x7fELF and nothing more")
        program.chmod(0o755)
        result = run(Command(name="test", argv=(str(program),), limit=LONG))
        assert result.state == "failed"
        assert result.stderr

    def test_nul_in_an_argument(self):
        assert run(Command(name="test", argv=("echo", "a\0b"), limit=LONG)).state == "failed"

    def test_environment_is_replaced_whole(self):
        result = run(Command(name="test", argv=("/usr/bin/env",), limit=LONG, env={"ONLY": "this"}))
        assert result.stdout == "ONLY=this\n"

    def test_bytes_that_are_not_utf8(self):
        assert sh(r"printf '\377\376'").stdout == "\ufffd\ufffd"


class TestOutput:
    def test_a_hundred_megabytes_are_read_and_32_kept(self):
        result = sh("head -c 100000000 /dev/zero; printf after >&2")
        assert (result.state, result.code, len(result.stdout)) == ("done", 0, KEPT)
        assert result.stderr == "after"

    def test_both_streams_at_once(self):
        result = sh("head -c 3000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait")
        assert (len(result.stdout), len(result.stderr)) == (3_000_000, 3_000_000)

    def test_last_words_of_a_child_that_fills_the_pipe_and_ends(self):
        for _ in range(20):
            assert len(sh("head -c 65536 /dev/zero").stdout) == 65536

    def test_streams_closed_long_before_the_end(self):
        result = sh("exec >&- 2>&-; sleep 0.3; exit 5")
        assert (result.state, result.code) == ("done", 5)


class TestInput:
    def test_none_is_an_empty_input(self):
        assert sh("cat").stdout == ""

    def test_large_input_comes_back(self):
        data = bytes(range(32, 127)) * 100_000
        assert run(Command(name="test", argv=("cat",), limit=LONG, stdin=data)).stdout == data.decode()

    def test_empty_input(self):
        assert sh("cat; printf done", stdin=b"").stdout == "done"

    def test_child_that_closes_its_input_early(self):
        result = sh("exec <&-; sleep 0.2; printf on", stdin=b"x" * 10_000_000)
        assert (result.state, result.code, result.stdout) == ("done", 0, "on")

    def test_child_that_ends_without_reading(self):
        assert sh("exit 3", stdin=b"x" * 10_000_000).code == 3

    def test_child_that_never_reads_is_ended_by_the_limit(self):
        assert sh("sleep 1000", stdin=b"x" * 10_000_000, limit=0.3).state == "timeout"


class TestLimit:
    def test_what_was_written_before_is_kept(self):
        result = sh("printf out; printf err >&2; sleep 1000", limit=1.0)
        assert (result.state, result.code, result.ok) == ("timeout", None, False)
        assert (result.stdout, result.stderr) == ("out", "err")

    def test_the_sleeper_is_gone_afterwards(self, tmp_path):
        note = tmp_path / "pid"
        assert sh(f"echo $$ > {note}; exec sleep 1000", limit=1.0).state == "timeout"
        wait_until_gone(int(note.read_text()))

    def test_the_whole_family_is_gone_afterwards(self, tmp_path):
        script = f"sh -c 'echo $$ > {tmp_path}/child; exec sleep 1000' & sleep 1000"
        assert sh(script, limit=1.0).state == "timeout"
        wait_until_gone(int((tmp_path / "child").read_text()))

    def test_child_that_ignores_signals(self, tmp_path):
        note = tmp_path / "pid"
        script = f"trap '' TERM INT HUP; echo $$ > {note}; while :; do sleep 0.1; done"
        assert sh(script, limit=1.0).state == "timeout"
        wait_until_gone(int(note.read_text()))

    def test_child_that_writes_for_ever(self):
        result = sh("exec yes", limit=0.5)
        assert result.state == "timeout"
        assert 0 < len(result.stdout) <= KEPT

    def test_limit_of_nothing(self):
        assert sh("sleep 1000", limit=0.0).state == "timeout"

    def test_a_killed_child_is_no_zombie(self, tmp_path):
        note = tmp_path / "pid"
        sh(f"echo $$ > {note}; exec sleep 1000", limit=1.0)
        sh("true")  # the next start collects what was not dead in time
        assert not exists(int(note.read_text()))


class TestGrandchild:
    def test_that_holds_the_pipe_does_not_hold_us(self, tmp_path):
        note = tmp_path / "pid"
        result = sh(f"sleep 1000 & echo $! > {note}; printf hi; exit 3")
        pid = int(note.read_text())
        try:
            assert exists(pid), "the point is that we returned while it lives"
            assert (result.state, result.code, result.stdout) == ("done", 3, "hi")
        finally:
            os.kill(pid, signal.SIGKILL)

    def test_that_goes_on_writing_does_not_hold_us(self, tmp_path):
        note = tmp_path / "pid"
        result = sh(f"yes & echo $! > {note}; exit 3")
        # Without a reader it ends by SIGPIPE, unless it has already.
        assert (result.state, result.code) == ("done", 3)
        wait_until_gone(int(note.read_text()))


class TestKillAll:
    def test_ends_what_runs_in_other_threads(self, tmp_path):
        notes = [tmp_path / str(number) for number in range(4)]
        with ThreadPoolExecutor(len(notes)) as pool:
            runs = [pool.submit(sh, f"echo $$ > {note}; exec sleep 1000") for note in notes]
            pids = [int(read_when_written(note)) for note in notes]
            proc.kill_all()
            assert [run.result().code for run in runs] == [-signal.SIGKILL] * len(notes)
        assert not any(map(exists, pids))

    def test_knows_a_child_from_its_first_breath(self, tmp_path):
        """A child may run before the thread that started it has heard of it, above all where others work."""
        over = threading.Event()

        def work() -> None:
            while not over.is_set():
                sum(range(1000))

        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                pool.submit(work)
            for number in range(10):
                note = tmp_path / str(number)
                started = pool.submit(sh, f"echo $$ > {note}; exec sleep 1000", limit=20.0)
                while not note.exists():
                    pass
                proc.kill_all()
                ended = started.result()
                if ended.state == "timeout":
                    break
            over.set()
        assert (ended.state, ended.code) == ("done", -signal.SIGKILL)

    def test_for_good_starts_no_other(self):
        """What a probe would do after the death of its first child."""
        script = (
            "from envkit.core import proc\n"
            "proc.kill_all(for_good=True)\n"
            "print(proc.run(proc.Command(name='x', argv=('true',), limit=60)).state)\n"
        )
        assert python(script).stdout == "failed\n"

    def test_with_nothing_to_kill(self):
        proc.kill_all()
        proc.kill_all()

    def test_forgets_children_that_ended(self):
        before = set(proc._live)  # of tests before this one, whose probes were given up
        sh("true")
        sh("sleep 1000", limit=0.1)
        run(Command(name="test", argv=("envkit-no-such-program",), limit=LONG))
        assert proc._live <= before


def test_many_at_once_from_threads_do_not_mix():
    def one(number: int) -> str:
        return sh(f"cat; printf ' {number}'", stdin=b"x" * number * 1000).stdout

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(100)))
    assert answers == ["x" * number * 1000 + f" {number}" for number in range(100)]


def test_no_file_descriptor_is_left_open():
    sh("true")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        sh("true", stdin=b"x")
        sh("sleep 1000", limit=0.02)
        sh("exit 1", stdin=b"x" * 1_000_000)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_interrupt_kills_the_child(tmp_path):
    """Ctrl-C while a child is waited for: the child does not outlive it."""
    note = tmp_path / "pid"

    def interrupt() -> None:
        read_when_written(note)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        sh(f"echo $$ > {note}; exec sleep 1000")
    thread.join()
    sh("true")  # the next start collects what was not dead in time
    assert not exists(int(note.read_text()))


def test_children_do_not_get_the_terminal_s_signals():
    """A child in our process group would get Ctrl-C as well, and print its own traceback."""
    result = python("import os; print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid())")
    assert result.stdout.split() == ["True", "True"]


def test_standard_input_of_the_terminal_is_not_the_child_s():
    assert python("import os; print(os.readlink('/proc/self/fd/0'))").stdout.strip() == "/dev/null"
