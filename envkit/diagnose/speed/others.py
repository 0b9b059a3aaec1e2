"""How busy others kept the machine while something was measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from envkit.diagnose.speed.quiet import NEIGHBOURS


class Others:
    """What other processes took of the CPUs while a run went."""

    def __init__(self) -> None:
        self._taken = self._whole = 0.0

    @contextmanager
    def beside(self, own: Callable[[], float]) -> Iterator[None]:
        """During a slice. own: tells the CPU seconds of the run so far."""
        began, busy, before = time.monotonic(), _busy(), own()
        yield
        seconds = time.monotonic() - began
        self._whole += seconds * (os.cpu_count() or 1)
        self._taken += max(0.0, _busy() - busy - max(0.0, own() - before))

    def said(self) -> str:
        """A word of warning where it was much."""
        share = self._taken / self._whole if self._whole else 0.0
        return f"other processes used {share:.0%} of the CPUs meanwhile" if share > NEIGHBOURS else ""


def _busy() -> float:
    """Seconds that the CPUs of the machine were not idle."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
        return (sum(ticks) - sum(ticks[3:5])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0
