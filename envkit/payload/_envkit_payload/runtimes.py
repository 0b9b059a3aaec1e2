"""Runtimes that clash when two of them are loaded: OpenMP, and the C++ library."""

import os
import re
import sys

from . import loader
from .elf import Elf

_OPENMP = re.compile(r"lib(?:gomp|iomp5|omp)(?:[-.][\w.-]*)?\.so(?:\.[\d.]+)?$|lib(?:gomp|iomp5|omp)\.so")
_GLIBCXX = re.compile(rb"GLIBCXX_(\d+(?:\.\d+)+)\0")
_FOLDERS = ("torch/lib", "functorch", "tensorflow", "jaxlib", "sklearn/.libs")


def openmp(paths):
    """Paths of the OpenMP runtimes that packages and the environment ship; links to a runtime once."""
    folders = []
    for site in paths.sites():
        folders += [
            os.path.join(site, *name.split("/"))
            for name in _FOLDERS
            if name.split("/")[0] in paths.names(site)
        ]
        folders += [os.path.join(site, name) for name in sorted(paths.names(site)) if name.endswith(".libs")]
    # intel-openmp's wheel and conda's llvm-openmp both put theirs into the environment's own lib.
    if sys.prefix not in ("/usr", "/usr/local"):
        folders.append(os.path.join(sys.prefix, "lib"))
    found = {}
    for folder in folders:
        for name in sorted(paths.names(folder)):
            if _OPENMP.match(name):
                path = os.path.join(folder, name)
                found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def libstdcxx(asking):
    """`3.4.30`: the newest GLIBCXX of the first libstdc++.so.6 in the loader's order, or None."""
    path = _first("libstdc++.so.6", asking)
    if path is None:
        return None
    try:
        with Elf(path) as elf:
            offset, size = elf.sections().get(".dynstr", (0, 0))
            versions = _GLIBCXX.findall(elf.data[offset : offset + size])
    except (OSError, ValueError):
        return None
    numbers = [tuple(int(part) for part in version.split(b".")) for version in versions]
    return ".".join(str(part) for part in max(numbers)) if numbers else None


def _first(name, asking):
    for _, folder in loader.Loader(asking).directories(True):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    for soname, path in loader.cached():
        if soname == name and os.path.exists(path):
            return path
    for folder in loader.defaults():
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    return None
