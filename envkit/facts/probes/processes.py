"""The process table, counted from /proc/<pid>/stat only: reading another process's cmdline can hang."""

from __future__ import annotations

import time
from dataclasses import dataclass

from envkit.core.machine import Ahead, Machine
from envkit.core.text import one_line
from envkit.facts.host_model import Processes, StuckProcess
from envkit.facts.probe import Probe, ProbeStop
from envkit.facts.procfs import kernel_threads_visible, number, pairs, read_mounts

_MOMENT = 0.08
"""Seconds between the two looks at processes in state D."""
_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD of include/linux/sched.h, in the flags of stat."""


@dataclass(frozen=True, slots=True)
class _Stat:
    pid: int
    name: str
    state: str
    kernel: bool
    started: str
    """Clock ticks since boot: with the pid, it tells one process from the next of that number."""


def read(machine: Machine) -> Processes:
    """Counts and the processes that stay in uninterruptible sleep."""
    names = machine.ls("/proc")
    if names is None:
        raise ProbeStop("failed", "/proc cannot be read")
    pids = [pid for name in names if (pid := number(name)) is not None]
    states = [(pid, _state(machine, pid)) for pid in pids]
    waiting = [found for pid, state in states if state == b"D" and (found := _stat(machine, pid)) is not None]
    return Processes(
        total=len(pids),
        zombies=sum(state == b"Z" for _, state in states),
        stuck=_stuck(machine, [found for found in waiting if found.state == "D" and not found.kernel]),
        hidden=_hidden(machine),
    )


def _state(machine: Machine, pid: int) -> bytes:
    """The one field that is wanted of every process, at the least cost; empty when it cannot be read."""
    try:
        data = machine.read_bytes(f"/proc/{pid}/stat", 128)
    except OSError:
        return b""
    return data[data.rfind(b") ") + 2 :][:1]


def _stat(machine: Machine, pid: int) -> _Stat | None:
    try:
        data = machine.read_bytes(f"/proc/{pid}/stat", 512)
    except OSError:
        return None
    # The name may hold any byte, a parenthesis included.
    head, _, rest = data.rpartition(b") ")
    fields = rest.split()
    if len(fields) < 20 or not fields[6].isdigit():
        return None
    return _Stat(
        pid=pid,
        name=one_line(head.partition(b"(")[2].decode("utf-8", "replace"), limit=32),
        state=fields[0].decode("ascii", "replace"),
        kernel=bool(int(fields[6]) & _KERNEL_THREAD) or pid == 2 or fields[1] == b"2",
        started=fields[19].decode("ascii", "replace"),
    )


def _switches(machine: Machine, pid: int) -> tuple[str | None, str | None]:
    """Context switches: a process that ran between two looks is slow, not stuck."""
    status = pairs(machine.read(f"/proc/{pid}/status", 1 << 13))
    return status.get("voluntary_ctxt_switches"), status.get("nonvoluntary_ctxt_switches")


def _stuck(machine: Machine, waiting: list[_Stat]) -> tuple[StuckProcess, ...]:
    if not waiting:
        return ()
    looks = Ahead(read=tuple(f"/proc/{found.pid}/{file}" for found in waiting for file in ("stat", "status")))
    machine.ahead(looks)
    before = {found.pid: _switches(machine, found.pid) for found in waiting}
    time.sleep(_MOMENT if machine.is_live else 0.0)
    machine.ahead(looks)
    return tuple(
        StuckProcess(pid=first.pid, name=first.name)
        for first in waiting
        if (again := _stat(machine, first.pid)) is not None
        and (again.state, again.started) == ("D", first.started)
        and _switches(machine, first.pid) == before[first.pid]
    )


def _hidden(machine: Machine) -> bool | None:
    mounts = read_mounts(machine)
    for mount in mounts or ():
        if mount.point == "/proc" and mount.fstype == "proc":
            for option in mount.super_options:
                key, _, value = option.partition("=")
                if (key == "hidepid" and value not in ("0", "off")) or option == "subset=pid":
                    return True
    # Where kthreadd cannot be seen, neither can the processes of other PID namespaces.
    return not kernel_threads_visible(machine)


PROBE = Probe(name="processes", field="processes", limit=2.0, read=read)
