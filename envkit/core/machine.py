"""The machine that probes look at: a file system root, an environment and a process runner.

The real machine is `Machine.here()`. Tests replay recorded trees of machines that are not here by giving
another root, the recorded environment, and a runner that answers from recorded outputs.

Only kernel-made file systems (/proc, /sys, /dev) and /etc are read in this process. Whatever lives on a file
system that can hang is looked at by a child that can be killed.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envkit.core import proc
from envkit.core.proc import Command, Result

Runner = Callable[[Command], Result]

_HERE = Path("/")
READ_LIMIT = 4 << 20
"""Bytes read of any one file."""
_RECORD = 1 << 13
"""Bytes that one read of a log device must have room for (PRINTK_MESSAGE_MAX is 2048, older kernels wrote up
to 8192)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Paths that will be asked for, absolute; each part of a path may have `*` and `[...]` as in fnmatch."""

    read: tuple[str, ...] = ()
    ls: tuple[str, ...] = ()
    stat: tuple[str, ...] = ()
    """For `exists`, `link` and `may`: what must not be opened, as a device."""
    walk: tuple[tuple[str, int], ...] = ()
    """Directory and depth of `walk_names`."""
    limit: int = 1 << 16
    """Bytes of each file of `read`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """What the kernel and the C library say of themselves to a running process."""

    name: str
    release: str
    arch: str
    """As `uname -m` prints it."""
    glibc: str | None
    """Its version; None with another C library."""

    @staticmethod
    def here() -> System:
        """Of this process."""
        uname = os.uname()
        return System(name=uname.sysname, release=uname.release, arch=uname.machine, glibc=_glibc())


def _glibc() -> str | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # musl knows no such name
        return None
    return version if name == "glibc" and version else None


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

    @property
    def is_live(self) -> bool:
        """Whether it runs now: this machine, or one that is asked over a connection."""
        return self.is_here

    @property
    def system(self) -> System | None:
        """Kernel and C library of a machine that runs; None of a recorded one."""
        return System.here() if self.is_here else None

    @property
    def python(self) -> str:
        """The interpreter that runs our own children there; empty when there is none."""
        return sys.executable

    def place(self, path: Path) -> str:
        """Where a file of ours, or the folder that Python finds it in, lies on the machine."""
        return str(path)

    def ahead(self, *wanted: Ahead) -> None:
        """Say what will be read next.

        Where every reading is a journey, all of it is read now, and readings of these paths are answered from
        what was found. Elsewhere nothing happens.
        """

    def at(self, path: str) -> str:
        """Where `path` of the machine lies on the file system of this process."""
        return path if self.is_here else str(self.root) + "/" + path.lstrip("/")

    def read_bytes(self, path: str, limit: int = READ_LIMIT) -> bytes:
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

    def read(self, path: str, limit: int = READ_LIMIT) -> str | None:
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

    def real(self, path: str) -> str:
        """The path with its links followed. Of a recorded machine it may lead out of the record."""
        return os.path.realpath(self.at(path))

    def leads(self, path: str) -> bool | None:
        """Whether the path leads to something, links followed; None when this user may not look."""
        try:
            os.stat(self.at(path))
        except PermissionError:
            return None
        except (OSError, ValueError):
            return False
        return True

    def absolute(self, path: str) -> str:
        """A path as a person gave it, from the working directory where there is one."""
        return os.path.abspath(path) if self.is_here else path

    def stanzas(self, path: str, start: bytes, begins: Sequence[str], limit: int) -> bytes:
        """The first `limit` bytes of a file that is made of stanzas.

        start: what a stanza begins with, its newline included. begins: what follows it in those of interest;
        over a connection the others are left out. Raises OSError.
        """
        return self.read_bytes(path, limit)

    def records(self, path: str, words: Sequence[str], *, keep: int, seconds: float) -> str:
        """The text of a log device, as of /dev/kmsg, from its oldest record to now.

        words: every line of interest has one of them; over a connection the others are left out.
        keep: bytes, the newest. seconds: a log that grows as fast as it is read is left after that.
        Raises OSError.
        """
        fd = os.open(self.at(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            chunks: deque[bytes] = deque()
            kept = 0
            for chunk in _chunks(fd, time.monotonic() + seconds):
                chunks.append(chunk)
                kept += len(chunk)
                while kept > keep:
                    kept -= len(chunks.popleft())
        finally:
            os.close(fd)
        return b"".join(chunks).decode("utf-8", "replace")

    def talk(self, path: str, request: bytes, seconds: float) -> bytes:
        """What a server at a Unix socket of a machine over a connection answers. Raises OSError."""
        raise OSError(errno.ENOTSUP, "only over a connection")

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


def _chunks(fd: int, deadline: float) -> Iterator[bytes]:
    while time.monotonic() < deadline:
        try:
            chunk = os.read(fd, _RECORD)
        except BlockingIOError:
            return  # all that there is
        except BrokenPipeError:
            continue  # the record was overwritten while we read; the next read gives the oldest one left
        except InterruptedError:
            continue
        if not chunk:
            return  # the end of a recorded log
        yield chunk
