"""Whether every shared library that a framework needs can be found, without importing anything.

The closure of DT_NEEDED from the framework's own libraries. Plugins that NVIDIA's wheels carry for networks
(transports that need libibverbs) are not in it: nothing loads them unless such a network is there.
"""

import glob
import os

from . import loader
from .elf import DT_NEEDED, DT_SONAME, Elf

DRIVER = frozenset(("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1"))
"""What comes with the driver of the host, into a container only when it is run with a GPU."""
_OF_THE_LOADER = ("ld-linux", "linux-vdso")
_TENSORFLOW_OPENS = (
    "cudart", "cublas", "cublasLt", "cufft", "cusolver", "cusparse", "cudnn", "nccl", "cupti",
)  # fmt: skip
"""Families that TensorFlow opens by name when it is used (stream_executor's dso_loader)."""


def roots(folder, name):
    """The framework's own libraries that are loaded at its import."""
    if name == "torch":
        return sorted(glob.glob(os.path.join(folder, "_C*.so"))) + sorted(
            glob.glob(os.path.join(folder, "lib", "libtorch*.so"))
            + glob.glob(os.path.join(folder, "lib", "libc10*.so"))
        )
    found = glob.glob(os.path.join(folder, "libtensorflow_*.so*"))
    site = os.path.dirname(folder)
    for family in _TENSORFLOW_OPENS:
        found += glob.glob(os.path.join(site, "nvidia", "*", "lib", "lib" + family + ".so.*"))
    return sorted(found)


def read(starts):
    """{"checked": number of libraries, "missing": [{"name", "needed_by"}], "driver": [names]}."""
    known = dict(loader.cached())
    queue, seen, found, missing, driver = list(starts), set(), {}, {}, set()
    for path in starts:
        found.setdefault(os.path.basename(path), path)
    while queue:
        path = queue.pop()
        real = os.path.realpath(path)
        if real in seen:
            continue
        seen.add(real)
        try:
            needed, soname = _needs(path)
        except (OSError, ValueError):
            continue
        found.setdefault(soname or os.path.basename(path), path)
        search = [directory for _, directory in loader.Loader(path).directories(True)] + loader.defaults()
        for name in needed:
            if name in DRIVER:
                driver.add(name)
            elif not name.startswith(_OF_THE_LOADER) and name not in missing:
                where = _where(name, search, known) or found.get(name)
                if where is None:
                    missing[name] = path
                else:
                    found.setdefault(name, where)
                    queue.append(where)
    # A name that came up before the library that carries it was read.
    gone = [{"name": name, "needed_by": path} for name, path in sorted(missing.items()) if name not in found]
    return {"checked": len(seen), "missing": gone, "driver": sorted(driver)}


def _needs(path):
    with Elf(path) as elf:
        pairs = elf.dynamic()
    soname = [value for tag, value in pairs if tag == DT_SONAME]
    return [value for tag, value in pairs if tag == DT_NEEDED], soname[0] if soname else None


def _where(name, search, known):
    for directory in search:
        path = os.path.join(directory, name)
        if os.path.exists(path):
            return path
    return known.get(name)
