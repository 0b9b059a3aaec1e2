"""The CPU block of a report: lscpu's lines on Linux, WMI's on Windows, a bare name on a Mac."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envkit.facts.host_model import Cpu
from envkit.facts.importers.values import integer, number, present
from envkit.facts.probes.cpu import _FLAGS as FLAGS

_LINE = re.compile(r"\s*([A-Za-z][\w ()/-]{0,40}?)\s*[:=]\s?(.*)")
_HYPERVISORS = {
    "kvm": "kvm", "xen": "xen", "vmware": "vmware", "microsoft": "hyper-v", "oracle": "virtualbox",
    "parallels": "parallels", "bhyve": "bhyve",
}  # fmt: skip
"""Names that lscpu prints to those that the host probe uses."""


def fields(lines: Iterable[str]) -> dict[str, str]:
    """The block as keys and values; a key that comes twice (two CPU packages) has its first value."""
    found: dict[str, str] = {}
    last = ""
    for line in lines:
        entry = _LINE.fullmatch(line)
        if entry is not None:
            last = entry[1].lower()
            found.setdefault(last, entry[2].strip())
        elif last == "flags" and line.strip():
            # A narrow terminal wraps the flags.
            found[last] += " " + line.strip()
    return found


def cpu(block: dict[str, str]) -> Cpu | None:
    """The processors; None where the block tells none of them."""
    sockets, cores = integer(block.get("socket(s)")), integer(block.get("core(s) per socket"))
    flags = block.get("flags")
    value = Cpu(
        model=present(block.get("model name") or block.get("name")),
        vendor=present(block.get("vendor id") or block.get("manufacturer")),
        logical=integer(block.get("cpu(s)")),
        physical=sockets * cores if sockets and cores else None,
        sockets=sockets,
        threads_per_core=integer(block.get("thread(s) per core")),
        numa_nodes=integer(block.get("numa node(s)")),
        flags=tuple(sorted(FLAGS.intersection(flags.split()))) if flags else None,
        max_mhz=number(block.get("cpu max mhz") or block.get("maxclockspeed")),
    )
    return None if value == Cpu() else value


def architecture(block: dict[str, str]) -> str | None:
    """As `uname -m` prints it; WMI's numbers are not that."""
    found = block.get("architecture", "")
    return found if re.fullmatch(r"[a-z][a-z0-9_]{2,15}", found) else None


def hypervisor(block: dict[str, str]) -> str | None:
    """The hypervisor, `none` where the CPU shows that there is none."""
    vendor = present(block.get("hypervisor vendor"))
    if vendor is not None:
        return _HYPERVISORS.get(vendor.lower(), "other")
    flags = (block.get("flags") or "").split()
    return "none" if flags and "hypervisor" not in flags and "lm" in flags else None
