"""Host memory and this process's share of it."""

from __future__ import annotations

import os

from envkit.core.machine import Machine
from envkit.facts.cgroup import Hierarchy, hierarchy, read_cgroups
from envkit.facts.host_model import Memory
from envkit.facts.probe import Probe
from envkit.facts.procfs import mount_of, number, numbers, pairs, read_mounts
from envkit.facts.programs import spaces

_SHM = "/dev/shm"
_UNLIMITED = 1 << 60
"""v1 writes "no limit" as the largest multiple of the page size below 2^63."""
_THP = "/sys/kernel/mm/transparent_hugepage/enabled"
_KERNEL_MEMORY = ("tmpfs", "ramfs", "devtmpfs")
"""File systems that live in memory: statvfs on them cannot hang."""


def read(machine: Machine) -> Memory:
    """Sizes in bytes."""
    sizes = _meminfo(machine.read("/proc/meminfo"))
    swap_total, swap_free = sizes.get("SwapTotal"), sizes.get("SwapFree")
    levels = hierarchy(machine, read_cgroups(machine), "memory")
    limit, folder = _tightest(machine, levels)
    shm_total, shm_free = _shm(machine)
    return Memory(
        total=sizes.get("MemTotal"),
        available=sizes.get("MemAvailable", sizes.get("MemFree")),
        swap_total=swap_total,
        swap_used=None if swap_total is None or swap_free is None else swap_total - swap_free,
        cgroup_limit=limit,
        cgroup_used=_used(machine, levels, folder),
        cgroup_read=levels is not None,
        oom_kills=_oom_kills(machine, levels, folder),
        oom_kills_host=numbers(machine.read("/proc/vmstat")).get("oom_kill"),
        shm_total=shm_total,
        shm_free=shm_free,
        thp=_chosen(machine.line(_THP)),
        pressure=_pressure(machine, levels, folder),
    )


def _meminfo(text: str | None) -> dict[str, int]:
    """Bytes; the file's kB are units of 1024."""
    sizes: dict[str, int] = {}
    for key, value in pairs(text).items():
        words = value.split()
        if words and (size := number(words[0])) is not None:
            sizes[key] = size * 1024 if words[-1] == "kB" and size < 1 << 53 else size
    return sizes


def _tightest(machine: Machine, levels: Hierarchy | None) -> tuple[int | None, str | None]:
    """The tightest limit of all levels and the group that has it; without a limit the process's own group."""
    if levels is None:
        return None, None
    name = "memory.max" if levels.version == 2 else "memory.limit_in_bytes"
    limits = [
        (limit, folder)
        for folder in levels.folders
        if (limit := number(machine.line(f"{folder}/{name}"))) is not None and limit < _UNLIMITED
    ]
    own = levels.folders[0]
    limit, folder = min(limits, key=lambda pair: pair[0]) if limits else (None, own)
    if levels.version == 1:
        # Counts ancestors that a container is not shown.
        whole = numbers(machine.read(f"{own}/memory.stat")).get("hierarchical_memory_limit", _UNLIMITED)
        if whole < _UNLIMITED and (limit is None or whole < limit):
            return whole, own
    return limit, folder


def _used(machine: Machine, levels: Hierarchy | None, folder: str | None) -> int | None:
    """What the kernel cannot give back at once: usage less inactive page cache, as kubelet's working set."""
    if levels is None:
        return None
    version2 = levels.version == 2
    usage = number(machine.line(f"{folder}/{'memory.current' if version2 else 'memory.usage_in_bytes'}"))
    stat = numbers(machine.read(f"{folder}/memory.stat"))
    inactive = stat.get("inactive_file" if version2 else "total_inactive_file", 0)
    return None if usage is None else max(0, usage - inactive)


def _oom_kills(machine: Machine, levels: Hierarchy | None, folder: str | None) -> int | None:
    """Processes killed for the limit of `folder`."""
    if levels is None or folder is None:
        return None
    if levels.version == 2:
        return numbers(machine.read(f"{folder}/memory.events")).get("oom_kill")
    # v1 counts a kill in the killed process's own group only.
    inner = levels.folders[: levels.folders.index(folder) + 1]
    counts = [numbers(machine.read(f"{group}/memory.oom_control")).get("oom_kill") for group in inner]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _pressure(machine: Machine, levels: Hierarchy | None, folder: str | None) -> float | None:
    """The worse of the machine's and of the limited group's."""
    files = ["/proc/pressure/memory"]
    if levels is not None and levels.version == 2:
        files.append(f"{folder}/memory.pressure")
    shares = [share for file in files if (share := _full_avg60(machine.read(file))) is not None]
    return max(shares) if shares else None


def _full_avg60(text: str | None) -> float | None:
    """A share of 1 from a PSI file (Documentation/accounting/psi.rst), which has percent."""
    for line in (text or "").splitlines():
        if line.startswith("full "):
            value = pairs("\n".join(line.split()), "=").get("avg60", "")
            try:
                return float(value) / 100
            except ValueError:
                return None
    return None


def _chosen(line: str | None) -> str | None:
    """The bracketed word of `always [madvise] never`."""
    return next((word[1:-1] for word in (line or "").split() if word[:1] == "[" and word[-1:] == "]"), None)


def _shm(machine: Machine) -> tuple[int | None, int | None]:
    """Size and free bytes of /dev/shm; 0 when there is none."""
    mount = mount_of(read_mounts(machine) or (), _SHM)
    if machine.is_here and mount is not None and mount.fstype in _KERNEL_MEMORY:
        try:
            found = os.statvfs(_SHM)
        except FileNotFoundError:
            return 0, 0
        return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    space = (spaces(machine, [_SHM]) or {}).get(_SHM)
    if space is None:
        return None, None
    return (0, 0) if space.state == "absent" else (space.total, space.free)


PROBE = Probe(name="memory", field="memory", limit=2.0, read=read)
