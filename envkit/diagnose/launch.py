"""Start a person's training script with the watcher in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envkit.core import foreground
from envkit.core.errors import TargetAbsentError, UsageError

INJECT = Path(__file__).resolve().parent.parent / "payload" / "_envkit_inject"


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """What is run."""

    argv: tuple[str, ...]
    folder: str
    """Where the watcher writes its traces."""
    try_seconds: float | None = None
    """For trials; None = nothing is tried."""


def command(arguments: Sequence[str], python: str) -> tuple[str, ...]:
    """The command line: `train.py ...` and `-m module ...` get the target's Python before them.

    Raises UsageError when nothing is to be run.
    """
    if not arguments:
        raise UsageError(
            "there is no script to run", todo="give the command after --: envkit diagnose -- python train.py"
        )
    first = arguments[0]
    if first.startswith("-") or (first.endswith(".py") and not os.access(first, os.X_OK)):
        return (python, *arguments)
    return tuple(arguments)


def start(launch: Launch, environment: Mapping[str, str], *, stdout_to_stderr: bool) -> foreground.Ended:
    """Run it to its end. Raises TargetAbsentError when there is no such program."""
    path = environment.get("PYTHONPATH")
    env = {
        **environment,
        "PYTHONPATH": f"{INJECT}{os.pathsep}{path}" if path else str(INJECT),
        "ENVKIT_WATCH_DIR": launch.folder,
    }
    if launch.try_seconds is not None:
        env["ENVKIT_TRY"] = str(launch.try_seconds)
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        return foreground.run(launch.argv, env, stdout_to_stderr=stdout_to_stderr)
    except (FileNotFoundError, PermissionError) as error:
        raise TargetAbsentError(
            f"cannot run {launch.argv[0]}: {error.strerror}",
            todo="give the command as you would type it: envkit diagnose -- python train.py",
        ) from error
