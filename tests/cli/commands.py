"""envkit as a person starts it: a real process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
FAULTY = ROOT / "tests/snapshots/faulty-workstation.json"
"""A saved snapshot in which doctor finds errors, warnings and notes."""
ENVKIT = (sys.executable, "-m", "envkit.cli.main")

_DROPPED = (
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "GITHUB_ACTIONS",
    "PY_COLORS",
    "TTY_COMPATIBLE",
)
"""What decides about colour and width, so that a test says it itself."""


def environment(**more: str) -> dict[str, str]:
    """The environment of the tests, without what would decide about colour and width."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **more}


def envkit(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end. Standard input is empty unless given."""
    done = subprocess.run(
        [*ENVKIT, *map(str, arguments)],
        env=environment(**(env or {})),
        cwd=cwd,
        capture_output=True,
        input=stdin or b"",
        timeout=100,
    )
    return subprocess.CompletedProcess(
        done.args,
        done.returncode,
        done.stdout.decode("utf-8", "strict"),
        done.stderr.decode("utf-8", "strict"),
    )


def told(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """The two lines in which an error is told: what happened, what to do.

    That another bench runs on this machine is no error: other tests may have one.
    """
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("\n")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("another bench runs on this")]
    first, second = lines
    assert first.startswith("envkit: ") and len(first) > len("envkit: ")
    assert second.startswith("  ") and second.strip()
    return first.removeprefix("envkit: "), second.strip()
