"""Energy of the CPUs, from the kernel's power capping interface (RAPL).

Source: Documentation/power/powercap/powercap.rst of Linux. Counters are microjoules and begin anew at
`max_energy_range_uj`, after minutes at the earliest. Since Linux 5.10 only root may read them.
"""

from __future__ import annotations

from envkit.core.machine import Machine

_FOLDER = "/sys/class/powercap"


class Zone:
    """One counter, continued where it begins anew."""

    def __init__(self, machine: Machine, folder: str) -> None:
        self._machine = machine
        self._path = f"{folder}/energy_uj"
        self._range = machine.number(f"{folder}/max_energy_range_uj")
        self._last = machine.number(self._path)
        self._sum = 0
        self.denied = self._last is None and machine.exists(self._path)

    def read(self) -> float | None:
        """Joules since it was made; None when it cannot be read."""
        now = self._machine.number(self._path)
        if now is None or self._last is None:
            return None
        step = now - self._last
        if step < 0:
            if not self._range or self._last > self._range:
                return None
            step += self._range
        self._sum += step
        self._last = now
        return self._sum / 1e6


class Rapl:
    """The packages of this machine and the memory behind them."""

    def __init__(self, machine: Machine) -> None:
        self._zones = [Zone(machine, folder) for folder in _packages_and_memory(machine)]
        denied = any(zone.denied for zone in self._zones)
        self.trouble = (
            (f"the energy of the CPUs was not read: {_FOLDER} may be read by root only",) if denied else ()
        )
        """Why it cannot be read, where it is there."""

    def read(self) -> float | None:
        """Joules since it was made; None when any zone cannot be read, since a part is no sum."""
        found = [zone.read() for zone in self._zones]
        known = [joules for joules in found if joules is not None]
        return sum(known) if known and len(known) == len(found) else None


def _packages_and_memory(machine: Machine) -> list[str]:
    """`core` and `uncore` are parts of a package, `psys` holds packages; both would count twice. The mmio
    interface shows the same package again."""
    found = []
    for name in machine.ls(_FOLDER) or ():
        if not name.startswith("intel-rapl:"):  # so on AMD, too
            continue
        kind = machine.line(f"{_FOLDER}/{name}/name") or ""
        if kind.startswith("package") or (kind == "dram" and name.count(":") == 2):
            found.append(f"{_FOLDER}/{name}")
    return found
