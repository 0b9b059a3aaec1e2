"""Symbolic links followed by the machine's own names, so that a recorded tree resolves inside itself."""

from __future__ import annotations

from envkit.core.machine import Machine

_MAX_HOPS = 40
"""As the kernel's own limit (path_resolution(7))."""


def resolve(machine: Machine, path: str) -> str | None:
    """The absolute path with every link followed, whether or not its end exists; None when links loop."""
    done = ""
    left = path.split("/")[::-1]
    hops = 0
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == "..":
            done = done.rpartition("/")[0]
            continue
        target = machine.link(f"{done}/{part}")
        if target is None:
            done = f"{done}/{part}"
            continue
        hops += 1
        if hops > _MAX_HOPS:
            return None
        if target.startswith("/"):
            done = ""
        left.extend(target.split("/")[::-1])
    return done or "/"


def target(machine: Machine, path: str) -> str | None:
    """`resolve`, but None also when nothing is there."""
    if not machine.exists(path):
        return None
    end = resolve(machine, path)
    return end if end is not None and machine.exists(end) else None
