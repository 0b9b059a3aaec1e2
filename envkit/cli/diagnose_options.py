"""The options of `envkit diagnose`, and as one value."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from envkit.cli.options import Format
from envkit.core.errors import DiskError, UsageError

LEFT_OUT = "default"
"""Stands for the value of `--try` where none was given."""
TRY_SECONDS = 60.0
_LONGEST = 7 * 86_400.0


class Whose(StrEnum):
    """Whose exit code `envkit diagnose` ends with."""

    ENVKIT = "envkit"
    SCRIPT = "script"


CommandArgument = Annotated[
    list[str] | None, typer.Argument(metavar="-- COMMAND...", help="As you would type it.")
]
TryOption = Annotated[
    str | None,
    typer.Option(
        "--try",
        metavar="[=SECONDS]",
        help="Try fixes in copies of the process, and run the script again where that is not enough, and for "
        "what is slow; 60 seconds, or as many as you say.",
    ),
]
AnywayOption = Annotated[
    bool,
    typer.Option(
        "--try-anyway", help="Run the script again although it wrote elsewhere or opened connections."
    ),
]
ApplyOption = Annotated[
    bool,
    typer.Option("--apply", help="Offer the change that mends it: shown first, written if you agree."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="With --apply: write it unasked.")]
ImageOption = Annotated[
    str | None,
    typer.Option("--image", metavar="NAME", help="Run in this container image, with this folder in it."),
]
OnlyOption = Annotated[
    str | None,
    typer.Option("--only", metavar="faults|speed", help="What is looked for; both unless you say."),
]
FailOption = Annotated[
    str,
    typer.Option(
        "--fail-on",
        metavar="fault|slow|never",
        help="What makes the exit code 1; slow: a fault, or a cause that takes 10 % of the time.",
    ),
]
StopOption = Annotated[
    bool, typer.Option("--stop-on-fault", help="End the script as soon as something is not finite.")
]
ExitCodeOption = Annotated[Whose, typer.Option("--exit-code", help="Whose exit code this ends with.")]
SaveTraceOption = Annotated[
    Path | None,
    typer.Option(
        "--save",
        metavar="FILE",
        help="Save what was seen and your files that it names, without secrets and names.",
    ),
]
FromTraceOption = Annotated[
    str | None, typer.Option("--from", metavar="FILE|-", help="Judge what --save wrote; runs nothing.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What was asked for."""

    command: tuple[str, ...]
    python: str | None
    image: str | None
    tries: str | None
    anyway: bool
    apply: bool
    yes: bool
    only: str | None
    fail_on: str
    stop: bool
    exit_code: Whose
    save: Path | None
    source: str | None
    format: Format
    output: Path | None
    verbose: bool
    quiet: bool

    @property
    def try_seconds(self) -> float | None:
        """For trials; None = nothing is tried."""
        return None if self.tries is None else self.said_seconds or TRY_SECONDS

    @property
    def said_seconds(self) -> float | None:
        """As the person said; None where they did not."""
        return None if self.tries in (None, LEFT_OUT) else float(str(self.tries))

    @property
    def takes_stdout(self) -> bool:
        """Whether the answer goes to standard output, so that the script's goes elsewhere."""
        return self.format is Format.JSON and self.output is None

    def check(self) -> None:
        """Raises UsageError where options make no sense, or not together."""
        _known(self.only, self.fail_on)
        _seconds(self.tries)
        if self.anyway and self.tries is None:
            raise UsageError("--try-anyway says how --try is meant", todo="add --try, or leave it out")
        if self.save is not None and str(self.save) == "-":
            raise UsageError(
                "--save - would mix with the script's own output", todo="give a file: --save FILE"
            )
        if self.image is not None and not self.image.strip():
            raise UsageError("--image names nothing", todo="give the name of an image: docker image ls")
        self._one_source()
        self._apply()
        for path in (self.save, self.output):
            if path is not None:
                _writable(path)

    def _one_source(self) -> None:
        if self.source is None:
            if self.image is not None and self.tries is not None:
                raise UsageError(
                    "--try works on this machine's processes, and --image runs elsewhere",
                    todo="leave out --try, or run envkit inside of the container",
                )
            return
        running = {
            "the command": bool(self.command), "--python": self.python, "--image": self.image,
            "--try": self.tries, "--stop-on-fault": self.stop, "--save": self.save,
            "--exit-code script": self.exit_code is Whose.SCRIPT,
        }  # fmt: skip
        given = next((name for name, value in running.items() if value), None)
        if given is not None:
            raise UsageError(
                f"--from judges a file and runs nothing, and {given} is for a run", todo=f"leave out {given}"
            )

    def _apply(self) -> None:
        if not self.apply:
            if self.yes:
                raise UsageError(
                    "--yes answers the question of --apply", todo="add --apply, or leave out --yes"
                )
            return
        if self.source is not None:
            raise UsageError(
                "--apply changes a file of this machine, and --from judges another run",
                todo="leave out --from, or run the script here",
            )
        if self.format not in (Format.TEXT, Format.JSON):
            raise UsageError(
                f"--apply does not go with --format {self.format.value}", todo="take text or json"
            )
        if not self.yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(
                "--apply asks before it writes, and there is no terminal to ask on",
                todo="run it on a terminal, or add --yes to write the change unasked",
            )


def _writable(path: Path) -> None:
    """Raises DiskError now rather than after hours of training."""
    folder = path.parent
    why = "no such folder" if not folder.is_dir() else "it is a folder" if path.is_dir() else None
    if why is None and not path.exists() and not os.access(folder, os.W_OK):
        why = "no permission in that folder"
    if why is not None:
        raise DiskError(
            f"cannot write {path}: {why}",
            todo="give a path in a directory that exists and that you may write to",
        )


def _known(only: str | None, fail_on: str) -> None:
    if only not in (None, "faults", "speed"):
        raise UsageError(f"--only does not know {only!r}", todo="it knows faults and speed")
    if fail_on not in ("fault", "slow", "never"):
        raise UsageError(f"--fail-on does not know {fail_on!r}", todo="it knows fault, slow and never")
    if only == "faults" and fail_on == "slow":
        raise UsageError(
            "--fail-on slow asks for what --only faults leaves out", todo="leave out one of the two"
        )


def _seconds(tries: str | None) -> None:
    if tries is None or tries == LEFT_OUT:
        return
    try:
        seconds = float(tries)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST:
        raise UsageError(f"--try {tries} is no number of seconds", todo="give one like --try=60, or none")
