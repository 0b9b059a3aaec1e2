"""All processes of one repetition: stopped, let go and ended together."""

from __future__ import annotations

import os
import signal
import time

_ROUNDS = 8
"""Looks for processes that came while the others were stopped, at most."""
AFTER = 1.0
"""Seconds that helpers which tidy up (shared memory, semaphores) have after the end of what they serve."""
_YOUNG = 5.0
"""Seconds in which a process may still become one of ours: before exec it has another environment."""
_HELPERS = (b"resource_tracker", b"torch_shm_manager")


class Family:
    """The processes of one repetition, known by their environment and by their parents."""

    def __init__(self, folder: str) -> None:
        """folder: where their traces go, and nobody else's."""
        self._mark = f"ENVKIT_WATCH_DIR={folder}\0".encode()
        self._foreign: set[int] = set()
        self._own: set[int] = set()

    def members(self) -> list[int]:
        """Process ids, in the order of their numbers: parents first, as a rule."""
        alive = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        self._own = {pid for pid in self._own & alive if not _is_dead(pid)}
        self._foreign &= alive
        for pid in sorted(alive - self._foreign - self._own):
            if self._is_own(pid):
                self._own.add(pid)
            elif _age(pid) > _YOUNG:
                self._foreign.add(pid)
        return sorted(self._own)

    def _is_own(self, pid: int) -> bool:
        try:
            if _is_dead(pid):
                return False
            if int(_stat(pid)[1]) in self._own:
                return True
            with open(f"/proc/{pid}/environ", "rb") as file:
                return self._mark in file.read() + b"\0"
        except (OSError, ValueError, IndexError):
            return False

    def stop(self) -> float:
        """Have all of them stand still, also those that came meanwhile. Returns the instant.

        Those that are known are stopped at once: to look for others takes a while.
        """
        stopped = set(self._own)
        for pid in sorted(stopped):
            _send(pid, signal.SIGSTOP)
        at = time.monotonic()
        for _ in range(_ROUNDS):
            new = [pid for pid in self.members() if pid not in stopped]
            if not new:
                break
            for pid in new:
                _send(pid, signal.SIGSTOP)
            stopped.update(new)
        return at

    def go(self) -> float:
        """Have them go on: nobody came while they stood still. Returns the instant."""
        at = time.monotonic()
        for pid in sorted(self._own, reverse=True):
            _send(pid, signal.SIGCONT)
        return at

    def kill(self) -> None:
        """End them all: first those that work, then, a little later, those that tidy up after them."""
        self._foreign.clear()
        deadline = time.monotonic() + AFTER
        while members := self.members():
            late = time.monotonic() > deadline
            for pid in members:
                helper = not late and any(one in _command(pid) for one in _HELPERS)
                _send(pid, signal.SIGCONT if helper else signal.SIGKILL)
            if time.monotonic() > deadline + AFTER:  # stuck in the kernel
                return
            time.sleep(0.01)

    def seconds(self) -> float:
        """CPU seconds of those that are there, and of their children that have ended."""
        ticks = 0
        for pid in sorted(self._own):
            try:
                ticks += sum(map(int, _stat(pid)[11:15]))
            except (OSError, ValueError, IndexError):
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory, what they share counted once."""
        total = 0
        for pid in self.members():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                    total += sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
            except (OSError, ValueError, IndexError):
                continue
        return total


def _age(pid: int) -> float:
    """Seconds since its start; 0 where that cannot be read."""
    try:
        with open("/proc/uptime", "rb") as file:
            up = float(file.read().split()[0])
        return up - int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _is_dead(pid: int) -> bool:
    try:
        return _stat(pid)[0] in ("Z", "X")
    except (OSError, IndexError):
        return True


def _command(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(4096)
    except OSError:
        return b""
