"""What envkit does while the script runs: says at once that something went wrong, and looks at its memory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from envkit.core.machine import Machine
from envkit.diagnose.memory import MemoryUse
from envkit.facts.host_model import Memory
from envkit.facts.probes import memory

_PERIOD = 1.0
_MOST = 600
"""Moments kept: from then on every second one is left out."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TRIP = b'"kind": "trip"'


class Attendant:
    """Called now and then with the script's process id."""

    def __init__(
        self,
        machine: Machine,
        folder: str,
        say: Callable[[str], None],
        follow: Callable[[int], None] | None = None,
    ) -> None:
        """follow: told the script's process id once, as soon as it is known."""
        self._follow = follow
        self._machine = machine
        self._folder = folder
        self._say = say
        self._before = memory.read(machine)
        self._available = self._before.available
        self._began = time.monotonic()
        self._next = self._began
        self._every = _PERIOD
        self._read: dict[str, int] = {}
        self._told = False
        self._resident: list[tuple[float, int]] = []

    def __call__(self, pid: int) -> None:
        """Look once."""
        now = time.monotonic()
        if self._follow is not None:
            self._follow(pid)
            self._follow = None
        if not self._told:
            self._look_for_trip()
        if now < self._next:
            return
        self._next = now + self._every
        held = resident(pid)
        if held:
            self._resident.append((round(now - self._began, 1), held))
        if len(self._resident) >= _MOST:
            del self._resident[1::2]
            self._every *= 2
        left = available()
        if left is not None:
            self._available = min(left, self._available or left)

    def ended(self) -> MemoryUse:
        """What was seen of the memory."""
        if not self._told:
            self._look_for_trip()
        after = memory.read(self._machine)
        return MemoryUse(
            limit=self._before.cgroup_limit or self._before.total,
            available=self._available,
            kills=_kills(self._before, after),
            resident=tuple(self._resident),
        )

    def _look_for_trip(self) -> None:
        try:
            names = os.listdir(self._folder)
        except OSError:
            return
        for name in names:
            if name.endswith(".jsonl") and (line := self._new_trip(name)) is not None:
                self._told = True
                self._say(trip_line(line))
                return

    def _new_trip(self, name: str) -> bytes | None:
        """The line, if it is in what was written since the last look."""
        try:
            with open(os.path.join(self._folder, name), "rb") as file:
                file.seek(self._read.get(name, 0))
                text = file.read()
        except OSError:
            return None
        whole, newline, _ = text.rpartition(b"\n")
        self._read[name] = self._read.get(name, 0) + len(whole) + len(newline)
        return next((line for line in whole.split(b"\n") if _TRIP in line), None)


def trip_line(line: bytes) -> str:
    """`step 214: the loss is nan; looking into it`."""
    try:
        found = json.loads(line)
        return f"step {int(found['step'])}: the {found['what']} is {found['value']}; looking into it"
    except (ValueError, KeyError, TypeError):
        return "something is not finite; looking into it"


def resident(pid: int) -> int:
    """Bytes that a process and its descendants hold; what they share is counted for each."""
    total, waiting, seen = 0, [pid], set[int]()
    while waiting and len(seen) < 256:
        one = waiting.pop()
        seen.add(one)
        try:
            with open(f"/proc/{one}/statm", "rb") as file:
                total += int(file.read().split()[1]) * _PAGE
            with open(f"/proc/{one}/task/{one}/children", "rb") as file:
                waiting += [int(word) for word in file.read().split() if int(word) not in seen]
        except (OSError, ValueError, IndexError):  # it has ended meanwhile
            continue
    return total


def available() -> int | None:
    """MemAvailable, in bytes."""
    try:
        with open("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _kills(before: Memory, after: Memory) -> int | None:
    """Of the group, where it counts them, else of the machine."""
    for one, other in (
        (before.oom_kills, after.oom_kills),
        (before.oom_kills_host, after.oom_kills_host),
    ):
        if one is not None and other is not None and other > one:
            return other - one
    known = (before.oom_kills, before.oom_kills_host)
    return None if known == (None, None) else 0
