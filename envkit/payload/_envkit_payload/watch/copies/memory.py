"""Whether there is memory for one more copy of this process."""

import os

_ROOM = 4
"""Times its own size that must be left: other copies and the run itself still grow."""


def enough_memory(room=_ROOM):
    """Whether `room` times what this process holds is available, by the kernel and by its cgroups."""
    own = _own()
    left = [one for one in (_available(), *_groups()) if one is not None]
    return own is not None and bool(left) and min(left) > room * own


def _own():
    """Bytes that this process holds for itself."""
    try:
        with open("/proc/self/statm", "rb") as file:
            fields = file.read().split()
        return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _available():
    try:
        with open("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _groups(own="/proc/self/cgroup", root="/sys/fs/cgroup"):
    """What is left in this process's cgroup and in those around it, in bytes; version 2 and 1."""
    for folder, limit, used, cache in _folders(own, root):
        try:
            with open(os.path.join(folder, limit), "rb") as file:
                most = int(file.read())
            with open(os.path.join(folder, used), "rb") as file:
                yield most - int(file.read()) + _reclaimable(os.path.join(folder, "memory.stat"), cache)
        except (OSError, ValueError):  # no such group, or `max`
            continue


def _folders(own, root):
    """In a container the paths may be those of the host: then only the root is there."""
    lines = []
    try:
        with open(own, encoding="utf-8") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except (OSError, ValueError):
        pass
    v2, v1 = {root}, {os.path.join(root, "memory")}
    for number, controllers, path in (line for line in lines if len(line) == 3):
        found, top = (v2, root) if number == "0" else (v1, os.path.join(root, "memory"))
        if number == "0" or "memory" in controllers.split(","):
            while path.strip("/"):
                found.add(os.path.join(top, path.strip("/")))
                path = os.path.dirname(path.rstrip("/"))
    for folder in v2:
        yield folder, "memory.max", "memory.current", b"inactive_file"
    for folder in v1:
        yield folder, "memory.limit_in_bytes", "memory.usage_in_bytes", b"total_inactive_file"


def _reclaimable(path, name):
    """Bytes of files in memory that the kernel gives away first."""
    try:
        with open(path, "rb") as file:
            for line in file:
                key, _, value = line.partition(b" ")
                if key == name:
                    return int(value)
    except (OSError, ValueError):
        pass
    return 0
