"""What a person sees on standard error while a bench runs."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from envkit.core.text import duration, one_line

if TYPE_CHECKING:
    from envkit.bench.plan import Job
    from envkit.bench.samples import ProcessSamples

_TICK = 0.5


class Progress:
    """One line that changes on a terminal; a line for each process elsewhere; nothing with -q."""

    def __init__(self, total: int, guess: float, *, quiet: bool, sides: int) -> None:
        """total: processes. guess: seconds of one, until the first has ended."""
        self._total, self._guess, self._sides = total, guess, sides
        self._quiet = quiet
        self._animated = not quiet and sys.stderr.isatty()
        self._took: list[float] = []
        self._began = time.monotonic()
        self._label, self._what = "", ""
        self._over = threading.Event()
        self._lock = threading.Lock()
        if self._animated:
            threading.Thread(target=self._tick, daemon=True).start()

    def process(self, job: Job, left: float) -> None:
        """One begins."""
        self._began, self._what = time.monotonic(), "starting"
        side = f", side {job.arm}" if self._sides > 1 else ""
        many = f", {job.workers.nproc} together" if not job.workers.alone else ""
        self._label = f"process {job.number + 1} of {self._total}{side}{many}"
        if not self._quiet and not self._animated:
            self._write(f"{self._label}{self._left()}\n")

    def doing(self, what: str) -> None:
        """What it is about to do."""
        self._what = one_line(what, limit=60)
        self._draw()

    def ended(self, process: ProcessSamples) -> None:
        """It has ended."""
        self._took.append(process.ended - process.began)
        if process.how in ("crashed", "timeout") and not self._quiet:
            self._clear()
            self._write(f"{self._label} {one_line(process.detail, limit=300)}\n")

    def close(self) -> None:
        """Take the line away."""
        self._over.set()
        self._clear()

    def _left(self) -> str:
        each = sum(self._took) / len(self._took) if self._took else self._guess
        rest = each * (self._total - len(self._took)) - (time.monotonic() - self._began)
        return f", about {duration(max(1.0, round(rest)))} left".replace(".0 s", " s") if self._total else ""

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            self._draw()

    def _draw(self) -> None:
        if self._animated and not self._over.is_set() and self._label:
            self._write(f"\r\x1b[K{self._label}: {self._what}{self._left()}")

    def _clear(self) -> None:
        if self._animated:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                sys.stderr.write(text)
                sys.stderr.flush()
            except OSError:  # nobody reads
                self._quiet, self._animated = True, False
