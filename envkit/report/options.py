"""How a report is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from envkit.core.report import Report


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a report is wanted. Each format takes from it what applies to it."""

    verbose: bool = False
    """Every check with its outcome, and the sections of detail."""
    quiet: bool = False
    """The titles of problems and the verdict."""
    color: bool = False
    width: int = 100
    """Cells of the terminal."""
    unicode: bool = True
    """Whether the terminal shows more than ASCII."""


Renderer = Callable[[Report, Options], str]
