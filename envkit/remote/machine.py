"""A Machine that is elsewhere: readings come from what was read ahead, else from the agent there."""

from __future__ import annotations

import errno
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import envkit
from envkit.core.machine import READ_LIMIT, Ahead, Machine, System
from envkit.remote.cache import Cache, Entry
from envkit.remote.link import Link, LinkLost

_OURS = Path(envkit.__file__).resolve().parents[1]
"""The folder that holds envkit here; what is sent lies there by the same relative names."""

Spec = tuple[str, str, int]
"""Kind of look, pattern, and what goes with it: bytes of a file, depth of a walk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteMachine(Machine):
    """`root` is that of the other machine; nothing of it can be reached by a path here."""

    link_to: Link
    cache: Cache
    live: System | None
    """None when a recorded machine is asked through an agent, as tests do."""
    interpreter: str
    folder: str
    """Where our files lie there."""
    cwd: str

    @property
    def is_here(self) -> bool:
        """It is not."""
        return False

    @property
    def is_live(self) -> bool:
        """Whether it runs now."""
        return self.live is not None

    @property
    def system(self) -> System | None:
        """Its kernel and C library."""
        return self.live

    @property
    def python(self) -> str:
        """The interpreter that runs the agent."""
        return self.interpreter

    def place(self, path: Path) -> str:
        """Where a file of ours was sent to; every other folder stands for the one that holds all we sent."""
        resolved = path.resolve()
        if resolved != _OURS and resolved.is_relative_to(_OURS / "envkit"):
            return f"{self.folder}/{PurePosixPath(resolved.relative_to(_OURS))}"
        return self.folder

    def at(self, path: str) -> str:
        """There is no such place here."""
        raise OSError(errno.EREMOTE, "it is on another machine", path)

    def ahead(self, *wanted: Ahead) -> None:
        """Read what is wanted in one journey."""
        topics = [specs(one) for one in wanted]
        if not any(topics):
            return
        value, blob = self.link_to.ask("look", topics=topics, exact=False, seconds=None)
        take(self.cache, topics, value, blob, self.link_to)

    def read_bytes(self, path: str, limit: int = READ_LIMIT) -> bytes:
        """As of a file here. Raises OSError."""
        entry = self._known(path, lambda e: e.errno is not None or _reaches(e, limit), ("read", path, limit))
        if not entry.there:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        if entry.data is None:
            raise OSError(entry.errno or errno.EIO, os.strerror(entry.errno or errno.EIO), path)
        return entry.data[:limit]

    def ls(self, path: str) -> tuple[str, ...] | None:
        """As of a directory here."""
        try:
            entry = self._known(path, lambda e: e.listed, ("ls", path, 0))
        except OSError:
            return None
        return entry.names if entry.there else None

    def exists(self, path: str) -> bool:
        """Whether the path is there (a dangling link is)."""
        return self._known(path, lambda e: True, ("stat", path, 0)).there

    def link(self, path: str) -> str | None:
        """The target of a symbolic link as written, or None."""
        try:
            return self._known(path, lambda e: e.looked, ("stat", path, 0)).link
        except OSError:
            return None

    def may(self, path: str, mode: int) -> bool | None:
        """os.access of the user there."""
        entry = self._known(path, lambda e: e.looked, ("stat", path, 0))
        return entry.access & mode == mode if entry.there else None

    def walk_names(self, path: str, depth: int) -> Iterator[str]:
        """As below a directory here."""
        path = path.rstrip("/")
        known = self._known(
            path, lambda e: e.errno is not None or depth in (e.walks or ()), ("walk", path, depth)
        )
        yield from (known.walks or {}).get(depth, ())

    def real(self, path: str) -> str:
        """The path with its links followed."""
        return str(self.link_to.ask("real", path=path)[0])

    def leads(self, path: str) -> bool | None:
        """Whether the path leads to something, links followed; None when the user there may not look."""
        value = self.link_to.ask("leads", path=path)[0]
        return None if value is None else bool(value)

    def absolute(self, path: str) -> str:
        """From the working directory there, which is the home of the user."""
        return posixpath.normpath(posixpath.join(self.cwd, path))

    def stanzas(self, path: str, start: bytes, begins: Sequence[str], limit: int) -> bytes:
        """The stanzas of interest alone. Raises OSError."""
        return self.link_to.ask("stanzas", path=path, start=start.decode(), begins=list(begins), limit=limit)[
            1
        ]

    def records(self, path: str, words: Sequence[str], *, keep: int, seconds: float) -> str:
        """The lines of interest alone. Raises OSError."""
        blob = self.link_to.ask("records", path=path, words=list(words), keep=keep, seconds=seconds)[1]
        return blob.decode("utf-8", "replace")

    def talk(self, path: str, request: bytes, seconds: float) -> bytes:
        """What a server at a Unix socket there answers. Raises OSError."""
        return self.link_to.ask("talk", request, path=path, seconds=seconds)[1]

    def _known(self, path: str, is_enough: Callable[[Entry], bool], spec: Spec) -> Entry:
        """The entry of a path, asked for when it is not known well enough."""
        entry = self.cache.find(path)
        if entry is None or (entry.there and not is_enough(entry)):
            value, blob = self.link_to.ask("look", topics=[[spec]], exact=True, seconds=None)
            take(self.cache, [], value, blob, self.link_to)
            entry = self.cache.find(path)
        if entry is None:
            self.link_to.garble()
            raise LinkLost
        return entry


def _reaches(entry: Entry, limit: int) -> bool:
    return entry.data is not None and (len(entry.data) < entry.limit or limit <= entry.limit)


def specs(wanted: Ahead) -> list[Spec]:
    """The looks of one topic, as the agent is asked for them."""
    return [
        *(("read", path, wanted.limit) for path in wanted.read),
        *(("ls", path, 0) for path in wanted.ls),
        *(("stat", path, 0) for path in wanted.stat),
        *(("walk", path, depth) for path, depth in wanted.walk),
    ]


def take(cache: Cache, topics: Sequence[Sequence[Spec]], value: Any, blob: bytes, link: Link) -> None:
    """Keep the answer to a look. A pattern counts only when all of it was seen. Raises LinkLost."""
    try:
        done = [topics[int(topic)][int(spec)][1] for topic, spec in value["done"]] if topics else []
        cache.take(value["entries"], blob, [path for path in done if "*" in path or "[" in path])
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):
        link.garble()
        raise LinkLost from None
