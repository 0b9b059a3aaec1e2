"""Memory that a copy of the process shares with others becomes its own: weights, locks, queues."""

import ctypes
import mmap
import os

_MOST = 2 << 30
"""Bytes that are copied; files on a disk cost nothing."""
_FIXED = 0x10
"""MAP_FIXED of mmap(2), the same on all architectures but MIPS, Alpha and PA-RISC."""


def own():
    """Nothing that is written from now on is seen by another process. Raises OSError where that cannot be."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
    copied = 0
    for start, end, offset, path in list(_shared()):
        if os.path.isfile(path) and not path.startswith("/dev/shm"):
            file = os.open(path, os.O_RDONLY)
            _mapped(libc, start, end - start, mmap.MAP_PRIVATE, file, offset)
            os.close(file)
            continue
        copied += end - start
        if copied > _MOST:
            raise OSError("too much shared memory")
        held = ctypes.string_at(start, end - start)
        _mapped(libc, start, end - start, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
        ctypes.memmove(start, held, len(held))


def _mapped(libc, start, length, kind, file, offset):
    protection = mmap.PROT_READ | mmap.PROT_WRITE
    if libc.mmap(start, length, protection, kind | _FIXED, file, offset) != start:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _shared():
    """(start, end, offset, path) of what can be written and is shared, devices apart."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.rstrip("\n").split(None, 5)
            path = fields[5] if len(fields) > 5 else ""
            if fields[1].startswith("rw") and fields[1].endswith("s"):
                if path.startswith("/dev/") and not path.startswith(("/dev/shm", "/dev/zero")):
                    continue
                start, _, end = fields[0].partition("-")
                yield int(start, 16), int(end, 16), int(fields[2], 16), path
