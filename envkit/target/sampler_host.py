"""What the host's sampler reads at each moment: counters of CPUs, memory and the control group."""

from __future__ import annotations

import os
from typing import Any

from envkit.core.machine import Machine
from envkit.facts.cgroup import Hierarchy, bandwidth, hierarchy, read_cgroups
from envkit.facts.procfs import cpu_list, number, numbers, pairs, read_cpu_list
from envkit.target.sampler_heat import Clocks, Heat
from envkit.target.sampler_rapl import Rapl

_TICKS = float(os.sysconf("SC_CLK_TCK"))
_PAGE = os.sysconf("SC_PAGE_SIZE")
_BUSY = (0, 1, 2, 5, 6)
"""user, nice, system, irq and softirq of a line of /proc/stat (proc_stat(5)); `user` holds guests' time."""
_STEAL = 7


class Host:
    """The counters of one machine. Files are found once, and read at each moment."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        online = read_cpu_list(machine, "/sys/devices/system/cpu/online")
        mask = pairs(machine.read("/proc/self/status")).get("Cpus_allowed_list")
        allowed = None if mask is None else cpu_list(mask)
        self._cpus = (allowed & online if online else allowed) if allowed else online
        self._quota = Quota(machine)
        self._clocks = Clocks(machine)
        self._heat = Heat(machine)
        self._rapl = Rapl(machine)
        self._last: dict[int, float] = {}
        self.counted: int | None = None
        """CPUs whose times are added up; known after the first reading."""
        self.clock_max = self._clocks.highest

    @property
    def quota(self) -> float | None:
        """Of the control group, in CPUs."""
        return self._quota.cpus

    @property
    def cpus(self) -> float | None:
        """CPUs that may be used."""
        found = [float(value) for value in (self.counted, self._quota.cpus) if value]
        return min(found) if found else None

    @property
    def trouble(self) -> tuple[str, ...]:
        """Why something could not be read."""
        return self._rapl.trouble

    def read(self) -> dict[str, Any]:
        """Fields of `Moment`."""
        busy_each, steal = self._times()
        spent = {cpu: seconds - self._last.get(cpu, seconds) for cpu, seconds in busy_each.items()}
        self._last = busy_each
        memory = pairs(self._machine.read("/proc/meminfo", 1 << 12))
        events = numbers(self._machine.read("/proc/vmstat", 1 << 16))
        swaps = [events[name] for name in ("pswpin", "pswpout") if name in events]
        throttled, used = self._quota.read()
        return {
            "load": self._load(),
            "busy": sum(busy_each.values()) if busy_each else None,
            "steal": steal,
            "throttled": throttled,
            "used": used,
            "pressure": self._pressure(),
            "available": _kibibytes(memory.get("MemAvailable", "")),
            "major_faults": events.get("pgmajfault"),
            "swapped": sum(swaps) * _PAGE if swaps else None,
            "clock": self._clocks.read(spent),
            "temperature": self._heat.temperature(),
            "heat_events": self._heat.events(),
            "energy": self._rapl.read(),
        }

    def _times(self) -> tuple[dict[int, float], float | None]:
        """CPU seconds of each CPU that may be used, and those stolen from them."""
        busy: dict[int, float] = {}
        steal = 0.0
        whole: tuple[float, float | None] | None = None
        for line in (self._machine.read("/proc/stat", 1 << 16) or "").splitlines():
            name, _, rest = line.partition(" ")
            if not name.startswith("cpu"):
                break  # the CPUs come first
            cpu = number(name[3:])
            if name != "cpu" and (cpu is None or (self._cpus is not None and cpu not in self._cpus)):
                continue
            times = [(number(word) or 0) / _TICKS for word in rest.split()]
            if len(times) <= _STEAL:
                continue
            seconds = sum(times[at] for at in _BUSY)
            if cpu is None:
                whole = (seconds, times[_STEAL])
            else:
                busy[cpu] = seconds
                steal += times[_STEAL]
        if not whole or not sum(busy.values()):  # a sandbox that shows zeros has told nothing
            return {}, None
        self.counted = len(busy)
        return busy, steal

    def _load(self) -> float | None:
        words = (self._machine.line("/proc/loadavg") or "").split()
        try:
            return float(words[0])
        except (IndexError, ValueError):
            return None

    def _pressure(self) -> float | None:
        some = (self._machine.line("/proc/pressure/cpu") or "").partition("\n")[0]
        total = number(some.rpartition("total=")[2]) if some.startswith("some ") else None
        return None if total is None else total / 1e6


class Quota:
    """The bandwidth limits that hold for this process, and how long they held it back."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        cgroups = read_cgroups(machine)
        levels = hierarchy(machine, cgroups, "cpu")
        limits = [] if levels is None else _limits(machine, levels)
        self.cpus = min((limit for limit, _ in limits), default=None)
        self._version = 2 if levels is None else levels.version
        self._folders = [folder for _, folder in limits]
        """Those with a limit: each counts what itself held back."""
        self._usage: str | None = None
        if limits and self._version == 1:
            tightest = min(limits)[1]
            accounts = hierarchy(machine, cgroups, "cpuacct")
            depth = 0 if levels is None else levels.folders.index(tightest)
            if accounts is not None and depth < len(accounts.folders):
                self._usage = f"{accounts.folders[depth]}/cpuacct.usage"
        self._tightest = min(limits)[1] if limits else None

    def read(self) -> tuple[float | None, float | None]:
        """CPU seconds that tasks were held back, and that they used; None without a limit."""
        held: float | None = None
        used: float | None = None
        for folder in self._folders:
            counts = numbers(self._machine.read(f"{folder}/cpu.stat", 1 << 14))
            if "throttled_usec" in counts or "throttled_time" in counts:
                seconds = counts.get("throttled_usec", 0) / 1e6 + counts.get("throttled_time", 0) / 1e9
                held = (held or 0.0) + seconds
            if folder == self._tightest and "usage_usec" in counts:
                used = counts["usage_usec"] / 1e6
        if self._usage is not None:
            nanoseconds = self._machine.number(self._usage)
            used = None if nanoseconds is None else nanoseconds / 1e9
        return held, used


def _limits(machine: Machine, levels: Hierarchy) -> list[tuple[float, str]]:
    return [
        (limit, folder)
        for folder in levels.folders
        if (limit := bandwidth(machine, folder, levels.version)) is not None
    ]


def _kibibytes(text: str) -> int | None:
    value = number(text.removesuffix("kB"))
    return None if value is None else value * 1024
