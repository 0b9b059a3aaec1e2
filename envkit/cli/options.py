"""Flags that mean the same in every command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from envkit.core.errors import UsageError

_LOG_LIMIT = 256 << 20
"""Bytes of a log."""


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


FormatOption = Annotated[
    Format, typer.Option("--format", help="How the report is written.", show_default=True)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report to FILE.")
]
SaveOption = Annotated[
    Path | None,
    typer.Option("--save", metavar="FILE", help="Save what was read, without secrets and names."),
]
FromOption = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="FILE|-",
        help="Judge what --save wrote, or a pasted collect_env, nvidia-smi, nvidia-smi -q; repeatable.",
    ),
]
ErrorOption = Annotated[
    str | None,
    typer.Option("--error", metavar="FILE|-", help="A message, traceback or log: which causes explain it."),
]
PythonOption = Annotated[
    str | None,
    typer.Option("--python", metavar="PATH|VENV|3.12", help="The Python to look at.", show_default=False),
]
SshOption = Annotated[
    list[str] | None,
    typer.Option(
        "--ssh",
        metavar="HOST",
        help="Look at another machine, as `ssh HOST` reaches it; repeatable. It needs python3.",
    ),
]
SshConfigOption = Annotated[
    Path | None, typer.Option("--ssh-config", metavar="FILE", help="With --ssh: a configuration of ssh.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KEY|FAMILY", help="Only these checks; commas or repeated."),
]
SkipOption = Annotated[
    list[str] | None, typer.Option("--skip", metavar="KEY|FAMILY", help="All checks but these.")
]
ListOption = Annotated[bool, typer.Option("--list", help="List the checks and stop.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Warnings make the exit code 1, too.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Every check and every fact.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Problems and the verdict only.")]


def refuse_contradictions(
    *,
    python: str | None = None,
    format: Format = Format.TEXT,  # noqa: A002 - the flag's name
    json: bool = False,
    verbose: bool = False,
    quiet: bool = False,
) -> None:
    """Raises UsageError for options that cannot both be meant, and for a Python without a name."""
    if python is not None and not python.strip():
        raise UsageError(
            "--python names nothing", todo="give a path, an environment or a version: --python 3.12"
        )
    if json and format not in (Format.TEXT, Format.JSON):
        raise UsageError(f"--json and --format {format.value} contradict each other", todo="give one of them")
    if verbose and quiet:
        raise UsageError("--verbose and --quiet contradict each other", todo="give one of them")


def names(
    values: list[str] | None,
    *,
    what: str = "--only or --skip names no check",
    todo: str = "take keys or families of `envkit doctor --list`",
) -> tuple[str, ...]:
    """`["a,b", "c"]` -> `("a", "b", "c")`. Raises UsageError where an option names nothing.

    what, todo: how that is told.
    """
    if any(not value.strip(" ,") for value in values or ()):
        raise UsageError(what, todo=todo)
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def error_text(source: str) -> bytes:
    """What `--error` names: a file, or standard input for `-`. Raises BadInputError."""
    from envkit.core.codec import read_input

    return read_input(source, limit=_LOG_LIMIT)
