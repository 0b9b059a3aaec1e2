"""Where a rendered report goes, and how the terminal wants it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from envkit.core.codec import write_text


def emit(rendered: str, output: Path | None) -> None:
    """Print a report, or write it to a file. Raises DiskError."""
    text = rendered if rendered.endswith("\n") else rendered + "\n"
    if output is not None:
        write_text(output, text)
        return
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def wants_color() -> bool:
    """Colour on a terminal only; NO_COLOR and TERM=dumb turn it off, FORCE_COLOR on."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns of the terminal, 100 where there is none, at most 120: longer lines read badly."""
    return max(40, min(shutil.get_terminal_size((100, 24)).columns, 120))


def wants_unicode() -> bool:
    """Whether the output encoding holds more than ASCII."""
    return "utf" in (sys.stdout.encoding or "").lower()
