"""Processors, and how many of them this process can really use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts import cgroup
from envkit.facts.cgroup import Hierarchy, hierarchy, read_cgroups
from envkit.facts.host_model import Cpu
from envkit.facts.probe import Probe
from envkit.facts.procfs import cpu_list, number, numbers, pairs, read_cpu_list

_CPUS = "/sys/devices/system/cpu"
_NODES = "/sys/devices/system/node"
_X86_FLAGS = """
    sse4_1 sse4_2 f16c fma avx avx2 avx_vnni avx512f avx512bw avx512cd avx512dq avx512vl avx512_vnni
    avx512_bf16 avx512_fp16 amx_tile amx_int8 amx_bf16 amx_fp16
"""
"""Names of arch/x86/include/asm/cpufeatures.h."""
_ARM_FLAGS = """
    asimd asimdhp asimddp asimdfhm fphp atomics bf16 i8mm sve sve2 svebf16 svei8mm sme sme2
"""
"""Names of arch/arm64/kernel/cpuinfo.c."""
_FLAGS = frozenset((_X86_FLAGS + _ARM_FLAGS).split())
_ARM_VENDORS = {
    "0x41": "Arm", "0x43": "Cavium", "0x46": "Fujitsu", "0x48": "HiSilicon", "0x4e": "NVIDIA",
    "0x50": "Ampere", "0x51": "Qualcomm", "0x61": "Apple", "0xc0": "Ampere",
}  # fmt: skip
_ARM_PARTS = {
    ("0x41", "0xd07"): "Cortex-A57", ("0x41", "0xd08"): "Cortex-A72", ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1", ("0x41", "0xd40"): "Neoverse-V1", ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd49"): "Neoverse-N2", ("0x41", "0xd4f"): "Neoverse-V2", ("0x4e", "0x004"): "Carmel",
}  # fmt: skip
"""CPU implementer and part as arch/arm64/include/asm/cputype.h numbers them."""


def read(machine: Machine) -> Cpu:
    """The CPUs of the machine and this process's share of them."""
    online = read_cpu_list(machine, f"{_CPUS}/online")
    # The first entries hold the model and flags; the kernel makes only as much of the file as is read.
    described = _first_entry(machine.read("/proc/cpuinfo", 1 << 14))
    cores, sockets = _topology(machine, online)
    if online is None and (text := machine.read("/proc/cpuinfo")) is not None:
        online = frozenset(range(sum(line.startswith("processor") for line in text.splitlines()))) or None
    logical = len(online) if online else None
    mask = _within(_affinity(machine), online)
    cgroups = read_cgroups(machine)
    bandwidth = _bandwidth(machine, hierarchy(machine, cgroups, "cpu"))
    cpuset = _within(_cpuset(machine, hierarchy(machine, cgroups, "cpuset")), online)
    shares = [float(len(cpus)) for cpus in (mask, cpuset) if cpus]
    if bandwidth is not None and bandwidth.cpus is not None:
        shares.append(bandwidth.cpus)
    nodes = _nodes(machine, online)
    khz = number(machine.line(f"{_CPUS}/cpu0/cpufreq/cpuinfo_max_freq"))
    return Cpu(
        model=_model(described),
        vendor=_vendor(described),
        logical=logical,
        physical=cores,
        sockets=sockets,
        threads_per_core=max(1, logical // cores) if logical and cores else None,
        numa_nodes=None if nodes is None else len(nodes),
        flags=_flags(described),
        governor=machine.line(f"{_CPUS}/cpu0/cpufreq/scaling_governor"),
        scaling_driver=machine.line(f"{_CPUS}/cpu0/cpufreq/scaling_driver"),
        max_mhz=None if khz is None else khz / 1000,
        clocksource=machine.line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        affinity=len(mask) if mask else None,
        cpuset=len(cpuset) if cpuset else None,
        quota=None if bandwidth is None else bandwidth.cpus,
        cgroup=None if bandwidth is None else cgroups.kind,
        effective=min(shares) if shares else (float(logical) if logical else None),
        throttled_periods=None if bandwidth is None else bandwidth.throttled,
        periods=None if bandwidth is None else bandwidth.periods,
        throttled_seconds=None if bandwidth is None else bandwidth.seconds,
        steal_share=_steal(machine.read("/proc/stat", 1 << 12)),
        load1=_load1(machine.line("/proc/loadavg")),
        numa_of_affinity=_touched(nodes, mask),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bandwidth:
    """The tightest CPU bandwidth limit of a hierarchy, and how often that group ran into it."""

    cpus: float | None = None
    throttled: int | None = None
    periods: int | None = None
    seconds: float | None = None


def _bandwidth(machine: Machine, levels: Hierarchy | None) -> Bandwidth | None:
    """None when the hierarchy cannot be seen: then "no limit" is not known either."""
    if levels is None:
        return None
    limits = [
        (limit, folder)
        for folder in levels.folders
        if (limit := cgroup.bandwidth(machine, folder, levels.version))
    ]
    cpus, tightest = min(limits, key=lambda pair: pair[0]) if limits else (None, None)
    for folder in (tightest,) if tightest else levels.folders:
        counts = numbers(machine.read(f"{folder}/cpu.stat"))
        if "nr_periods" in counts:
            used = counts.get("throttled_usec", 0) / 1e6 or counts.get("throttled_time", 0) / 1e9
            return Bandwidth(
                cpus=cpus, throttled=counts.get("nr_throttled"), periods=counts["nr_periods"], seconds=used
            )
    return Bandwidth(cpus=cpus)


def _cpuset(machine: Machine, levels: Hierarchy | None) -> frozenset[int] | None:
    """CPUs of the nearest group that has the cpuset controller; groups below it inherit."""
    if levels is None:
        return None
    names = ("cpuset.cpus.effective",) if levels.version == 2 else ("cpuset.effective_cpus", "cpuset.cpus")
    for folder in levels.folders:
        for name in names:
            if cpus := read_cpu_list(machine, f"{folder}/{name}"):
                return cpus
    return None


def _affinity(machine: Machine) -> frozenset[int] | None:
    mask = pairs(machine.read("/proc/self/status")).get("Cpus_allowed_list")
    return None if mask is None else cpu_list(mask)


def _within(cpus: frozenset[int] | None, online: frozenset[int] | None) -> frozenset[int] | None:
    """A mask may name CPUs that the machine could have but has not: 0-127 on a guest with 8."""
    return cpus if cpus is None or online is None else cpus & online


def _topology(machine: Machine, online: frozenset[int] | None) -> tuple[int | None, int | None]:
    """Cores and sockets: from sysfs or, where it has no topology, from /proc/cpuinfo."""
    cores: set[frozenset[int]] = set()
    packages: set[str] = set()
    seen: set[int] = set()
    for cpu in sorted(online or ()):
        if cpu in seen:
            continue
        folder = f"{_CPUS}/cpu{cpu}/topology"
        siblings = read_cpu_list(machine, f"{folder}/thread_siblings_list")
        if not siblings:
            return _topology_of_cpuinfo(machine)
        seen |= siblings
        cores.add(siblings)
        packages.add(machine.line(f"{folder}/physical_package_id") or "")
    return (len(cores), len(packages)) if cores else _topology_of_cpuinfo(machine)


def _topology_of_cpuinfo(machine: Machine) -> tuple[int | None, int | None]:
    cores: set[tuple[str, str]] = set()
    for block in (machine.read("/proc/cpuinfo") or "").split("\n\n"):
        entry = pairs(block)
        if "core id" in entry:
            cores.add((entry.get("physical id", "0"), entry["core id"]))
    return (len(cores), len({socket for socket, _ in cores})) if cores else (None, None)


def _nodes(machine: Machine, online: frozenset[int] | None) -> dict[int, frozenset[int]] | None:
    """CPUs of each NUMA node that has any; GPUs' own memory appears as nodes that have none."""
    names = machine.ls(_NODES)
    if names is None:
        # A kernel without NUMA has no such folder: all is one node.
        return {0: online} if online and machine.exists(_CPUS) else None
    nodes: dict[int, frozenset[int]] = {}
    for name in names:
        node = number(name.removeprefix("node"))
        if node is not None and (cpus := read_cpu_list(machine, f"{_NODES}/{name}/cpulist")):
            nodes[node] = cpus
    return nodes or None


def _touched(nodes: dict[int, frozenset[int]] | None, mask: frozenset[int] | None) -> tuple[int, ...] | None:
    if nodes is None or mask is None:
        return None
    return tuple(sorted(node for node, cpus in nodes.items() if cpus & mask))


def _first_entry(text: str | None) -> Mapping[str, str]:
    """The first CPU of /proc/cpuinfo; keys that some architectures print once at the end come with it."""
    return pairs(text)


def _model(entry: Mapping[str, str]) -> str | None:
    part = _ARM_PARTS.get((entry.get("CPU implementer", ""), entry.get("CPU part", "")))
    name = part or entry.get("model name") or entry.get("cpu") or entry.get("Processor")
    return one_line(name) if name else None


def _vendor(entry: Mapping[str, str]) -> str | None:
    vendor = entry.get("vendor_id") or _ARM_VENDORS.get(entry.get("CPU implementer", ""))
    return one_line(vendor) if vendor else None


def _flags(entry: Mapping[str, str]) -> tuple[str, ...] | None:
    words = entry.get("flags") or entry.get("Features")
    return None if words is None else tuple(sorted(_FLAGS.intersection(words.split())))


def _steal(stat: str | None) -> float | None:
    """`steal` over all time, of the first line of /proc/stat (proc_stat(5)); `user` holds guest time."""
    line = (stat or "").split("\n", 1)[0].split()
    times = [value for word in line[1:9] if (value := number(word)) is not None]
    if not line or line[0] != "cpu" or len(times) < 8 or not sum(times):
        return None
    return times[7] / sum(times)


def _load1(line: str | None) -> float | None:
    try:
        return float((line or "").split()[0])
    except (ValueError, IndexError):
        return None


PROBE = Probe(name="cpu", field="cpu", limit=1.0, read=read)
