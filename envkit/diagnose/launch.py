"""Start a person's training script with the watcher in it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from envkit.core import foreground
from envkit.core.errors import TargetAbsentError

INJECT = Path(__file__).resolve().parent.parent / "payload" / "_envkit_inject"


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """What is run."""

    argv: tuple[str, ...]
    folder: str
    """Where the watcher writes its traces."""
    try_seconds: float | None = None
    """For trials; None = nothing is tried."""
    stop: bool = False
    """End the script when something is not finite."""


def start(
    launch: Launch,
    environment: Mapping[str, str],
    *,
    stdout_to_stderr: bool,
    meanwhile: Callable[[int], None] | None = None,
) -> foreground.Ended:
    """Run it to its end. Raises TargetAbsentError when there is no such program.

    meanwhile: called now and then with its process id.
    """
    path = environment.get("PYTHONPATH")
    env = {
        **environment,
        "PYTHONPATH": f"{INJECT}{os.pathsep}{path}" if path else str(INJECT),
        "ENVKIT_WATCH_DIR": launch.folder,
    }
    if launch.try_seconds is not None:
        env["ENVKIT_TRY"] = str(launch.try_seconds)
    if launch.stop:
        env["ENVKIT_STOP"] = "1"
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        return foreground.run(launch.argv, env, stdout_to_stderr=stdout_to_stderr, meanwhile=meanwhile)
    except OSError as error:  # not there, not executable, no program at all
        raise TargetAbsentError(
            f"cannot run {launch.argv[0]}: {error.strerror}",
            todo="give the command as you would type it: envkit diagnose -- python train.py",
        ) from error
