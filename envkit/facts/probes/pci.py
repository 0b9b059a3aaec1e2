"""Display and accelerator controllers on the PCI bus, from sysfs alone.

/proc/driver/nvidia/gpus/*/information would name the cards better, but reading it takes locks of the driver
and can block for ever on a wedged GPU.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from envkit.core.machine import Ahead, Machine
from envkit.core.text import one_line
from envkit.facts.gpu_model import PciGpu
from envkit.facts.probe import Probe, ProbeStop
from envkit.facts.probes import pci_paths

DEVICES = "/sys/bus/pci/devices"
NVIDIA = "0x10de"

_CLASSES = ("0x03", "0x1200")
"""Base class 03 is display: 0300 VGA, 0302 3D, 0380 other (most data-center cards of AMD and Intel); 1200 is
a processing accelerator. PCI Code and ID Assignment Specification."""
_BRIDGE_OTHER = "0x0680"

_VENDORS: dict[str, Literal["nvidia", "amd", "intel"]] = {
    NVIDIA: "nvidia",
    "0x1002": "amd",
    "0x1022": "amd",
    "0x8086": "intel",
}
_NOVA = frozenset(("NovaCore", "nova-core", "nova_core"))
"""Names that the Rust driver of NVIDIA GPUs has had on the bus."""
_ID_FILES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids")
_WIDTHS = frozenset((1, 2, 4, 8, 12, 16, 32))
"""Lanes that PCI Express has. A device that has fallen off the bus shows 63, a virtual one 0 or 255."""
_FILES = (
    *("vendor", "device", "numa_node", "enable", "boot_vga"),
    *("current_link_width", "max_link_width", "current_link_speed", "max_link_speed"),
)
_LINKS = ("/driver", "/physfn", "/iommu_group")
_NEXT_VENDOR = re.compile(rb"\n[0-9A-Za-z]")


def read(machine: Machine) -> tuple[PciGpu, ...]:
    """All GPUs and accelerators of the bus, sorted by address."""
    names = _addresses(machine)
    gpus = tuple(
        (name, pci_class)
        for name, pci_class in ((name, machine.line(f"{DEVICES}/{name}/class") or "") for name in names)
        if pci_class.startswith(_CLASSES)
    )
    machine.ahead(_details(name for name, _ in gpus))
    found = [(name, pci_class, *_ids(machine, name)) for name, pci_class in gpus]
    named = _device_names(machine, ((vendor, device) for _, _, vendor, device in found))
    devices = tuple(
        _device(machine, name, pci_class, vendor, device, named.get((vendor, device)))
        for name, pci_class, vendor, device in found
    )
    # Only GPUs that could copy to each other; reading a port's configuration wakes a laptop's sleeping GPU.
    vendors = [device.vendor for device in devices]
    pci_paths.ports_ahead(machine, [one.address for one in devices if vendors.count(one.vendor) > 1])
    return tuple(
        replace(device, acs=pci_paths.acs(machine, device.address))
        if vendors.count(device.vendor) > 1
        else device
        for device in devices
    )


def _details(names: Iterable[str]) -> Ahead:
    """What is read of each GPU."""
    folders = [f"{DEVICES}/{name}" for name in names]
    return Ahead(
        read=tuple(f"{folder}/{name}" for folder in folders for name in _FILES),
        stat=tuple(f"{folder}{name}" for folder in folders for name in ("", *_LINKS)),
    )


def nvswitches(machine: Machine) -> int | None:
    """NVSwitches on the bus: bridges of class 0680 made by NVIDIA; None when the bus could not be read.

    Those of HGX B200 and later lie behind InfiniBand controllers and are not seen here. NCCL tells a switch
    by the same class (src/graph/xml.cc).
    """
    try:
        names = _addresses(machine)
    except ProbeStop:
        return None
    return sum(
        (machine.line(f"{DEVICES}/{name}/class") or "").startswith(_BRIDGE_OTHER)
        and machine.line(f"{DEVICES}/{name}/vendor") == NVIDIA
        for name in names
    )


def _addresses(machine: Machine) -> tuple[str, ...]:
    names = machine.ls(DEVICES)
    if names is not None:
        return names
    buses = machine.ls("/sys/bus")
    if buses is not None and "pci" not in buses:
        return ()  # a kernel without PCI, as on some boards
    if buses is None:
        raise ProbeStop("failed", "/sys/bus cannot be listed: sysfs is not mounted or hidden")
    raise ProbeStop("denied", f"{DEVICES} cannot be listed")


def _ids(machine: Machine, name: str) -> tuple[str, str]:
    folder = f"{DEVICES}/{name}"
    return (machine.line(f"{folder}/vendor") or "").lower(), (machine.line(f"{folder}/device") or "").lower()


def _device(
    machine: Machine, name: str, pci_class: str, vendor: str, device: str, known_as: str | None
) -> PciGpu:
    folder = f"{DEVICES}/{name}"
    node = machine.number(f"{folder}/numa_node")
    enabled = machine.number(f"{folder}/enable")
    boot_vga = machine.number(f"{folder}/boot_vga")
    return PciGpu(
        address=name,
        vendor=_VENDORS.get(vendor, "other"),
        vendor_id=vendor,
        device_id=device,
        pci_class=pci_class,
        name=known_as,
        driver=_driver(machine, folder),
        # -1 is the kernel's word for a device that belongs to no node
        numa_node=node if node is not None and node >= 0 else None,
        link_width=_width(machine, f"{folder}/current_link_width"),
        max_link_width=_width(machine, f"{folder}/max_link_width"),
        link_speed=link_speed(machine.line(f"{folder}/current_link_speed")),
        max_link_speed=link_speed(machine.line(f"{folder}/max_link_speed")),
        # the file counts how often the device was enabled
        enabled=None if enabled is None else enabled > 0,
        is_vf=machine.exists(f"{folder}/physfn"),
        boot_vga=None if boot_vga is None else boot_vga == 1,
        iommu=pci_paths.iommu(machine, name),
    )


def _driver(machine: Machine, folder: str) -> str | None:
    bound = machine.link(f"{folder}/driver")
    if bound is not None:
        name = bound.rpartition("/")[2]
        return "nova" if name in _NOVA else name
    return None if machine.exists(f"{folder}/driver") else ""


def _width(machine: Machine, path: str) -> int | None:
    width = machine.number(path)
    return width if width in _WIDTHS else None


def link_speed(text: str | None) -> float | None:
    """GT/s from `16.0 GT/s PCIe`, or from `8 GT/s` of kernels before 5.7; None from `Unknown`."""
    number, _, unit = (text or "").partition(" ")
    if not unit.startswith("GT/s"):
        return None
    try:
        speed = float(number)
    except ValueError:
        return None
    return speed if 0 < speed < 1000 else None


def _device_names(machine: Machine, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Names from the machine's own PCI ID database; empty when it has none."""
    pairs = frozenset(wanted)
    if not pairs:
        return {}
    for path in _ID_FILES:
        try:
            return dict(names_in(machine.read_bytes(path), pairs))
        except OSError:
            continue
    return {}


def names_in(database: bytes, wanted: Iterable[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], str]]:
    """Names of (vendor, device) pairs, `0x10de`, in the text of pci.ids.

    A vendor is a line that starts with its four digits; its devices follow, each after one tab.
    """
    database = b"\n" + database
    for vendor, device in wanted:
        start = database.find(b"\n" + vendor.removeprefix("0x").encode() + b"  ")
        if start < 0:
            continue
        end = _NEXT_VENDOR.search(database, start + 1)
        stop = end.start() if end else len(database)
        line = database.find(b"\n\t" + device.removeprefix("0x").encode() + b"  ", start, stop)
        if line >= 0:
            text = database[line + 1 : line + 400].split(b"\n", 1)[0][5:]
            if name := one_line(text.decode("utf-8", "replace")):
                yield (vendor, device), name


PROBE = Probe(name="pci", field="pci", limit=1.0, read=read)
