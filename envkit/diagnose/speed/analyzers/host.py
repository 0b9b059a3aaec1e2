"""What the machine and its settings take: threads, quota, memory, switches, the start."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.diagnose.speed.analyzers import clocks, debug, memory, parallel, ranks, start, threads
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (
    ranks.held_back,
    ranks.exposed,
    threads.quota,
    threads.oversubscription,
    memory.pressure,
    clocks.held_back,
    parallel.data_parallel,
    parallel.backend,
    parallel.unused,
    start.start,
    *debug.ANALYZERS,
)
