"""What became of a fix. It stands apart, since every answer of doctor names it and few runs apply any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.core.finding import Apply


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What became of one fix that `--apply` looked at."""

    key: str
    kind: Apply
    command: str
    """The command or commands that were shown; the line of the shell where a start-up file was changed."""
    outcome: Literal["applied", "declined", "failed", "interrupted", "not-offered"]
    finding: Literal["gone", "still there"] | None = None
    """What doctor said of the problem when it looked again; null where nothing was applied."""
    exit_code: int | None = None
    """Of the pip command that failed."""
    detail: str = ""
    """Why it was not offered, or what failed and how far it had come."""
    file: str | None = None
    """The start-up file that was changed."""
    undo: str | None = None
    """A command that goes back."""
