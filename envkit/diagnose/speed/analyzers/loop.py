"""The person's own lines in the loop: logging, Python work, stalls, garbage."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.diagnose.speed.analyzers import decay, garbage, lines, stalls
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (
    lines.logging,
    lines.python,
    lines.syncs,
    stalls.stalls,
    decay.decay,
    garbage.collections,
)
