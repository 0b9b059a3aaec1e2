"""Whole repetitions that take turns: real processes, stopped, let go, and ended without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envkit.core import proc
from envkit.diagnose import launch, rerun
from envkit.diagnose.model import Change, Gain, Speed
from envkit.diagnose.read import read
from envkit.diagnose.repeat import FirstRun
from envkit.diagnose.speed import arms, trials
from envkit.diagnose.speed.arms import GUARD, Field
from envkit.diagnose.speed.family import Family
from envkit.diagnose.trace import Reach, Trace
from tests.coverage_notes import require

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"
SCRIPT = Path(__file__).parent / "scripts" / "waits.py"
TREE = """
import os, sys, time
for own in (False, True):
    if os.fork() == 0:
        if own:
            os.setsid()
        if os.fork() and own:
            os._exit(0)  # its child has no parent of ours any more
        break
while True:
    time.sleep(0.01)
"""


def _quiet(text: str) -> None:
    """Nobody listens."""


def _until(true, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def _states(pids: list[int]) -> set[str]:
    return {Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[0] for pid in pids}


def _gone(pid: int) -> bool:
    try:
        return _states([pid]) <= {"Z", "X"}
    except OSError:
        return True


@pytest.fixture
def tree(tmp_path: Path):
    """A process with children and grandchildren, one of them in a session of its own."""
    folder = tmp_path / "turns" / "0" / "trace"
    folder.mkdir(parents=True)
    child = subprocess.Popen(
        (sys.executable, "-c", TREE),
        env={**os.environ, "ENVKIT_WATCH_DIR": str(folder)},
        start_new_session=True,
    )
    family = Family(str(folder))
    assert _until(lambda: len(family.members()) == 4 and "Z" not in _states(family.members()))
    try:
        yield family, child, folder
    finally:
        for pid in family.members():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        child.wait()


def test_all_of_a_tree_stands_still_goes_on_and_ends(tree):
    family, child, _ = tree
    members = family.members()
    assert child.pid in members and os.getpid() not in members
    family.stop()
    assert _until(lambda: _states(members) == {"T"})
    family.go()
    assert _until(lambda: "T" not in _states(members))
    assert family.resident() > 1 << 20 and family.seconds() >= 0.0
    family.stop()
    family.kill()
    assert _until(lambda: all(_gone(pid) for pid in members)) and family.members() in ([], [child.pid])


def test_nothing_is_left_when_the_one_who_tries_is_killed(tree, tmp_path: Path):
    family, _, _ = tree
    members = family.members()
    family.stop()
    guard = proc.Conversation((sys.executable, "-I", str(GUARD), str(tmp_path / "turns")))
    assert all(not _gone(pid) for pid in members)
    assert guard._child.stdin is not None
    guard._child.stdin.close()  # as the kernel does when a process ends
    assert guard.wait(20.0) == 0
    assert _until(lambda: all(_gone(pid) for pid in members)) and not (tmp_path / "turns").exists()


def _first(
    *argv: str, cwd: Path, monkeypatch, seconds: float | None = None
) -> tuple[FirstRun, tuple[Trace, ...]]:
    monkeypatch.chdir(cwd)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = rerun.first(argv, environment, tried=True, seconds=None, anyway=False)
    folder = cwd.parent / "first"
    folder.mkdir()
    what = launch.Launch(argv=argv, folder=str(folder), try_seconds=20.0)
    launch.start(what, run.environment, stdout_to_stderr=True)
    return run, read(str(folder))


def _gains(*changes: str) -> Speed:
    named = (one.partition("=") for one in changes)
    return Speed(
        primary=None,
        gains=(
            *(Gain(fix=name, change=Change(name=name, value=value)) for name, _, value in named),
            Gain(fix="rewrite that line", predicted=(1.0, 2.0)),
        ),
    )


def test_gains_of_a_real_run(tmp_path: Path, monkeypatch, capfd):
    require("torch (make torch)", PYTHON.exists())
    cwd = tmp_path / "project"
    cwd.mkdir()
    run, traces = _first(str(PYTHON), str(SCRIPT), "14", cwd=cwd, monkeypatch=monkeypatch)
    before, temporary = (cwd / "losses.txt").read_bytes(), set(os.listdir("/tmp"))
    capfd.readouterr()
    told: list[str] = []
    speed = _gains("workers=2", "anomaly", "batch=16")

    found = trials.tried(run, traces, speed, 40.0, told.append)

    workers, anomaly, batch, own = found.gains[:4]
    assert workers.measured is not None and workers.measured[0] <= workers.measured[1], workers
    assert workers.same_losses is True
    assert anomaly.measured is None and anomaly.how in (trials.NOTHING, trials.NO_TIME)
    assert batch.same_losses is None and (batch.measured is not None or batch.how)
    assert own == speed.gains[3]
    assert told and "3 changes" in told[0]
    # Nothing of it is seen, and nothing is left.
    assert capfd.readouterr() == ("", "")
    assert (cwd / "losses.txt").read_bytes() == before and os.listdir(cwd) == ["losses.txt"]
    assert not [name for name in set(os.listdir("/tmp")) - temporary if name.startswith("envkit-turns-")]
    assert not _alive()


def _alive() -> list[str]:
    """Environments of processes that belong to a repetition of ours."""
    found = []
    for name in os.listdir("/proc"):
        try:
            text = Path(f"/proc/{name}/environ").read_bytes() if name.isdigit() else b""
            if b"/envkit-turns-" in text and _ours(int(name)):
                found.append(name)
        except OSError:
            continue
    return found


def _ours(pid: int) -> bool:
    """Whether this process started it, or started what started it."""
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    return False


def test_interrupted(tmp_path: Path, monkeypatch):
    """Ctrl-C while runs take turns: what is known stays, and all processes end."""
    script = tmp_path / "script.py"
    script.write_text("import time\nwhile True:\n    time.sleep(0.01)\n")
    run = rerun.first((sys.executable, str(script)), dict(os.environ), tried=True, seconds=None, anyway=False)
    pids: list[int] = []

    def wait(arm: arms.Arm, seconds: float, enough: object) -> bool:
        assert _until(lambda: bool(arm.family.members()))
        pids.extend(arm.family.members())
        raise KeyboardInterrupt

    monkeypatch.setattr(arms.Arm, "wait", wait)
    found = trials.tried(run, (Trace(seed="1", argv=run.argv),), _gains("workers=2"), 30.0, _quiet)
    assert found.gains[0].how == "interrupted" and not found.gains[1].how
    assert pids and _until(lambda: all(_gone(pid) for pid in pids))


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("raise SystemExit(3)", "the run could not be repeated: it ended with exit code 3"),
        ("raise ValueError('no such thing')", "exit code 1: ValueError: no such thing"),
        ("pass", "the run could not be repeated: it ended before its steps"),
    ],
)
def test_a_run_that_cannot_be_repeated(code: str, how: str, tmp_path: Path):
    argv = (sys.executable, "-c", code)
    run = rerun.first(argv, dict(os.environ), tried=True, seconds=None, anyway=False)
    found = trials.tried(run, (Trace(seed="1", argv=argv),), _gains("workers=2"), 20.0, _quiet)
    assert how in found.gains[0].how and found.gains[0].measured is None


@pytest.mark.parametrize(
    ("trace", "argv", "how"),
    [
        (
            Trace(reach=(Reach(what="connect", name="192.0.2.1:9", address="192.0.2.1"),)),
            ("python",),
            "--try-anyway",
        ),
        (Trace(rank=0, world=2), ("python", "train.py"), "port"),
        (Trace(rank=0, world=2), ("torchrun", "--master-port", "29501", "train.py"), "port"),
    ],
)
def test_refused(trace: Trace, argv: tuple[str, ...], how: str):
    run = rerun.first(argv, dict(os.environ), tried=True, seconds=None, anyway=False)
    told: list[str] = []
    found = trials.tried(run, (trace,), _gains("workers=2"), 20.0, told.append)
    assert how in found.gains[0].how and not found.gains[1].how and not told


def test_nothing_to_try():
    run = rerun.first(("python",), {}, tried=True, seconds=None, anyway=False)
    speed = Speed(primary=None, gains=(Gain(fix="rewrite that line"),))
    assert trials.tried(run, (), speed, 20.0, _quiet) is speed


def test_which_are_taken_together():
    def one(name: str, low: float, *, free: bool = True, same: bool | None = True, value: str = "") -> Gain:
        return Gain(
            fix=name,
            change=Change(name=name, value=value),
            measured=(low, low + 0.1),
            free=free,
            same_losses=same,
        )

    gains = (
        one("workers", 0.5, value="2"),
        one("workers", 0.9, value="3"),
        one("fused", 0.1, same=None),
        one("batch", 2.0, free=False),
        one("pin", 0.3, same=False),
        one("gc", -0.05),
        Gain(fix="x", change=Change(name="x"), how=trials.NOTHING),
    )
    assert [one.change for one in trials._helped(gains)] == [gains[1].change, gains[2].change]


def test_field_takes_its_folder_away(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = rerun.first(
        (sys.executable, "-c", "pass"), dict(os.environ), tried=True, seconds=None, anyway=False
    )
    with Field(run, (), 20.0) as field:
        arm = field.arm((), {})
        arm.begin()
        assert arm.wait(15.0, lambda seen: False) is False and arm.over and not arm.failed
        assert os.path.isdir(field.folder)
    assert not os.path.exists(field.folder)
