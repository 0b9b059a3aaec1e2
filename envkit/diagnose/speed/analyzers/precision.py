"""Number types, layouts and compilers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = ()
