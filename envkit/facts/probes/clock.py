"""The machine's time, and whether something keeps it right."""

from __future__ import annotations

from envkit.core.machine import Machine
from envkit.core.proc import Command
from envkit.facts.procfs import number, numbers

_SYNCHRONIZED = "/run/systemd/timesync/synchronized"
"""systemd-timesyncd touches it each time it has set the clock."""


def clock(machine: Machine) -> int | None:
    """Seconds since 1970 by this machine: its boot time (proc_stat(5)) and its uptime."""
    booted = numbers(machine.read("/proc/stat")).get("btime")
    up = number((machine.line("/proc/uptime") or "").partition(".")[0])
    return None if booted is None or up is None else booted + up


def synchronized(machine: Machine) -> bool | None:
    """What systemd's time service, whichever program sets the clock, tells of the kernel's state."""
    if machine.exists(_SYNCHRONIZED):
        return True
    if not machine.exists("/run/systemd/system"):
        return None
    command = ("timedatectl", "show", "--property=NTPSynchronized", "--value")
    result = machine.run(Command(name="timedatectl", argv=command, limit=0.5))
    return {"yes": True, "no": False}.get(result.stdout.strip()) if result.ok else None


def suspends(machine: Machine) -> int | None:
    """Times that the machine slept since boot (Documentation/ABI/testing/sysfs-power)."""
    return machine.number("/sys/power/suspend_stats/success")
