"""How large a buffer must be so that no cache holds it, and may be so that memory does."""

import glob
import os

SECONDS = {"quick": 0.3, "default": 1.0, "full": 3.0}
"""For the measuring of one ceiling."""
_CACHES = "/sys/devices/system/cpu/cpu[0-9]*/cache/index[0-9]*"


def host_buffer():
    """Bytes of one buffer in the memory of the host: three of them leave most of it free."""
    return max(16 << 20, min(max(256 << 20, 2 * last_caches()), available_memory() // 12))


def last_caches():
    """Bytes of all last-level caches of this machine together; 0 where they cannot be read."""
    found = {}
    for index in glob.glob(_CACHES):
        try:
            level, shared, size = (_line(index, name) for name in ("level", "shared_cpu_list", "size"))
            found[int(level), shared] = int(size[:-1]) << {"K": 10, "M": 20}[size[-1:]]
        except (OSError, ValueError, KeyError):
            continue
    last = max((level for level, _ in found), default=0)
    return sum(size for (level, _), size in found.items() if level == last)


def _line(folder, name):
    with open(os.path.join(folder, name)) as file:
        return file.read().strip()


def available_memory():
    """Bytes that this machine and this container can still give; 4 GiB where neither can be read."""
    found = []
    try:
        with open("/proc/meminfo") as file:
            found += [int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:")]
    except OSError:
        pass
    for most, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            with open(most) as file, open(used) as other:
                found.append(max(0, int(file.read()) - int(other.read())))
        except (OSError, ValueError):  # "max"
            pass
    return min(found) if found else 4 << 30
