"""Where a rendered report goes, and how the terminal wants it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from envkit.core.codec import write_text
from envkit.core.errors import DiskError

if TYPE_CHECKING:
    from envkit.core.report import Report
    from envkit.report import Options


def emit(rendered: str, output: Path | None) -> None:
    """Print a report, or write it to a file. Raises DiskError."""
    text = rendered if rendered.endswith("\n") else rendered + "\n"
    if output is not None:
        write_text(output, text)
        return
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader went away (`| head`): there is nobody to tell.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    except OSError as error:
        raise DiskError(
            f"cannot write to standard output: {error.strerror}", todo="make space, or give --output FILE"
        ) from error


def shareable(report: Report) -> Report:
    """The report without secrets and without names of the person, the home and the machine."""
    from envkit.core.codec import from_json, to_json
    from envkit.core.redact import Identity, saved
    from envkit.core.report import Report

    return from_json(Report, saved(to_json(report), Identity.here()))


def wants_color(stream: TextIO | None = None) -> bool:
    """Colour on a terminal only; NO_COLOR and TERM=dumb turn it off, FORCE_COLOR on.

    stream: where the text goes; None = standard output.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return (stream or sys.stdout).isatty() and os.environ.get("TERM") != "dumb"


def width(stream: TextIO | None = None) -> int:
    """Columns of the terminal, 100 where there is none, at most 120: longer lines read badly."""
    columns = shutil.get_terminal_size((100, 24)).columns
    if stream is not None and stream.isatty() and not os.environ.get("COLUMNS"):
        columns = os.get_terminal_size(stream.fileno()).columns or columns
    return max(40, min(columns, 120))


def wants_unicode(stream: TextIO | None = None) -> bool:
    """Whether the output encoding holds more than ASCII."""
    return "utf" in ((stream or sys.stdout).encoding or "").lower()


def options(*, to_file: bool, verbose: bool = False, quiet: bool = False, on_stderr: bool = False) -> Options:
    """How a report is wanted on this terminal, or in a file."""
    from envkit.report import Options

    stream = sys.stderr if on_stderr else None

    return Options(
        verbose=verbose,
        quiet=quiet,
        color=not to_file and wants_color(stream),
        width=100 if to_file else width(stream),
        unicode=to_file or wants_unicode(stream),
    )
