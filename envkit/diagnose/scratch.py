"""A working directory to repeat a run in: what the first run read is there, what it wrote is not.

No data are copied. Below a temporary folder stands a tree of the same names up to the root of the file
system: folders that the first run wrote to are real there, all else is a link to what it stands for. So a
relative path, also one with `..`, means what it meant.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

_MOST = 100_000
"""Entries of the working directory that are looked at for what the first run changed."""
_SECONDS = 5.0
_COPIED = 64 << 20
"""Bytes up to which a file that was there before and was written to is copied."""
_SKIPPED = frozenset((".git", "node_modules", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What the first run wrote, by whole path."""

    new: frozenset[str]
    """Was not there before: the repetition begins without it."""
    old: frozenset[str]
    """Was there before; what it held then is gone."""

    @property
    def folders(self) -> frozenset[str]:
        """Where all that lies."""
        return frozenset(os.path.dirname(path) for path in (*self.new, *self.old))


def changed(cwd: str, since: float, known: Collection[str]) -> frozenset[str]:
    """Files below a folder that were written since then (seconds of `time.time()`) and are not known.

    Of a very large folder a part is looked at.
    """
    found, count, deadline = set(), 0, time.monotonic() + _SECONDS
    for folder, folders, names in os.walk(cwd):
        folders[:] = [
            name
            for name in folders
            if name not in _SKIPPED and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        ]
        count += len(names) + len(folders)
        if count > _MOST or time.monotonic() > deadline:
            break
        for name in names:
            path = os.path.join(folder, name)
            try:
                if os.lstat(path).st_mtime >= since and path not in known:
                    found.add(path)
            except OSError:
                continue
    return frozenset(found)


class Scratch:
    """The stand-in of a working directory."""

    def __init__(self, folder: Path, cwd: str, written: Written) -> None:
        """Make it. folder: empty, its own. Raises OSError when that cannot be done."""
        self.root = str(folder / "root")
        self.temporary = str(folder / "tmp")
        self.home = str(folder)
        self._cwd = cwd
        self._written = written
        os.mkdir(self.temporary)
        self._real = self._folders()
        self._stand_in("/")

    @property
    def cwd(self) -> str:
        """Where to start."""
        return self.root + self._cwd

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders that have a stand-in which is written to: the working directory first."""
        others = sorted(folder for folder in self._written.folders if not _in(folder, self._cwd))
        return (self._cwd, *others)

    def original(self, path: str) -> str:
        """What a path of the stand-in stands for."""
        return path[len(self.root) :] if path.startswith(self.root + "/") else path

    def _folders(self) -> frozenset[str]:
        """Folders that are no links here: those that are written to and all above them."""
        found = {"/"}
        for folder in (self._cwd, *self._written.folders):
            while folder not in found and len(folder) > 1:
                found.add(folder)
                folder = os.path.dirname(folder)
        return frozenset(found)

    def _stand_in(self, folder: str) -> None:
        os.mkdir(self.root + folder.rstrip("/"))
        for path in _entries(folder):
            if path in self._written.new or path == self.home:
                continue
            if path in self._real and os.path.isdir(path):
                self._stand_in(path)
            elif path in self._written.old and _size(path) <= _COPIED:
                shutil.copy2(path, self.root + path)
            elif path not in self._written.old:
                os.symlink(path, self.root + path)


def _in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _entries(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from [os.path.join(folder, entry.name) for entry in entries]
    except OSError:
        return


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size if os.path.isfile(path) else _COPIED + 1
    except OSError:
        return _COPIED + 1
