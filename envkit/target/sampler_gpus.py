"""GPUs at each moment, through the child that asks NVML: a driver that hangs costs the figures only."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from envkit.core.machine import Machine
from envkit.core.proc import Conversation
from envkit.core.text import one_line
from envkit.core.threads import start_deaf
from envkit.facts import nvml_watch
from envkit.facts.probes.nvml import child_argv
from envkit.target.conditions import GpuFacts, GpuMoment

_NO_GPU = ("no-library", "no-devices", "driver-not-loaded")
"""States of NVML in which there is no GPU to sample, and nothing to say about it."""
_ROOM = 0.3
"""Seconds beyond its own deadline that an answer may take to arrive."""
_MOST_LINE = 1 << 20
_UNSEEN = "a process that cannot be seen from here"


class GpuProcess(msgspec.Struct, frozen=True):
    """Who computes on a GPU."""

    pid: int
    name: str | None = None
    used: bool | None = None
    """Whether it did so just now; None = not told."""


class Reading(msgspec.Struct, frozen=True):
    """What the child says of one GPU."""

    index: int
    sm_clock: int | None = None
    memory_clock: int | None = None
    reasons: tuple[str, ...] = ()
    temperature: float | None = None
    power: float | None = None
    power_limit: float | None = None
    energy: float | None = None
    utilisation: float | None = None
    pcie_generation: int | None = None
    pcie_width: int | None = None
    processes: tuple[GpuProcess, ...] | None = None


class GpuWatch:
    """The child, started once; `read` asks it, `end` ends it. It also ends with this process."""

    def __init__(self, machine: Machine) -> None:
        self._changed = threading.Condition()
        """Guards what follows."""
        self._facts: dict[int, GpuFacts] = {}
        self._trouble: dict[str, None] = {}
        self._answer: tuple[int, tuple[Reading, ...]] = (0, ())
        self._asked = 0
        self._open = False
        self._foreign: set[tuple[int, int]] = set()
        """Index and process id of those that were there when nothing was measured."""
        self._child: Conversation | None = None
        if not machine.is_here:  # what is recorded does not move
            return
        argv = child_argv(machine, Path(nvml_watch.__file__))
        try:
            self._child = Conversation(argv, env=machine.env)
        except OSError as error:
            self._trouble[f"the GPUs were not sampled: {error}"] = None
            return
        self._open = True
        start_deaf(threading.Thread(target=self._listen, args=(self._child,), daemon=True))

    @property
    def facts(self) -> tuple[GpuFacts, ...]:
        """What does not change, of the GPUs that have answered."""
        with self._changed:
            return tuple(self._facts[index] for index in sorted(self._facts))

    @property
    def trouble(self) -> tuple[str, ...]:
        """Why something could not be sampled."""
        with self._changed:
            return tuple(self._trouble)

    def read(self, own: frozenset[int] | None) -> tuple[GpuMoment, ...]:
        """Every GPU that answers now. own: processes of what is measured; None = nothing is measured yet."""
        with self._changed:
            if not self._open or self._child is None:
                return ()
            self._asked += 1
            try:
                self._child.write(b"%d\n" % self._asked)
            except OSError:  # `_listen` says why
                return ()
            asked = self._asked
            limit = nvml_watch.ANSWER + _ROOM
            self._changed.wait_for(lambda: self._answer[0] >= asked or not self._open, limit)
            answered, readings = self._answer
            if answered != asked:
                return ()
            return tuple(self._moment(reading, own) for reading in readings)

    def end(self) -> None:
        """Kill the child; nobody waits for one that is stuck in the driver."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        if self._child is not None:
            self._child.end()

    def _moment(self, reading: Reading, own: frozenset[int] | None) -> GpuMoment:
        others, mine = self._whose(reading, own)
        fields = {name: getattr(reading, name) for name in reading.__struct_fields__ if name != "processes"}
        return GpuMoment(**fields, others=others, own=mine)

    def _whose(
        self, reading: Reading, own: frozenset[int] | None
    ) -> tuple[tuple[str, ...] | None, bool | None]:
        """Names of others on it, and whether what is measured is on it.

        In a container NVML may tell numbers of processes that are not those seen here. Such a one is
        another's when it was there before anything was measured, or when ours are among those that are seen.
        """
        if reading.processes is None:
            return None, None
        if own is None:
            self._foreign.update((reading.index, process.pid) for process in reading.processes)
            own = frozenset()
        mine = any(process.pid in own for process in reading.processes)
        names: list[str] = []
        unclear = False
        for process in reading.processes:
            if process.pid in own or process.used is False:
                continue
            known = process.name is not None or mine or (reading.index, process.pid) in self._foreign
            unclear = unclear or not known
            if known:
                names.append(
                    one_line(process.name) if process.name else "a process that cannot be seen from here"
                )
        if unclear:
            return (tuple(names) or None), None
        return tuple(names), mine

    def _listen(self, child: Conversation) -> None:
        state = ""
        for line in _lines(child):
            with self._changed:
                state = str((line.get("system") or {}).get("state") or state)
                self._take(line)
                self._changed.notify_all()
        code = child.wait(1.0)
        with self._changed:
            wanted, self._open = self._open, False
            if wanted and state not in _NO_GPU:
                last = one_line(child.errors.strip().rpartition("\n")[2])
                how = f"the driver's library crashed ({_signal(-code)})" if code and code < 0 else last
                self._trouble[f"the GPUs were not sampled to the end: {how or state or 'no answer'}"] = None
            self._changed.notify_all()

    def _take(self, line: dict[str, Any]) -> None:
        """One line of the child; what is not of its form is passed over."""
        try:
            if "facts" in line:
                facts = msgspec.convert(line["facts"], GpuFacts)
                self._facts[facts.index] = facts
            if "asked" in line:
                readings = msgspec.convert(line["gpus"], tuple[Reading, ...])
                self._answer = (msgspec.convert(line["asked"], int), readings)
                late = [one_line(str(text)) for text in line.get("late") or ()]
                self._trouble.update(dict.fromkeys(f"NVML: {text}" for text in late))
        except (msgspec.ValidationError, KeyError):
            return


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _lines(child: Conversation) -> Iterator[dict[str, Any]]:
    buffer = bytearray()
    while True:
        try:
            chunk = child.read(1 << 16)
        except (OSError, ValueError):
            return
        if not chunk:
            return
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            try:
                value = msgspec.json.decode(bytes(buffer[:end]))
            except (msgspec.DecodeError, RecursionError):
                value = None
            del buffer[: end + 1]
            if isinstance(value, dict):
                yield value
        if len(buffer) > _MOST_LINE:
            buffer.clear()
