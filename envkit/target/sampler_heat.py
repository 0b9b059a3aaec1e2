"""Clocks and temperature of the CPUs."""

from __future__ import annotations

from envkit.core.machine import Machine
from envkit.facts.procfs import number, pairs

_CPUS = "/sys/devices/system/cpu"
_READ = 8
"""CPUs whose clock is read at a moment: each reading may ask that CPU itself."""
_LISTED = 16
"""CPUs up to which /proc/cpuinfo, which has no other way to be read than whole, is short enough."""
_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
_ZONES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal")
"""Sensors that are the CPU's own and are read at once; others may sit behind a slow bus."""


class Clocks:
    """The clock of CPUs while they work; an idle one says nothing."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        khz = number(machine.line(f"{_CPUS}/cpu0/cpufreq/cpuinfo_max_freq"))
        self.highest = None if khz is None else khz / 1000
        """MHz."""
        self._listed = khz is None and (machine.read("/proc/cpuinfo") or "").count("cpu MHz") in range(
            1, _LISTED + 1
        )

    def read(self, spent: dict[int, float]) -> float | None:
        """MHz. spent: CPU seconds of each CPU since the last reading; the busiest are asked."""
        most = max(spent.values(), default=0.0)
        busy = sorted(
            (cpu for cpu, used in spent.items() if used and used >= most / 2), key=lambda c: -spent[c]
        )
        found = [mhz for cpu in busy[:_READ] if (mhz := self._of(cpu)) is not None]
        if self._listed and busy:
            found = self._from_list(frozenset(busy))
        return sum(found) / len(found) if found else None

    def _of(self, cpu: int) -> float | None:
        if self.highest is None:
            return None
        khz = number(self._machine.line(f"{_CPUS}/cpu{cpu}/cpufreq/scaling_cur_freq"))
        return None if khz is None else khz / 1000

    def _from_list(self, busy: frozenset[int]) -> list[float]:
        found = []
        for block in (self._machine.read("/proc/cpuinfo") or "").split("\n\n"):
            entry = pairs(block)
            if number(entry.get("processor")) in busy:
                try:
                    found.append(float(entry.get("cpu MHz", "")))
                except ValueError:
                    continue
        return found


class Heat:
    """The hottest of the CPUs' own sensors, and how often heat held a package back."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._sensors = _hwmon(machine) or _thermal(machine)
        self._counts = [
            path
            for package in _first_cpus(machine)
            if machine.exists(path := f"{_CPUS}/cpu{package}/thermal_throttle/package_throttle_count")
        ]

    def temperature(self) -> float | None:
        """Celsius."""
        found = [value for path in self._sensors if (value := self._machine.number(path)) is not None]
        return max(found) / 1000 if found else None

    def events(self) -> int | None:
        """Since boot, of all packages (Intel only)."""
        found = [value for path in self._counts if (value := self._machine.number(path)) is not None]
        return sum(found) if found else None


def _hwmon(machine: Machine) -> list[str]:
    folder = "/sys/class/hwmon"
    return [
        path
        for name in machine.ls(folder) or ()
        if machine.line(f"{folder}/{name}/name") in _CHIPS
        and machine.exists(path := f"{folder}/{name}/temp1_input")
    ]


def _thermal(machine: Machine) -> list[str]:
    folder = "/sys/class/thermal"
    return [
        f"{folder}/{name}/temp"
        for name in machine.ls(folder) or ()
        if name.startswith("thermal_zone") and machine.line(f"{folder}/{name}/type") in _ZONES
    ]


def _first_cpus(machine: Machine) -> list[int]:
    """One CPU of each package."""
    first: dict[str, int] = {}
    for name in machine.ls(_CPUS) or ():
        cpu = number(name.removeprefix("cpu")) if name.startswith("cpu") else None
        if cpu is not None:
            package = machine.line(f"{_CPUS}/cpu{cpu}/topology/physical_package_id")
            if package is not None:
                first[package] = min(cpu, first.get(package, cpu))
    return sorted(first.values())
