"""Many snapshots: files, folders of them, and streams with one snapshot a line."""

from __future__ import annotations

import gzip
import os
import re
import typing
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from envkit.core.codec import MAX_BYTES, read_input
from envkit.core.errors import BadInputError
from envkit.facts.importers.detect import load_bytes
from envkit.facts.importers.text import unpacked
from envkit.facts.model import Snapshot

IN_A_FOLDER = re.compile(r"\.(?:json|jsonl|ndjson)(?:\.gz)?$", re.IGNORECASE)
_STREAM = re.compile(r"\.(?:jsonl|ndjson)(?:\.gz)?$", re.IGNORECASE)
_SUFFIX = re.compile(r"(?<=.)(?:\.(?:json|jsonl|ndjson|txt|log|out|xml))?(?:\.gz)?$", re.IGNORECASE)
_GZIP = b"\x1f\x8b"
_SCHEMA = b'"envkit.snapshot/1"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One file."""

    path: str
    shown: str
    """For messages."""
    name: str
    """Of the node, or of the stream."""
    stream: bool
    """One snapshot a line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """One snapshot, or why there is none."""

    source: str
    name: str
    snapshot: Snapshot | None = None
    why: str = ""


class _Named(msgspec.Struct):
    """What a line may say besides the snapshot's own fields."""

    node: str | None = None


_UNSET = msgspec.Raw(b"")
_HINTS = typing.get_type_hints(Snapshot)
_Parts = msgspec.defstruct("_Parts", [(name, msgspec.Raw, _UNSET) for name in _HINTS])
_PARTS: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Parts)
_FIELDS = {name: msgspec.json.Decoder(hint) for name, hint in _HINTS.items()}
_KEPT = 256
"""Parts of each field that are remembered."""


class Loader:
    """Reads snapshots that are much alike: a part that was read before is the same object again."""

    def __init__(self) -> None:
        self._known: dict[str, dict[bytes, Any]] = {name: {} for name in _HINTS}

    def load(self, data: bytes, name: str) -> Snapshot:
        """As `load_bytes`, which does the work for everything but a plain snapshot. Raises BadInputError."""
        data = unpacked(data, name)
        return self._plain(data) or load_bytes(data, name).value

    def _plain(self, data: bytes) -> Snapshot | None:
        try:
            parts = _PARTS.decode(data)
            if bytes(parts.schema) != _SCHEMA:
                return None
            values = {}
            for field in _HINTS:
                raw = getattr(parts, field)
                if raw is not _UNSET:
                    values[field] = self._part(field, bytes(raw))
            return Snapshot(**values)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return None

    def _part(self, field: str, raw: bytes) -> Any:
        known = self._known[field]
        if raw not in known:
            if len(known) >= _KEPT:
                known.clear()
            known[raw] = _FIELDS[field].decode(raw)
        return known[raw]


def sources(paths: Iterable[str]) -> tuple[list[Source], list[Read]]:
    """The files that paths name, in their order, each once; and the paths that cannot be looked into.

    Of a folder, its *.json, *.jsonl and *.ndjson files, packed with gzip or not.
    """
    found: list[Source] = []
    bad: list[Read] = []
    seen: set[str] = set()
    for path in paths:
        inside = [path]
        if os.path.isdir(path):
            try:
                inside = sorted(
                    str(Path(path, name)) for name in os.listdir(path) if IN_A_FOLDER.search(name)
                )
            except OSError as error:
                bad.append(Read(source=path, name=path, why=f"cannot be listed: {error.strerror}"))
                continue
            if not inside:
                bad.append(Read(source=path, name=path, why="holds no *.json, *.jsonl or *.ndjson file"))
        for file in inside:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                found.append(source(file))
    return found, bad


def source(path: str) -> Source:
    """One file by its name: `nodes/node-17.json.gz` is of node-17."""
    name = _SUFFIX.sub("", os.path.basename(path)) or path
    return Source(path=path, shown=path, name=name, stream=_STREAM.search(path) is not None)


def is_stream(path: str) -> bool:
    """Whether the first line of a file is a JSON object of its own, and so one snapshot of several."""
    try:
        for _, line in _lines(path):
            return isinstance(msgspec.json.decode(line), dict)
    except (OSError, BadInputError, EOFError, zlib.error, msgspec.DecodeError, RecursionError):
        return False
    return False


def read(source: Source, loader: Loader, *, turn: int = 0, turns: int = 1) -> Iterator[Read]:
    """The snapshots of a file; those that cannot be read come with the reason.

    turn, turns: of a stream, only lines whose number divided by `turns` leaves `turn`: for several readers.
    """
    if not source.stream:
        yield _told(source.shown, source.name, lambda: loader.load(read_input(source.path), source.shown))
        return
    try:
        for number, line in _lines(source.path):
            if number % turns == turn:
                where = f"{source.shown}, line {number}"
                name = f"{source.name}:{number}"
                if len(line) > MAX_BYTES:
                    yield Read(source=where, name=name, why=f"is longer than {MAX_BYTES >> 20} MiB")
                else:
                    yield _line(line, where, name, loader)
    except (OSError, EOFError, zlib.error) as error:
        if turn == 0:
            yield Read(
                source=source.shown, name=source.name, why=f"cannot be read to its end: {_words(error)}"
            )


def _line(line: bytes, where: str, name: str, loader: Loader) -> Read:
    try:
        name = msgspec.json.decode(line, type=_Named).node or name
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        pass
    return _told(where, name, lambda: loader.load(line, where))


def _told(where: str, name: str, load: Callable[[], Snapshot]) -> Read:
    try:
        return Read(source=where, name=name, snapshot=load())
    except BadInputError as error:
        return Read(source=where, name=name, why=error.message.removeprefix(f"{where} "))


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Lines that hold something, with their numbers; of one that is too long only the start."""
    with _open(path) as file:
        number = 0
        while line := file.readline(MAX_BYTES + 1):
            number += 1
            while len(line) > MAX_BYTES and not line.endswith(b"\n"):
                rest = file.readline(MAX_BYTES)
                if not rest or rest.endswith(b"\n"):
                    break
            if line.strip():
                yield number, line


def _open(path: str) -> BinaryIO:
    file = open(path, "rb")  # noqa: SIM115 - the caller closes it
    if file.peek(2)[:2] != _GZIP:
        return file
    file.close()
    return gzip.open(path, "rb")  # type: ignore[return-value]


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
