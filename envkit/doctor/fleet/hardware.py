"""Which nodes are of one kind: only these are compared with each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envkit.facts.model import Snapshot

SMALL = 0.2
"""Hardware of less than this share of the nodes is a deviation of what it is like, not a kind of its own."""
LIKE = 0.5
"""Share of GPUs that like nodes have in common."""

Gpus = tuple[tuple[str, int], ...]
"""Names and how many of each, sorted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What a node is made of, as far as it was read."""

    machine: str | None
    cpu: str | None
    gpus: Gpus | None
    """Through the driver; None where that could not say."""
    bus: Gpus | None
    """NVIDIA devices on the PCI bus, or, where there are none, AMD's and Intel's, by device number."""
    driver: bool
    """There are traces of an NVIDIA driver, so a GPU is expected."""

    def label(self) -> str:
        """`8 x NVIDIA H100 80GB HBM3, Intel Xeon Platinum 8480C, x86_64`."""
        if self.gpus is None:
            gpus = "GPUs not read"
        else:
            gpus = ", ".join(f"{many} x {name}" for name, many in self.gpus) or "no GPU"
        return ", ".join((gpus, self.cpu or "CPU not read", *([self.machine] if self.machine else [])))


def hardware(snapshot: Snapshot) -> Hardware:
    """Of one node."""
    nvml, driver = snapshot.nvml, snapshot.driver
    named = Counter(gpu.name or "GPU" for gpu in nvml.gpus or ()) if nvml is not None else Counter()
    bus: Counter[str] = Counter()
    for vendors in (("nvidia",), ("amd", "intel")):
        bus = bus or Counter(
            f"{device.vendor_id}:{device.device_id}"
            for device in snapshot.pci or ()
            if device.vendor in vendors
        )
    traces = driver is not None and bool(
        driver.packages or driver.module_files or driver.loaded or driver.library_path or driver.smi_path
    )
    return Hardware(
        machine=snapshot.host.machine if snapshot.host is not None else None,
        cpu=snapshot.cpu.model if snapshot.cpu is not None else None,
        gpus=_sorted(named) if named else () if snapshot.pci == () else None,
        bus=_sorted(bus) if snapshot.pci is not None else None,
        driver=traces,
    )


def _sorted(counted: Counter[str]) -> Gpus:
    return tuple(sorted(counted.items()))


def kinds(nodes: Sequence[Hardware]) -> list[tuple[Hardware, list[int]]]:
    """The nodes (indices, ascending) by kind of hardware, the largest kind first."""
    found = _by_hardware(_named(nodes))
    groups: list[tuple[Hardware, list[int]]] = []
    for one, members in found:
        like = [group for group in groups if _belongs(one, len(members), *group)]
        if like:
            max(like, key=lambda group: (_overlap(one, group[0]), len(group[1])))[1].extend(members)
        else:
            groups.append((one, list(members)))
    for _, members in groups:
        members.sort()
    return sorted(groups, key=lambda group: (-len(group[1]), group[0].label()))


def _by_hardware(nodes: Iterable[Hardware]) -> list[tuple[Hardware, list[int]]]:
    found: dict[Hardware, list[int]] = defaultdict(list)
    for index, one in enumerate(nodes):
        found[one].append(index)
    return sorted(found.items(), key=lambda pair: (-len(pair[1]), _unread(pair[0]), pair[0].label()))


def _unread(one: Hardware) -> int:
    return (one.gpus is None) + (one.cpu is None) + (one.machine is None)


def _named(nodes: Sequence[Hardware]) -> Iterable[Hardware]:
    """GPUs by name also where only the bus was read: other nodes say what a device number is called."""
    called: dict[str, Counter[str]] = defaultdict(Counter)
    for one in nodes:
        if one.gpus and one.bus and len(one.gpus) == len(one.bus) == 1:
            called[one.bus[0][0]][one.gpus[0][0]] += 1
    names = {device: min(found, key=lambda name: (-found[name], name)) for device, found in called.items()}
    for one in nodes:
        gpus = one.gpus
        if gpus is None and one.bus is not None:
            gpus = tuple(sorted((names.get(device, f"GPU {device}"), many) for device, many in one.bus))
        yield Hardware(machine=one.machine, cpu=one.cpu, gpus=gpus, bus=None, driver=one.driver)


def _belongs(one: Hardware, many: int, kind: Hardware, members: list[int]) -> bool:
    """Whether some nodes are of a larger kind, with something wrong."""
    if None not in (one.machine, kind.machine) and one.machine != kind.machine:
        return False
    if one == kind or (one.gpus, one.cpu) == (kind.gpus, kind.cpu):
        return True
    known_cpu = None not in (one.cpu, kind.cpu)
    if one.gpus is None or kind.gpus is None:
        return not known_cpu or one.cpu == kind.cpu
    if one.gpus == kind.gpus and not known_cpu:
        return True
    if many > 1 and many >= SMALL * (many + len(members)):
        return False
    if not one.gpus and kind.gpus:
        return one.driver and known_cpu and one.cpu == kind.cpu
    return _overlap(one, kind) >= LIKE


def _overlap(one: Hardware, other: Hardware) -> float:
    """Share of the GPUs that both have, 0..1."""
    if one.gpus is None or other.gpus is None:
        return 0.0
    mine, theirs = Counter(dict(one.gpus)), Counter(dict(other.gpus))
    every = (mine | theirs).total()
    return (mine & theirs).total() / every if every else 1.0
