"""The machine that probes look at: a file system root, an environment and a process runner.

The real machine is `Machine.here()`. Tests replay recorded trees of machines that are not here by giving
another root, the recorded environment, and a runner that answers from recorded outputs.

Only kernel-made file systems (/proc, /sys, /dev) and /etc are read in this process. Whatever lives on a file
system that can hang is looked at by a child that can be killed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from envkit.core import proc
from envkit.core.proc import Command, Result

Runner = Callable[[Command], Result]

_HERE = Path("/")
_READ_LIMIT = 4 << 20
"""Bytes read of any one file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """A view of one machine. Paths are absolute, as the machine itself names them."""

    root: Path
    env: Mapping[str, str]
    run: Runner

    @staticmethod
    def here() -> Machine:
        """The machine that this process runs on."""
        return Machine(root=_HERE, env=dict(os.environ), run=proc.run)

    @property
    def is_here(self) -> bool:
        """Whether this is the running machine and not a recorded one."""
        return self.root is _HERE or self.root == _HERE

    def at(self, path: str) -> str:
        """Where `path` of the machine lies on the file system of this process."""
        return path if self.is_here else str(self.root) + "/" + path.lstrip("/")

    def read_bytes(self, path: str, limit: int = _READ_LIMIT) -> bytes:
        """The first `limit` bytes of a file. Raises OSError."""
        try:
            # O_NONBLOCK: a FIFO or a log device must not hold the probe.
            fd = os.open(self.at(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except ValueError as error:  # a NUL in the name, which then names nothing
            raise FileNotFoundError(errno.ENOENT, str(error)) from error
        try:
            chunks: list[bytes] = []
            while limit > 0 and (chunk := os.read(fd, min(limit, 1 << 16))):
                chunks.append(chunk)
                limit -= len(chunk)
            return b"".join(chunks)
        finally:
            os.close(fd)

    def read(self, path: str, limit: int = _READ_LIMIT) -> str | None:
        """The text of a file, or None when it is absent or may not be read."""
        try:
            return self.read_bytes(path, limit).decode("utf-8", "replace")
        except OSError:
            return None

    def line(self, path: str) -> str | None:
        """The text of a one-line file without surrounding white space."""
        text = self.read(path, 1 << 16)
        return None if text is None else text.strip()

    def number(self, path: str) -> int | None:
        """The integer in a one-line file; None when absent or not a number (as cgroup's `max`)."""
        text = self.line(path)
        try:
            return None if text is None else int(text, 0)
        except ValueError:
            return None

    def ls(self, path: str) -> tuple[str, ...] | None:
        """Sorted names in a directory, or None when it is absent or may not be read."""
        try:
            return tuple(sorted(os.listdir(self.at(path))))
        except (OSError, ValueError):
            return None

    def exists(self, path: str) -> bool:
        """Whether the path is there (a dangling link is)."""
        return os.path.lexists(self.at(path))

    def link(self, path: str) -> str | None:
        """The target of a symbolic link as written, or None."""
        try:
            return os.readlink(self.at(path))
        except (OSError, ValueError):
            return None

    def may(self, path: str, mode: int) -> bool | None:
        """os.access on a path of the machine; None when the path is absent."""
        if not self.exists(path):
            return None
        return os.access(self.at(path), mode)

    def walk_names(self, path: str, depth: int) -> Iterator[str]:
        """Paths of the files below a directory, at most `depth` folders down, links not followed."""
        stack = [(path.rstrip("/"), depth)]
        while stack:
            folder, left = stack.pop()
            try:
                entries = sorted(os.scandir(self.at(folder)), key=lambda entry: entry.name)
            except (OSError, ValueError):
                continue
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if left > 0:
                        stack.append((f"{folder}/{entry.name}", left - 1))
                else:
                    yield f"{folder}/{entry.name}"
