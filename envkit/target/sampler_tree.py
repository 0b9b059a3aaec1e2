"""CPU seconds of a process and all that comes from it, also of what has ended meanwhile."""

from __future__ import annotations

import os
from dataclasses import dataclass

from envkit.core.machine import Machine
from envkit.facts.procfs import number

_TICKS = float(os.sysconf("SC_CLK_TCK"))
"""Of a second, in /proc (proc_pid_stat(5)); 100 on every Linux that Python runs on."""


@dataclass(slots=True)
class Process:
    """One line of /proc/<pid>/stat. Times are CPU seconds."""

    pid: int
    parent: int
    session: int
    started: int
    """Ticks since boot: tells a process from another one that got its number later."""
    own: float
    """Of itself."""
    children: float
    """Of its children that have ended and were waited for, and theirs."""

    @property
    def total(self) -> float:
        """Of itself and of its ended children."""
        return self.own + self.children


def parse_stat(text: str) -> Process | None:
    """A /proc/<pid>/stat; None when it is none. The name in it may hold anything, also parentheses."""
    head, mark, tail = text.rpartition(") ")
    words = tail.split()
    values = [number(word) for word in words[1:20]]
    pid = number(head.partition(" ")[0])
    if not mark or pid is None or len(values) < 19:
        return None
    parent, session, started = values[0], values[2], values[18]
    times = values[10:14]
    if parent is None or session is None or started is None or None in times:
        return None
    seconds = [(value or 0) / _TICKS for value in times]
    return Process(
        pid=pid,
        parent=parent,
        session=session,
        started=started,
        own=seconds[0] + seconds[1],
        children=seconds[2] + seconds[3],
    )


def read_process(machine: Machine, pid: int | str) -> Process | None:
    """None when there is no such process, or when it may not be seen."""
    text = machine.read(f"/proc/{pid}/stat", 1 << 12)
    return None if text is None else parse_stat(text)


class Tree:
    """The processes that were asked to be followed, and all that they start.

    What comes from a process is known by its parent or, when that has ended, by its session.
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._roots: dict[int, int] = {}
        """Process id and start."""
        self._known: dict[int, Process] = {}
        self._foreign: dict[int, None] = {}
        """Processes that were looked at and do not belong: they are not read again."""
        self._gone = 0.0
        """CPU seconds of what has ended and nobody waited for, less what was spent before `follow`."""

    @property
    def pids(self) -> frozenset[int]:
        """Of the living, by the last update."""
        return frozenset(self._known)

    def follow(self, pid: int) -> bool:
        """Count a process from now on. False when there is none of that number."""
        found = read_process(self._machine, pid)
        if found is None:
            return False
        self._roots[pid] = found.started
        before = frozenset(self._known) - {pid}
        self._known[pid] = found
        self._foreign.clear()
        self._add_new()
        self._gone -= sum(process.total for process in self._known.values() if process.pid not in before)
        return True

    def update(self) -> float | None:
        """CPU seconds of all that was followed, since it was; None when none of the followed lives."""
        before, now, vanished = self._known, {}, []
        for pid, old in before.items():
            new = read_process(self._machine, pid)
            if new is None or new.started != old.started:
                vanished.append(old)
            else:
                now[pid] = new
        self._gone += _unclaimed(vanished, before, now)
        self._known = now
        self._roots = {pid: at for pid, at in self._roots.items() if pid in now}
        if not self._roots:
            self._gone += sum(process.total for process in now.values())
            self._known = {}
            return None
        self._add_new()
        return self._gone + sum(process.total for process in self._known.values())

    def _add_new(self) -> None:
        """Take in what the known ones have started. Only processes not seen before are read."""
        names = [int(name) for name in self._machine.ls("/proc") or () if name.isdecimal()]
        here = set(names)
        self._foreign = {pid: None for pid in self._foreign if pid in here}
        fresh = [
            process
            for pid in names
            if pid not in self._known and pid not in self._foreign
            if (process := read_process(self._machine, pid)) is not None
        ]
        added = True
        while added:  # a child may have a lower number than its parent
            mine = [process for process in fresh if self._belongs(process)]
            added = bool(mine)
            self._known.update((process.pid, process) for process in mine)
            fresh = [process for process in fresh if process.pid not in self._known]
        self._foreign.update((process.pid, None) for process in fresh)

    def _belongs(self, process: Process) -> bool:
        return process.parent in self._known or process.session in self._roots


def _unclaimed(vanished: list[Process], before: dict[int, Process], now: dict[int, Process]) -> float:
    """CPU seconds of vanished processes that no living ancestor has got by waiting for them."""
    owed: dict[int | None, float] = {}
    for process in vanished:
        heir, steps = process.parent, 0
        while heir not in now and heir in before and steps < len(before):
            heir, steps = before[heir].parent, steps + 1
        key = heir if heir in now else None
        owed[key] = owed.get(key, 0.0) + process.total
    missing = owed.pop(None, 0.0)
    for heir_pid, seconds in owed.items():
        if heir_pid is not None and heir_pid in before:
            claimed = now[heir_pid].children - before[heir_pid].children
            missing += max(0.0, seconds - claimed)
    return missing
