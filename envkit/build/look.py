"""The machine that a plan is for, when it is this one."""

from __future__ import annotations

from envkit.core.machine import Machine
from envkit.facts.collect import collect
from envkit.facts.model import Snapshot
from envkit.facts.probes import driver, host, nvml, pci


def look(machine: Machine) -> Snapshot:
    """What decides which build fits: the GPUs, the driver, the platform and its C library."""
    return collect(machine, (nvml.PROBE, driver.PROBE, host.PROBE, pci.PROBE))
