"""Causes of slowness, each a pure function from a view of the run to what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.diagnose.speed.analyzers import compute, host, keras, loop, precision, wait
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (
    *wait.ANALYZERS,
    *loop.ANALYZERS,
    *host.ANALYZERS,
    *precision.ANALYZERS,
    *keras.ANALYZERS,
    *compute.ANALYZERS,
)
