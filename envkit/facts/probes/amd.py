"""AMD's GPUs as the kernel's compute driver (KFD) lists them; no ROCm program is run."""

from __future__ import annotations

import os

from envkit.core.machine import Machine
from envkit.facts.gpu_model import Amd
from envkit.facts.probe import Probe
from envkit.facts.procfs import numbers

_NODES = "/sys/class/kfd/kfd/topology/nodes"


def read(machine: Machine) -> Amd:
    """The compilers' names of the GPUs, and whether this user may use them."""
    nodes = machine.ls(_NODES)
    if nodes is None:
        return Amd(targets=() if machine.ls("/sys/class") is not None else None)
    versions = [
        numbers(machine.read(f"{_NODES}/{node}/properties")).get("gfx_target_version", 0)
        for node in sorted(nodes, key=lambda name: (len(name), name))
    ]
    return Amd(
        targets=tuple(target(version) for version in versions if version),
        kfd_accessible=machine.may("/dev/kfd", os.R_OK | os.W_OK),
    )


def target(version: int) -> str:
    """90402 -> `gfx942`, 90010 -> `gfx90a`, 110000 -> `gfx1100` (kfd_device.c: major, minor, stepping)."""
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


PROBE = Probe(name="amd", field="amd", limit=1.0, read=read)
