"""`envkit diagnose`."""

from __future__ import annotations

import shlex
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from envkit.cli.options import (
    Format,
    FormatOption,
    JsonOption,
    OutputOption,
    PythonOption,
    QuietOption,
    VerboseOption,
    refuse_contradictions,
)
from envkit.core.errors import ExitCode

if TYPE_CHECKING:
    from envkit.core.foreground import Ended
    from envkit.diagnose.trace import Trace

_MAX_FILE = 4 << 20


class Whose(StrEnum):
    """Whose exit code `envkit diagnose` ends with."""

    ENVKIT = "envkit"
    SCRIPT = "script"


def diagnose(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND...", help="As you would type it.")
    ] = None,
    python: PythonOption = None,
    try_: Annotated[
        str | None,
        typer.Option("--try", metavar="[SECONDS]", help="Try fixes in copies of the process; most seconds."),
    ] = None,
    exit_code: Annotated[Whose, typer.Option("--exit-code", help="Whose exit code this ends with.")] = (
        Whose.ENVKIT
    ),
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a training script, watch it, and say why its loss is not finite: cause, line, sample, fix.

    The script runs as it would without; the report comes after it, on standard error.
    """
    refuse_contradictions(python=python, format=format, json=json, verbose=verbose, quiet=quiet)
    from envkit.diagnose import launch
    from envkit.diagnose.judge import ended as said
    from envkit.diagnose.judge import judge
    from envkit.diagnose.read import read

    written = Format.JSON if json else format
    argv = launch.command(command or (), _python(python))
    with tempfile.TemporaryDirectory(prefix="envkit-trace-") as folder:
        ended = launch.start(
            launch.Launch(argv=argv, folder=folder, try_seconds=None if try_ is None else float(try_)),
            _environment(),
            stdout_to_stderr=written is Format.JSON and output is None,
        )
        traces = read(folder)
    files = _files(traces)
    diagnosis = judge(traces, said(ended.code, ended.signal), files)
    if written is Format.JSON:
        from envkit.cli.output import emit
        from envkit.core.codec import dumps, to_json

        emit(dumps(to_json(diagnosis)), output)
    else:
        _tell(_rendered(diagnosis, traces, files, argv, written, output, verbose, quiet), output)
    if exit_code is Whose.SCRIPT:
        raise typer.Exit(_code(ended))
    if diagnosis.verdict == "faulty":
        raise typer.Exit(ExitCode.PROBLEM)


def _python(python: str | None) -> str:
    from envkit.core.machine import Machine
    from envkit.target.locate import locate

    return locate(Machine.here(), python).executable


def _environment() -> dict[str, str]:
    from envkit.core.machine import Machine

    return dict(Machine.here().env)


def _code(ended: Ended) -> int:
    """As a shell tells it: 128 and the signal's number."""
    return 128 + ended.signal if ended.signal is not None else ended.code or 0


def _rendered(
    diagnosis: object,
    traces: tuple[Trace, ...],
    files: dict[str, str],
    argv: tuple[str, ...],
    format: Format,  # noqa: A002
    output: Path | None,
    verbose: bool,
    quiet: bool,
) -> str:
    from envkit.cli.output import options
    from envkit.diagnose.model import Diagnosis
    from envkit.diagnose.summary import report
    from envkit.report import render

    assert isinstance(diagnosis, Diagnosis)
    told = report(diagnosis, traces, files, command=shlex.join(argv))
    return render(told, format.value, options(to_file=output is not None, verbose=verbose, quiet=quiet))


def _files(traces: tuple[Trace, ...]) -> dict[str, str]:
    """The person's own files that an event names."""
    found = {}
    for path in {frame[0] for trace in traces for event in trace.events for frame in event.stack[:1]}:
        try:
            with open(path, encoding="utf-8") as file:
                found[path] = file.read(_MAX_FILE)
        except (OSError, UnicodeDecodeError):
            continue
    return found


def _tell(text: str, output: Path | None) -> None:
    """The report of a script goes to standard error: standard output is the script's."""
    if output is not None:
        from envkit.core.codec import write_text

        write_text(output, text + "\n")
        return
    sys.stderr.write("\n" + text + "\n")
