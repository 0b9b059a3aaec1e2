"""Texts that the kernel prints, parsed: CPU lists, mountinfo, `Key: value` files. Nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from envkit.core.machine import Machine

_MOST_CPUS = 1 << 16
"""Linux is built for at most 8192; a larger number is garbage, and must not become a set of that size."""
_OCTAL = re.compile(r"\\([0-7]{3})")
INITIAL_PID_NAMESPACE = "pid:[4026531836]"
"""PROC_PID_INIT_INO of include/linux/proc_ns.h."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo (proc_pid_mountinfo(5)), octal escapes decoded."""

    id: int
    parent: int
    root: str
    """Path inside the file system that is at the mount point."""
    point: str
    options: tuple[str, ...]
    fstype: str
    source: str
    super_options: tuple[str, ...]

    @property
    def read_only(self) -> bool:
        """Of the mount or of the whole file system."""
        return "ro" in self.options or "ro" in self.super_options


def number(text: str | None) -> int | None:
    """A non-negative decimal integer that the kernel could hold in 63 bits, or None."""
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    return value if (value := int(text)) < 1 << 63 else None


def cpu_list(text: str) -> frozenset[int]:
    """The CPUs or nodes of a list like `0-3,8,10-11`; what is no number or range is left out."""
    found: set[int] = set()
    for part in text.strip().split(","):
        low, mark, high = part.partition("-")
        first, last = number(low), number(high if mark else low)
        if first is not None and last is not None and first <= last < _MOST_CPUS:
            found.update(range(first, last + 1))
    return frozenset(found)


def read_cpu_list(machine: Machine, path: str) -> frozenset[int] | None:
    """`cpu_list` of a file; None when it cannot be read."""
    text = machine.line(path)
    return None if text is None else cpu_list(text)


def pairs(text: str | None, separator: str = ":") -> dict[str, str]:
    """A file of `Key: value` lines; with `separator=" "` one of `key value` lines."""
    found: dict[str, str] = {}
    for line in (text or "").splitlines():
        key, mark, value = line.partition(separator)
        if mark:
            found.setdefault(key.strip(), value.strip())
    return found


def numbers(text: str | None) -> dict[str, int]:
    """A file of `key number` lines, as cpu.stat and memory.events."""
    return {
        key: value for key, word in pairs(text, " ").items() if (value := number(word.strip())) is not None
    }


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """The lines of mountinfo in the kernel's order; lines of another form are left out."""
    return tuple(mount for line in text.split("\n") if (mount := _parse_mount(line)) is not None)


def _parse_mount(line: str) -> Mount | None:
    left, mark, right = line.partition(" - ")
    head, tail = left.split(" "), right.split(" ")
    # A source may be empty, which leaves two spaces: the fields are split at each space.
    if not mark or len(head) < 6 or len(tail) < 3:
        return None
    ident, parent = number(head[0]), number(head[1])
    if ident is None or parent is None:
        return None
    return Mount(
        id=ident,
        parent=parent,
        root=_unescape(head[3]),
        point=_unescape(head[4]),
        options=tuple(head[5].split(",")),
        fstype=tail[0],
        source=_unescape(tail[1]),
        super_options=tuple(tail[2].split(",")),
    )


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text) if "\\" in text else text


def read_mounts(machine: Machine) -> tuple[Mount, ...] | None:
    """This process's mounts, or None when they cannot be read."""
    text = machine.read("/proc/self/mountinfo")
    return None if text is None else parse_mounts(text)


def mount_of(mounts: Iterable[Mount], path: str) -> Mount | None:
    """The mount that an absolute path without symbolic links lies on.

    Walks the mount tree as the kernel does, so that a mount that another one hides is not taken.
    """
    table = tuple(mounts)
    known = {mount.id for mount in table}
    children: dict[int, list[Mount]] = {}
    for mount in table:
        children.setdefault(mount.parent, []).append(mount)
    roots = [
        mount
        for mount in table
        if mount.point == "/" and (mount.parent not in known or mount.parent == mount.id)
    ]
    current = roots[-1] if roots else None
    seen: set[int] = set()
    while current is not None and current.id not in seen:
        seen.add(current.id)
        below = [
            child
            for child in children.get(current.id, ())
            if child.id not in seen and _is_below(path, child.point)
        ]
        if not below:
            return current
        shallowest = min(len(child.point) for child in below)
        current = next(child for child in reversed(below) if len(child.point) == shallowest)
    # A table without a root of its own (garbage, a partial record): the longest prefix, the last of equals.
    matching = [mount for mount in table if _is_below(path, mount.point)]
    return max(enumerate(matching), key=lambda pair: (len(pair[1].point), pair[0]))[1] if matching else None


def _is_below(path: str, point: str) -> bool:
    return point == "/" or path == point or path.startswith(point.rstrip("/") + "/")


def kernel_threads_visible(machine: Machine) -> bool:
    """Whether PID 2 is kthreadd: this is the first PID namespace, and /proc shows others' processes."""
    return machine.line("/proc/2/comm") == "kthreadd"
