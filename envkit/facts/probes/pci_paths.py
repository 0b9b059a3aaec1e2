"""How a PCI device's transfers go through the IOMMU and through the ports above it."""

from __future__ import annotations

from envkit.core.machine import Ahead, Machine

_DEVICES = "/sys/bus/pci/devices"
_GROUPS = "/sys/kernel/iommu_groups"
_CONFIG = 4096
"""Bytes of the extended configuration space; others than root are given 64."""
_ACS = 0x000D
_SOURCE_VALIDATION = 0x1
"""ACS capability and its first control bit, which lspci shows as `SrcValid+` (PCI Express Base Specification,
Access Control Services)."""


def iommu(machine: Machine, address: str) -> str | None:
    """`DMA`, `DMA-FQ` or `identity` (Documentation/ABI/testing/sysfs-kernel-iommu_groups); an empty string
    for a device in no group."""
    link = machine.link(f"{_DEVICES}/{address}/iommu_group")
    if link is None:
        return "" if machine.exists(f"{_DEVICES}/{address}") else None
    return machine.line(f"{_GROUPS}/{link.rpartition('/')[2]}/type")


def ports_ahead(machine: Machine, addresses: list[str]) -> None:
    """Have what `acs` reads of several devices read in one go."""
    ports = dict.fromkeys(port for address in addresses for port in _ports(machine, address))
    if ports:
        machine.ahead(Ahead(read=tuple(f"{_DEVICES}/{port}/config" for port in ports), limit=_CONFIG))


def _ports(machine: Machine, address: str) -> list[str]:
    link = machine.link(f"{_DEVICES}/{address}") or ""
    return [port for port in link.split("/")[:-1] if port.count(":") == 2]


def acs(machine: Machine, address: str) -> bool | None:
    """Whether a port above a device has ACS on; None when no port says (not root, a bus without ports)."""
    answers = [_acs_on(machine, port) for port in _ports(machine, address)]
    known = [answer for answer in answers if answer is not None]
    return any(known) if known else None


def _acs_on(machine: Machine, port: str) -> bool | None:
    """None when the port's extended configuration cannot be read."""
    try:
        config = machine.read_bytes(f"{_DEVICES}/{port}/config", _CONFIG)
    except OSError:
        return None
    at = 0x100
    if len(config) < at + 4:
        return None
    for _ in range(64):  # a list that goes round has no end
        header = int.from_bytes(config[at : at + 4], "little")
        if header & 0xFFFF == _ACS:
            return bool(int.from_bytes(config[at + 6 : at + 8], "little") & _SOURCE_VALIDATION)
        at = header >> 20
        if at < 0x100 or at + 8 > len(config):
            break
    return False
