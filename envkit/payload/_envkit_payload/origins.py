"""Why each loaded library is the file it is: the loader's rules, applied to what it has loaded.

Source: ld.so(8) and glibc's elf/dl-load.c. A name without a slash is looked for in the DT_RPATH of the object
that asks and of those that loaded it, and of the executable (none of them when the object has a DT_RUNPATH),
in LD_LIBRARY_PATH, in the object's DT_RUNPATH, in /etc/ld.so.cache, in the default directories. The loader
opens `entry/name`, or `entry/glibc-hwcaps/x86-64-v3/name`, and keeps that path: the first entry that begins
it is the one that let the library in. What is loaded already under a name is not looked for again.
"""

import functools
import glob
import os
import re
import sys

from . import linkmap, loader
from .elf import DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, Elf
from .libraries import is_ours

PRELOAD = "/etc/ld.so.preload"
_LEGACY = frozenset(("tls", "haswell", "xeon_phi", "avx512_1", "x86_64"))
"""Subdirectories that glibc before 2.37 looked into as well."""


class Object:
    """A loaded file: what the loader's list and its own dynamic table say.

    path: the file, as the kernel names it. name: as the loader opened it. asked: what was asked for.
    parent: the Object whose need or preload it was; None when dlopen loaded it.
    """

    def __init__(self, one, path):
        self.path = path
        self.name = one.name or path
        self.asked = one.asked
        self.parent = None
        self.soname, self.needed, self.kind, self.entries = _dynamic(path)

    def own(self, kind):
        """(kind, entry as written, directory, the object itself) of its own search path."""
        origin = os.path.dirname(self.name)
        return [
            (kind, entry, _directory(loader.expand(entry, origin)), self)
            for entry in self.entries
            if self.kind == kind
        ]


@functools.lru_cache(maxsize=None)
def _dynamic(path):
    """SONAME, needed names, kind of search path and its entries as written, of one file."""
    try:
        with Elf(path) as elf:
            pairs = elf.dynamic()
    except (OSError, ValueError):
        return None, (), None, ()
    values = dict(reversed(pairs))
    needed = tuple(value for tag, value in pairs if tag == DT_NEEDED)
    # A DT_RUNPATH makes the loader ignore the DT_RPATH beside it.
    for tag, kind in ((DT_RUNPATH, "runpath"), (DT_RPATH, "rpath")):
        if tag in values:
            return values.get(DT_SONAME), needed, kind, values[tag].split(":") if values[tag] else ()
    return values.get(DT_SONAME), needed, None, ()


class Reason:
    """What let a library in.

    how: `needed`, `preload` or `dlopen`; by: the Object that asked, when known.
    via: `ld-preload`, `rpath`, `ld-library-path`, `runpath`, `ld-cache`, `default`, or `path` when a path
        and no name was asked for; None when it cannot be said.
    entry: as written in the variable or the file, the path in the cache. of: the file that holds the entry.
    """

    def __init__(self, how, by, via=None, entry=None, of=None):
        self.how, self.by, self.via, self.entry, self.of = how, by, via, entry, of


def environment():
    """{variable: value} of what steers the loader, as this process was started with it."""
    wanted = (b"LD_LIBRARY_PATH", b"LD_PRELOAD")
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [line.partition(b"=")[::2] for line in file.read().split(b"\0")]
    except OSError:
        pairs = list(os.environb.items())
    return {os.fsdecode(name): os.fsdecode(value) for name, value in pairs if name in wanted}


class Process:
    """The objects of this process, and the loader's search for each.

    started: what `environment` said before anything of the person's ran.
    """

    def __init__(self, started, mappings):
        listed = linkmap.read()
        self.objects = [Object(one, path) for one in listed if (path := _file(mappings, one.dynamic))]
        whole = len(self.objects) == len(listed)
        by_list = dict(zip(listed, self.objects)) if whole else {}
        for one, mine in by_list.items():
            mine.parent = by_list.get(one.loader)
        if not whole:  # a file that is gone: who asked for what cannot be said
            self.objects = []
        value = started.get("LD_LIBRARY_PATH", "")
        self.variable = value.replace(";", ":").split(":") if value else []
        self.preloads = _preloads(started.get("LD_PRELOAD", ""))
        self._defaults = loader.defaults()
        self._cache = None

    def cached(self, name):
        """Paths that the cache has for a name."""
        if self._cache is None:
            self._cache = {}
            for soname, path in loader.cached():
                self._cache.setdefault(soname, []).append(path)
        return self._cache.get(name, [])

    def directories(self, asking):
        """(via, entry as written, directory, Object that holds the entry or None) before the cache."""
        if asking.kind != "runpath":
            one, main = asking, self.objects[0]
            while one is not None:
                for step in one.own("rpath"):
                    yield step
                main = None if one is main else main
                one = one.parent
            for step in main.own("rpath") if main is not None else ():
                yield step
        for entry in self.variable:
            yield "ld-library-path", entry, _directory(loader.expand(entry, "")), None
        for step in asking.own("runpath"):
            yield step

    def candidates(self, searched, name):
        """(path, via) of all files that a search for a name comes to, in order.

        searched: (via, directory) of `directories`.
        """
        places = [(os.path.join(directory, name), via) for via, directory in searched]
        places += [(path, "ld-cache") for path in self.cached(name)]
        places += [(os.path.join(folder, name), "default") for folder in self._defaults]
        return [(path, via) for path, via in places if is_ours(path)]

    def reason(self, one):
        """The Reason for an Object."""
        if one.parent is None:
            return self._of_dlopen(one)
        if one.parent is self.objects[0]:
            for word, of in self.preloads:
                if one.asked in (word, loader.expand(word, "")):
                    return Reason("preload", one.parent, "ld-preload", word, of)
        needed = one.asked in one.parent.needed or any("$" in name for name in one.parent.needed)
        how = "needed" if needed else "dlopen"
        return self._searched(how, one.parent, one) or Reason(how, one.parent)

    def _of_dlopen(self, one):
        if "/" in (one.asked or "/"):
            return Reason("dlopen", None, "path", one.asked)
        # glibc does not keep the caller. Those can be it whose search comes to this path first.
        callers = self.objects[: self.objects.index(one)]
        found = [(why, by) for by in callers if (why := self._searched("dlopen", by, one, strict=True))]
        if len({(why.via, why.entry, why.of) for why, _ in found}) > 1 or len(found) > 1:
            found = [(why, by) for why, by in found if _can_dlopen(by.path)]
        reasons = {(why.via, why.entry, why.of) for why, _ in found}
        if len(reasons) != 1:
            return Reason("dlopen", None)
        return Reason("dlopen", found[0][1] if len(found) == 1 else None, *reasons.pop())

    def _searched(self, how, asking, one, strict=False):
        """The Reason when `asking` searches for the name of `one`, or None when that gives another path.

        strict: whether a file in an earlier directory speaks against it.
        """
        name = one.asked
        if "/" in name:
            return Reason(how, asking, "path", name)
        folder = os.path.dirname(one.name)
        for via, entry, directory, holder in self.directories(asking):
            if _is_inside(folder, directory):
                return Reason(how, asking, via, entry, holder.path if holder is not None else None)
            if strict and is_ours(os.path.join(directory, name)):
                return None
        if one.name in self.cached(name):
            return Reason(how, asking, "ld-cache", one.name, loader.configured(folder))
        if strict and self.cached(name):
            return None
        if any(_is_inside(folder, directory) for directory in self._defaults):
            return Reason(how, asking, "default", folder)
        return None

    def others(self, one):
        """(path, via) of the other files that those who need a library would have got, in their order."""
        name = one.asked if "/" not in (one.asked or "/") else one.soname
        if not name:
            return []
        found = {}
        asking = [other for other in self.objects if name in other.needed or one.soname in other.needed]
        # Most of those who ask search in the same directories.
        searches = dict.fromkeys(
            tuple((step[0], step[2]) for step in self.directories(by))
            for by in asking or [one.parent or self.objects[0]]
        )
        for searched in searches:
            for path, via in self.candidates(searched, name):
                found.setdefault(os.path.realpath(path), (os.path.normpath(path), via))
        for path in _in_wheels(name):
            found.setdefault(os.path.realpath(path), (path, "wheel"))
        found.pop(os.path.realpath(one.path), None)
        return list(found.values())


def is_shipped(path):
    """Whether a file lies in the environment: below its site-packages, or in a conda environment's lib."""
    real = os.path.realpath(path)
    roots = [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        roots.append(os.path.join(sys.prefix, "lib"))
    return any(real.startswith(os.path.realpath(root) + os.sep) for root in roots)


def _in_wheels(name):
    """Files of that name where NVIDIA's wheels put them."""
    for entry in sys.path:
        if os.path.basename(entry) in ("site-packages", "dist-packages"):
            folder = glob.escape(os.path.join(entry, "nvidia"))
            yield from sorted(glob.glob(os.path.join(folder, "*", "lib", glob.escape(name))))


def _file(mappings, address):
    for start, end, path in mappings:
        if start <= address < end:
            return path
    return None


def _preloads(value):
    """(word, file that holds it or None) of LD_PRELOAD and /etc/ld.so.preload."""
    words = [(word, None) for word in re.split(r"[ :]", value) if word]
    try:
        with open(PRELOAD, encoding="utf-8", errors="replace") as file:
            lines = [line.partition("#")[0] for line in file.read(65536).splitlines()]
    except OSError:
        return words
    return words + [(word, PRELOAD) for line in lines for word in re.split(r"[\s:]", line) if word]


def _directory(expanded):
    """A directory as the loader writes it: an empty one is the current, slashes at the end are dropped."""
    return expanded.rstrip("/") or ("/" if expanded else ".")


def _is_inside(folder, directory):
    """Whether a file's folder is a search directory or one of its subdirectories for this CPU."""
    if folder == directory:
        return True
    start = directory.rstrip("/") + "/"
    if not folder.startswith(start):
        return False
    rest = folder[len(start) :].split("/")
    return (rest[0] == "glibc-hwcaps" and len(rest) == 2) or _LEGACY.issuperset(rest)


def _can_dlopen(path):
    """Whether a file refers to dlopen at all."""
    try:
        with Elf(path) as elf:
            offset, size = elf.sections().get(".dynstr", (0, 0))
            return elf.data.find(b"\0dlopen\0", offset, offset + size) >= 0
    except (OSError, ValueError):
        return True
