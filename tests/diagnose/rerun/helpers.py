"""A run and its repetition, as `envkit diagnose --try` makes them."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from envkit.diagnose import launch, rerun
from envkit.diagnose.read import read
from envkit.diagnose.repeat import FirstRun, Second, repeat
from envkit.diagnose.trace import Trace

SCRIPTS = Path(__file__).parent / "scripts"
LIMIT = 120.0


def run(*argv: str, cwd: Path, monkeypatch, anyway: bool = False) -> tuple[FirstRun, tuple[Trace, ...]]:
    """A first run in a folder: what it was, and its traces."""
    monkeypatch.chdir(cwd)
    first = rerun.first(argv, dict(os.environ), tried=True, seconds=None, anyway=anyway)
    with tempfile.TemporaryDirectory(prefix="envkit-trace-") as folder:
        ended = launch.start(
            launch.Launch(argv=argv, folder=folder, try_seconds=20.0),
            first.environment,
            stdout_to_stderr=False,
        )
        assert ended.code == 0
        return first, read(folder)


def again(first: FirstRun, traces: tuple[Trace, ...], shift: int = 0) -> Second:
    """The same once more, with no step to look at. shift: other than 0 for other random numbers."""
    return repeat(first, traces, {"arm_at": -1, "shift": shift}, LIMIT)


def python(*argv: str) -> tuple[str, ...]:
    """A command of the Python that runs this."""
    return (sys.executable, *argv)
