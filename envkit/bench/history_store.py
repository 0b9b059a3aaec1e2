"""The local history of results: JSON lines in one file of the user, one line a recorded bench.

Several benches may record at once, and one may be killed while it writes: a lock keeps them apart, each
line is one write, and a line that was cut is passed over and told when the file is read.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from envkit.bench.model import BenchResult, Interval, WorkloadResult
from envkit.core import codec
from envkit.core.errors import BadInputError, DiskError

LARGEST = 8 << 20
"""Bytes; beyond, the older half goes."""
_LONGEST = 1 << 20
"""Bytes of a line; a recorded bench has a few thousand."""
_PATIENCE = 5.0
"""Seconds that one bench waits for another one's line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One workload of a recorded bench."""

    workload: str
    framework: str
    device: str
    precision: str
    throughput: Interval
    nproc: int = 1
    batch_size: int | None = None
    how: str = ""
    """The other options that change the speed, in words."""
    processes: int = 0
    unstable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One recorded bench."""

    date: str
    fingerprint: dict[str, str]
    results: tuple[Point, ...]
    schema: str = "envkit.bench-history/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """All that could be read, oldest first."""

    entries: tuple[Entry, ...]
    damaged: tuple[int, ...] = ()
    """Numbers of lines that could not be read, 1-based."""


def place(env: Mapping[str, str], home: Path | None) -> Path:
    """`$XDG_DATA_HOME/envkit/bench.jsonl`, else below `~/.local/share`. Raises DiskError without a home."""
    base = env.get("XDG_DATA_HOME", "")
    # The specification says that a relative path is to be ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "envkit" / "bench.jsonl"
    if home is None:
        raise DiskError("no place for the history: there is no home directory", todo="set XDG_DATA_HOME")
    return home / ".local" / "share" / "envkit" / "bench.jsonl"


def entry(result: BenchResult) -> Entry | None:
    """What is kept of a result: side A, since the fingerprint is its own; None where nothing was measured."""
    points = tuple(_point(one) for one in result.results if one.arm == "A" and one.throughput.median > 0)
    return Entry(date=result.date, fingerprint=result.fingerprint, results=points) if points else None


def _point(one: WorkloadResult) -> Point:
    options = one.options
    how = () if options is None else (
        options.scale,
        f"compile {options.compile}" if options.compile else "",
        "channels last" if options.channels_last else "",
        "fused" if options.fused else "",
        f"{options.workers} workers" if options.workers is not None else "",
    )  # fmt: skip
    return Point(
        workload=one.workload,
        framework=one.framework,
        device=one.device,
        precision=one.precision,
        throughput=one.throughput,
        nproc=one.nproc,
        batch_size=one.batch_size,
        how=", ".join(filter(None, how)),
        processes=len(one.processes),
        unstable=bool(one.unstable),
    )


def record(one: Entry, path: Path) -> None:
    """Adds a line. Raises DiskError where the file cannot be written or another bench holds it."""
    line = codec.dumps(one, indent=-1).replace("\n", " ").encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            _shorten(path, len(line))
            _append(path, line)
    except OSError as error:
        raise DiskError(
            f"cannot write {path}: {error.strerror or error}",
            todo="make space, or set XDG_DATA_HOME to a folder that can be written",
        ) from error


def read(path: Path) -> History:
    """The history; an absent file is an empty one, and what was recorded twice counts once.

    Raises BadInputError where it cannot be read.
    """
    if not path.exists():
        return History(entries=())
    if not path.is_file():
        raise BadInputError(f"{path} is not a file", todo="move it away: the history is kept there")
    entries: dict[str, Entry] = {}
    damaged: list[int] = []
    # Twice the bound: whoever wrote the file by hand may have missed it.
    data = codec.read_input(path, limit=2 * LARGEST)
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        one = _entry(line, f"{path}, line {number}")
        if one is None:
            damaged.append(number)
        else:
            entries[codec.dumps(one)] = one
    return History(
        entries=tuple(sorted(entries.values(), key=lambda each: each.date)), damaged=tuple(damaged)
    )


def _entry(line: bytes, where: str) -> Entry | None:
    if len(line) > _LONGEST:
        return None
    try:
        found = codec.loads(Entry, line, name="bench-history", where=where).value
    except BadInputError:
        return None
    return found if all(0 < point.throughput.median < float("inf") for point in found.results) else None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Holds the lock of the history; it is a file of its own, since the history may be replaced."""
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(handle)
        yield
    finally:
        os.close(handle)


def _take(handle: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                return  # a file system without locks; one write a line still keeps lines whole
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        # A line that was cut, as by a full disk, must not swallow this one.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        data = (b"\n" if torn else b"") + line
        written = os.write(handle, data)
        if written < len(data):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(handle)


def _shorten(path: Path, more: int) -> None:
    """Keeps the newer half of a file that would grow beyond its bound."""
    if not path.exists() or path.stat().st_size + more <= LARGEST:
        return
    with path.open("rb") as file:
        file.seek(-min(path.stat().st_size, LARGEST // 2), os.SEEK_END)
        file.readline()
        kept = file.read()
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(kept)
    os.replace(temporary, path)
