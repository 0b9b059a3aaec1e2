"""Control groups of this process: which folders hold its limits, from its own group up to the mount.

Sources: cgroups(7), cgroup_namespaces(7), Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of Linux.

What is above the mount (above a container's cgroup namespace) cannot be seen, and is no part of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.core.machine import Ahead, Machine
from envkit.facts.procfs import Mount, number, read_mounts

CgroupKind = Literal["v1", "v2", "hybrid"]

_KERNEL_MADE = ("/sys/", "/cgroup", "/dev/")
"""Where hierarchies are mounted by convention; elsewhere the way to them may be a file system that hangs."""


_FILES = {
    "cpu": ("cpu.max", "cpu.stat", "cpu.cfs_quota_us", "cpu.cfs_period_us"),
    "cpuset": ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"),
    "memory": (
        *("memory.max", "memory.current", "memory.stat", "memory.events", "memory.pressure"),
        *("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control"),
    ),
}
"""What is read of each group, in version 2 and in version 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hierarchy:
    """The folders of one controller that hold for this process."""

    version: Literal[1, 2]
    folders: tuple[str, ...]
    """Paths, the process's own group first, then its ancestors up to the mount."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cgroups:
    """What /proc/self/cgroup and mountinfo say together."""

    kind: CgroupKind | None
    """None when it cannot be read."""
    v1: tuple[tuple[str, str], ...] = ()
    """Controller and path; a joint hierarchy (`cpu,cpuacct`) is one pair for each controller."""
    v2: str | None = None
    """Path in the unified hierarchy."""
    mounts: tuple[Mount, ...] = ()
    """Those of cgroup and cgroup2."""


def parse_cgroup(text: str) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """Pairs of v1 controller and path, and the v2 path, of /proc/<pid>/cgroup."""
    v1: list[tuple[str, str]] = []
    v2: str | None = None
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) != 3 or number(parts[0]) is None or not parts[2].startswith("/"):
            continue
        path = parts[2].removesuffix(" (deleted)")
        if not parts[1] and parts[0] == "0":
            v2 = path
        v1.extend((name, path) for name in parts[1].split(",") if name and not name.startswith("name="))
    return tuple(v1), v2


def read_cgroups(machine: Machine) -> Cgroups:
    """The control groups of this process."""
    text = machine.read("/proc/self/cgroup")
    if text is None:
        return Cgroups(kind=None)
    v1, v2 = parse_cgroup(text)
    mounts = tuple(mount for mount in read_mounts(machine) or () if mount.fstype in ("cgroup", "cgroup2"))
    kind: CgroupKind | None = None
    if {"cpu", "memory"} & {name for name, _ in v1}:
        # A v2 line beside v1 controllers is printed even where no one has mounted v2.
        kind = "hybrid" if v2 is not None and any(mount.fstype == "cgroup2" for mount in mounts) else "v1"
    elif v2 is not None:
        kind = "v2"
    return Cgroups(kind=kind, v1=v1, v2=v2, mounts=mounts)


def hierarchy(machine: Machine, cgroups: Cgroups, controller: str) -> Hierarchy | None:
    """The folders that hold a controller's files for this process; None when they cannot be seen.

    A controller that has a v1 hierarchy is not in v2, so each is looked up on its own.
    """
    v1 = dict(cgroups.v1).get(controller)
    version: Literal[1, 2] = 2 if v1 is None else 1
    path = cgroups.v2 if v1 is None else v1
    if path is None:
        return None
    best: tuple[str, tuple[str, ...]] | None = None
    best_rank: tuple[bool, bool, int, int] | None = None
    for order, mount in enumerate(cgroups.mounts):
        if not _holds(mount, version, controller):
            continue
        names = _names_below(mount.root, path)
        if names is None or not machine.exists(mount.point):
            continue
        exact = _split(mount.root) == _split(path)[: len(_split(mount.root))]
        rank = (exact, mount.point.startswith("/sys/fs/cgroup"), len(_split(mount.root)), order)
        if best_rank is None or rank > best_rank:
            best, best_rank = (mount.point, names), rank
    if best is None:
        return None
    _read_ahead(machine, *best, controller)
    return Hierarchy(version=version, folders=_folders(machine, *best))


def bandwidth(machine: Machine, folder: str, version: int) -> float | None:
    """CPUs that one group's bandwidth amounts to; None when it has no limit (`max`, or -1 in v1)."""
    if version == 2:
        words = (machine.line(f"{folder}/cpu.max") or "").split()
        quota, period = (number(words[0]), number(words[1])) if len(words) == 2 else (None, None)
    else:
        quota = number(machine.line(f"{folder}/cpu.cfs_quota_us"))
        period = number(machine.line(f"{folder}/cpu.cfs_period_us"))
    return quota / period if quota and period else None


def _read_ahead(machine: Machine, point: str, names: tuple[str, ...], controller: str) -> None:
    folders = tuple("/".join((point.rstrip("/"), *names[:depth])) for depth in range(len(names) + 1))
    files = tuple(f"{folder}/{name}" for folder in folders for name in _FILES.get(controller, ()))
    machine.ahead(Ahead(read=files, stat=folders))


def _holds(mount: Mount, version: int, controller: str) -> bool:
    if not mount.point.startswith(_KERNEL_MADE):
        return False
    if version == 2:
        return mount.fstype == "cgroup2"
    return mount.fstype == "cgroup" and controller in mount.super_options


def _split(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _names_below(root: str, path: str) -> tuple[str, ...] | None:
    """Names that lead from a mount's root to the process's group; None when the group is outside the mount.

    Both paths are told from the root of the process's cgroup namespace and begin with `..` where they lie
    above it.
    """
    roots, paths = _split(root), _split(path)
    root_up, path_up = roots.count(".."), paths.count("..")
    if path_up > root_up:
        return None
    if path_up == root_up and paths[: len(roots)] == roots:
        return tuple(paths[len(roots) :])
    # The mount is above the namespace, so that the names between are unknown; or a container was given a
    # group's folder under another name. The mount's own root is then the one level that is known.
    return ()


def _folders(machine: Machine, point: str, names: tuple[str, ...]) -> tuple[str, ...]:
    folders = [point]
    for name in names:
        folder = f"{folders[-1].rstrip('/')}/{name}"
        # A container may be told the host's path but be given only its own part of the tree.
        if not machine.exists(folder):
            break
        folders.append(folder)
    return tuple(reversed(folders))
