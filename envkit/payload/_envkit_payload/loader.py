"""Where the dynamic loader looks for the libraries that a framework needs, in its order.

Source: ld.so(8) and glibc's elf/dl-load.c: DT_RPATH of the library that asks and of those that loaded it,
down to the executable (none of them when the library has a DT_RUNPATH), LD_LIBRARY_PATH, DT_RUNPATH of the
library that asks, /etc/ld.so.cache, the default directories. glibc-hwcaps subdirectories are not looked at.
"""

import glob
import os
import struct
import sys

from .elf import search_path

CACHE = "/etc/ld.so.cache"
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
_CACHE_FLAGS = {"x86_64": 0x0303, "aarch64": 0x0A03, "ppc64le": 0x0503}
"""FLAG_ELF_LIBC6 with the mark of the 64-bit ABI (glibc, sysdeps/generic/ldconfig.h)."""


class Loader:
    """The search order for one library that asks.

    before: (via, directory) that come before the cache, LD_LIBRARY_PATH not among them.
    position: where in `before` LD_LIBRARY_PATH belongs.
    """

    def __init__(self, asking):
        kind, entries = _read(asking)
        own = [("runpath" if kind == "runpath" else "rpath", entry) for entry in entries]
        if kind == "runpath":
            self.position, self.before = 0, own
        else:
            executable = _read(os.path.realpath(sys.executable))
            # The executable's DT_RPATH serves every library; its DT_RUNPATH only its own needs.
            own += [("rpath", entry) for entry in executable[1] if executable[0] == "rpath"]
            self.position, self.before = len(own), own
        if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
            inside = os.path.join(sys.prefix, "lib")
            self.before = [
                ("conda" if os.path.normpath(entry) == inside else via, entry) for via, entry in self.before
            ]

    def directories(self, with_environment):
        """(via, directory) up to the cache."""
        environment = library_path() if with_environment else []
        at = self.position
        return self.before[:at] + [("ld-library-path", entry) for entry in environment] + self.before[at:]


def library_path():
    """The entries of LD_LIBRARY_PATH; an empty one is the current directory, as the loader takes it."""
    value = os.environ.get("LD_LIBRARY_PATH", "")
    return [expand(entry, "") or "." for entry in value.replace(";", ":").split(":")] if value else []


def defaults():
    """The loader's built-in directories that exist: Debian's multiarch ones, then lib64."""
    triple = "{}-linux-gnu".format(platform_machine())
    names = ("/lib/" + triple, "/usr/lib/" + triple, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
    return [name for name in names if os.path.isdir(name)]


def platform_machine():
    """`x86_64`."""
    return os.uname().machine


def expand(entry, origin):
    """An entry with $ORIGIN, $LIB and $PLATFORM replaced."""
    multiarch = "lib/{}-linux-gnu".format(platform_machine())
    values = {
        "ORIGIN": origin,
        "LIB": multiarch if os.path.isdir("/" + multiarch) else "lib64",
        "PLATFORM": platform_machine(),
    }
    for name, value in values.items():
        if value:
            entry = entry.replace("$" + name, value).replace("${" + name + "}", value)
    return entry


def _read(path):
    """Kind and expanded entries of a file's own search path."""
    if path is None:
        return None, []
    try:
        kind, entries = search_path(path)
    except (OSError, ValueError):
        return None, []
    return kind, [expand(entry, os.path.dirname(path)) for entry in entries]


def cached(path=CACHE):
    """(SONAME, file) of /etc/ld.so.cache for this machine's own ABI, in its order; [] when there is none.

    Layout: glibc, sysdeps/generic/dl-cache.h, `struct cache_file_new`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(64 << 20)
    except OSError:
        return []
    start = data.find(_CACHE_MAGIC)
    if start < 0:
        return []
    (count,) = struct.unpack_from("<I", data, start + 20)
    wanted = _CACHE_FLAGS.get(platform_machine())
    table = data[start + 48 : start + 48 + count * 24]
    entries = struct.iter_unpack("<iIIIQ", table[: len(table) // 24 * 24])
    pairs = []
    for flags, key, value, _, _ in entries:
        if wanted is None or flags & 0xFFFF == wanted:
            key, value = start + key, start + value
            pairs.append((data[key : data.find(b"\0", key)], data[value : data.find(b"\0", value)]))
    return [(os.fsdecode(key), os.fsdecode(value)) for key, value in pairs]


def configured(folder, path="/etc/ld.so.conf", depth=3):
    """The file below /etc/ld.so.conf that has ldconfig look into a directory; None when none names it."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = [line.partition("#")[0].strip() for line in file.read(1 << 20).splitlines()]
    except OSError:
        return None
    for line in lines:
        if line.startswith("include") and depth:
            for pattern in line.split()[1:]:
                for name in sorted(glob.glob(os.path.join(os.path.dirname(path), pattern))):
                    found = configured(folder, name, depth - 1)
                    if found is not None:
                        return found
        elif line and os.path.realpath(line) == os.path.realpath(folder):
            return path
    return None
