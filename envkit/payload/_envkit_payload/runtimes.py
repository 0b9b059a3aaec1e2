"""Runtimes that clash when two of them are loaded: OpenMP, and the C++ library."""

import os
import re
import sys

from . import loader
from .elf import Elf

_OPENMP = re.compile(r"lib(?:gomp|iomp5|omp)(?:[-.][\w.-]*)?\.so(?:\.[\d.]+)?$|lib(?:gomp|iomp5|omp)\.so")
_GLIBCXX = re.compile(r"GLIBCXX_(\d+(?:\.\d+)+)$")
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
    return None if path is None else newest_glibcxx(path)


def newest_glibcxx(path):
    """The newest GLIBCXX that a libstdc++ defines, or None."""
    try:
        with Elf(path) as elf:
            return _newest(elf.versions_defined())
    except (OSError, ValueError):
        return None


def glibcxx_needed(paths):
    """(`3.4.30`, path): the newest GLIBCXX that one of these files needs, and which; None when none does."""
    found = []
    for path in paths:
        try:
            with Elf(path) as elf:
                needed = _newest(elf.versions_needed().get("libstdc++.so.6", ()))
        except (OSError, ValueError):
            continue
        if needed is not None:
            found.append((_key(needed), needed, path))
    return max(found)[1:] if found else None


def _newest(versions):
    numbers = [match[1] for version in versions if (match := _GLIBCXX.match(version))]
    return max(numbers, key=_key, default=None)


def _key(version):
    return tuple(int(part) for part in version.split("."))


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
