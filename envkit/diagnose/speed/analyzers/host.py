"""What the machine and its settings take: threads, quota, memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = ()
