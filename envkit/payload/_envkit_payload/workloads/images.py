"""Image files for the input pipeline: half of them raw, half compressed with zlib, all made here.

No image library is needed, and decoding costs about what decoding a JPEG of that size does.
"""

import errno
import os
import random
import shutil
import tempfile
import time
import zlib

SIDE = 256
"""Pixels; the pipeline crops CROP of them."""
CROP = 224
BYTES = SIDE * SIDE * 3
COUNT = {"quick": 64, "default": 512, "full": 2048}
RAW, PACKED = ".raw", ".z"
_DIFFERENT = 16
"""Images that are really made; files repeat them."""


class Images:
    """Files in a new folder of `parent` (None = the system's own for temporary files), gone after `close()`.

    OSError (ENOSPC) when there is no room. paths: of all files; compressed ones end in PACKED.
    """

    def __init__(self, parent, count, seed):
        self.folder = tempfile.mkdtemp(prefix="envkit-images-", dir=parent)
        try:
            _make_room(self.folder, count)
            self.paths = _made(self.folder, count, seed)
        except BaseException:
            self.close()
            raise

    def close(self):
        """Remove them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def from_disk(self):
        """Bytes a second of reading every file once, the system's cache of them dropped before."""
        for path in self.paths:
            _drop(path)
        start = time.perf_counter()
        total = 0
        for path in self.paths:
            with open(path, "rb") as file:
                total += len(file.read())
        seconds = time.perf_counter() - start
        return total / seconds


def read(path):
    """The pixels of a file: BYTES bytes, rows of red, green and blue."""
    with open(path, "rb") as file:
        data = file.read()
    return zlib.decompress(data) if path.endswith(PACKED) else data


def label(index):
    """One of 10 classes."""
    return index % 10


def seconds_each(paths, decode):
    """(seconds to decode a raw file, seconds for a compressed one) in this process."""
    found = []
    for ending in (RAW, PACKED):
        chosen = [path for path in paths if path.endswith(ending)][:16]
        for path in chosen:  # the first time is not the usual one
            decode(path)
        start = time.perf_counter()
        for path in chosen:
            decode(path)
        found.append((time.perf_counter() - start) / len(chosen))
    return found


def workers(asked, processes):
    """Worker processes of one pipeline: as asked for, else by the CPUs, which `processes` share."""
    if asked is not None:
        return asked
    affinity = getattr(os, "sched_getaffinity", None)
    cpus = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return max(1, min(8, cpus // processes))


def _make_room(folder, count):
    if not hasattr(os, "statvfs"):
        return
    found = os.statvfs(folder)
    free, need = found.f_bavail * found.f_frsize, count * BYTES
    if free < need:
        text = "the image files need {} MiB, {} has {} MiB free".format(need >> 20, folder, free >> 20)
        raise OSError(errno.ENOSPC, text)


def _made(folder, count, seed):
    chance = random.Random(seed)
    few = bytes(value & 0xF0 for value in range(256))  # 16 levels: zlib halves them
    contents = []
    for _ in range(_DIFFERENT // 2):
        one, two = (chance.getrandbits(8 * BYTES).to_bytes(BYTES, "little").translate(few) for _ in range(2))
        contents += [(one, RAW), (zlib.compress(two, 1), PACKED)]
    paths = []
    for number in range(count):
        data, ending = contents[number % _DIFFERENT]
        path = os.path.join(folder, "{:05d}{}".format(number, ending))
        with open(path, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        paths.append(path)
    return paths


def _drop(path):
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
