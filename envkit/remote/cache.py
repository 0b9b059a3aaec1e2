"""What was read of another machine, so that a path is asked for once."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

_LISTED = ("/proc/", "/sys/", "/dev/", "/etc/", "/lib/", "/usr/lib/", "/usr/share/", "/run/", "/var/")
"""Where a name that a directory does not list is not there. Elsewhere a name may come into being when it is
asked for, as below a mount point of autofs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What is known of one path; None = not looked at, unless `there` says that nothing is there."""

    there: bool = True
    data: bytes | None = None
    limit: int = 0
    """Bytes that were asked for, so that a shorter `data` is the whole file."""
    errno: int | None = None
    """Why it could not be read or walked."""
    listed: bool = False
    names: tuple[str, ...] | None = None
    """None, when listed, for what is no directory or may not be listed."""
    looked: bool = False
    """Whether `link` and `access` are known."""
    link: str | None = None
    access: int = 0
    walks: Mapping[int, tuple[str, ...]] | None = None


ABSENT = Entry(there=False)


class Cache:
    """Entries by path, and the patterns whose every match is among them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._patterns: dict[int, list[tuple[str, ...]]] = {}

    def find(self, path: str) -> Entry | None:
        """What is known of a path; None when it must be asked for."""
        with self._lock:
            return self._entries.get(path) or (ABSENT if self._is_absent(path) else None)

    def _is_absent(self, path: str) -> bool:
        parts = tuple(path.split("/"))
        if any(_fits(pattern, parts) for pattern in self._patterns.get(len(parts), ())):
            return True
        for depth in range(len(parts) - 1, 1, -1):
            folder = "/".join(parts[:depth])
            entry = self._entries.get(folder)
            if entry is not None and not entry.there:
                return True
            if entry is not None and entry.names is not None and f"{folder}/".startswith(_LISTED):
                return parts[depth] not in entry.names
        return False

    def take(self, entries: Mapping[str, Any], blob: bytes, patterns: Iterable[str]) -> None:
        """Keep what the agent found; it replaces what was known. Raises TypeError, ValueError, KeyError."""
        found = {str(path): _entry(value, blob) for path, value in entries.items()}
        with self._lock:
            for path, entry in found.items():
                self._entries[path] = _merged(self._entries.get(path), entry)
            for pattern in patterns:
                parts = tuple(pattern.split("/"))
                self._patterns.setdefault(len(parts), []).append(parts)


def _fits(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    return all(one == two or fnmatch.fnmatchcase(two, one) for one, two in zip(pattern, parts, strict=True))


def _entry(value: Any, blob: bytes) -> Entry:
    if value.get("absent"):
        return ABSENT
    at = value.get("at")
    names = value.get("ls")
    walks = value.get("walk")
    return Entry(
        data=None if at is None else blob[int(at[0]) : int(at[0]) + int(at[1])],
        limit=int(value.get("limit", 0)),
        errno=None if value.get("errno") is None else int(value["errno"]),
        listed="ls" in value,
        names=None if names is None else tuple(map(str, names)),
        looked="access" in value,
        link=None if value.get("link") is None else str(value["link"]),
        access=int(value.get("access", 0)),
        walks=None if walks is None else {int(depth): tuple(map(str, walk)) for depth, walk in walks.items()},
    )


def _merged(old: Entry | None, new: Entry) -> Entry:
    if old is None or not old.there or not new.there:
        return new
    changes: dict[str, Any] = {}
    if new.data is None and new.errno is None:
        changes.update(data=old.data, limit=old.limit, errno=old.errno)
    if not new.listed:
        changes.update(listed=old.listed, names=old.names)
    if not new.looked:
        changes.update(looked=old.looked, link=old.link, access=old.access)
    changes["walks"] = {**(old.walks or {}), **(new.walks or {})} or None
    return replace(new, **changes)
