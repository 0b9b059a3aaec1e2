"""What an index says of releases beside what the tables say: one line a difference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from compat_index import Index, IndexUnreachable, releases
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from pypi_simple import DistributionPackage

from envkit.compat import (
    Compat,
    TensorflowRelease,
    TorchRelease,
    WheelFile,
    derive_tensorflow,
    derive_torch,
)

_FIRST = {"torch": "1.13", "tensorflow": "2.10"}
_PLATFORM = re.compile(r"-(?:manylinux|linux|win|macosx)[^-]*?(?P<machine>x86_64|aarch64|amd64|arm64)\.whl$")
_TORCH_FIELDS = ("default", "platforms", "pythons", "free_threaded", "fewer_pythons", "triton")
_TENSORFLOW_FIELDS = (
    *("pythons", "platforms", "cuda", "cudnn", "nccl", "and_cuda", "numpy", "keras", "protobuf"),
    *("tensorboard", "glibc"),
)
_VARIANT_FIELDS = ("cudnn", "nccl", "glibc")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference between the tables and an index."""

    where: str
    """ "torch 2.15.0", "torch 2.15.0 (cu132, linux-x86_64)"."""
    field: str | None
    """None = the whole release is new."""
    old: object
    new: object

    def __str__(self) -> str:
        if self.field is None:
            return f"+ {self.where}: {self.new}"
        return f"~ {self.where}: {self.field}: {_text(self.old)} -> {_text(self.new)}"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one project's page says."""

    project: str
    changes: tuple[Change, ...]
    releases: tuple[TorchRelease | TensorflowRelease, ...]
    """Newest patch of every minor, as derived from the index; only those that no table has or that differ."""
    notes: tuple[str, ...]
    """What could not be read."""


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_text(each) for each in value) + "]"
    return "nothing" if value is None else str(value)


def newest_patches(found: Iterable[str], first: str) -> list[str]:
    """The newest patch of every minor from `first` on, newest first."""
    best: dict[tuple[int, ...], Version] = {}
    for version in map(Version, found):
        if version >= Version(first):
            minor = version.release[:2]
            best[minor] = max(version, best.get(minor, version))
    return [str(version) for version in sorted(best.values(), reverse=True)]


def look(index: Index, compat: Compat, project: str, *, deep: bool, tags: Sequence[str], date: str) -> Seen:
    """Compares a framework's releases on the index with its table.

    `tags` are variants of PyTorch's own index to read, too. Raises IndexUnreachable when the default index
    cannot be read; what else cannot is a note.
    """
    by_version = releases(index.files(project))
    notes: list[str] = []
    reached: list[str] = []
    if project == "torch":
        for tag in tags:
            try:
                extra = releases(index.variant_files(tag, project))
            except IndexUnreachable as error:
                notes.append(f"not checked: the builds of {tag}: {error}")
                continue
            reached.append(tag)
            for version, files in extra.items():
                by_version.setdefault(version, []).extend(_local(files))
    versions = newest_patches(by_version, _FIRST[project])
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda version: _open(index, by_version[version], deep=deep), versions))
    changes: list[Change] = []
    different = []
    for version, (files, failed) in zip(versions, opened, strict=True):
        notes += failed
        found = _derive(compat, project, version, files, date)
        if found is None:
            notes.append(f"{project} {version}: its metadata could not be read, so nothing is known of it")
            continue
        against = list(_compare(compat, project, found, deep=deep, tags=reached))
        if against:
            different.append(found)
        changes += against
    return Seen(project=project, changes=tuple(changes), releases=tuple(different), notes=tuple(notes))


def _local(files: Iterable[DistributionPackage]) -> list[DistributionPackage]:
    """Files with a local version: the others of PyTorch's index are those of the default one."""
    return [file for file in files if parse_wheel_filename(file.filename)[1].local]


def _open(
    index: Index, files: Sequence[DistributionPackage], *, deep: bool
) -> tuple[list[WheelFile], list[str]]:
    """All files by name, one of each platform opened."""
    chosen = {}
    for file in files:
        if parse_wheel_filename(file.filename)[1].local is None:
            kind = _PLATFORM.search(file.filename)
            key = kind and (kind[0][:5], kind["machine"])
            # CPython 3.11 where there is one, so that two runs open the same files.
            if key is not None and (key not in chosen or "-cp311-cp311-" in file.filename):
                chosen[key] = file
    found, notes = {}, []
    for file in chosen.values():
        try:
            found[file.filename] = index.open(file, deep=deep and "linux" in file.filename)
        except IndexUnreachable as error:
            notes.append(f"not read: {error}")
    named = []
    for file in files:
        opened = found.get(file.filename)
        named.append(
            WheelFile(
                name=file.filename,
                requires=opened.requires if opened else None,
                archs=opened.archs if opened else None,
            )
        )
    return named, notes


def _derive(
    compat: Compat, project: str, version: str, files: Sequence[WheelFile], date: str
) -> TorchRelease | TensorflowRelease | None:
    if project == "torch":
        return derive_torch(compat, version, files, date=date)
    return derive_tensorflow(compat, version, files, date=date)


def _compare(
    compat: Compat,
    project: str,
    found: TorchRelease | TensorflowRelease,
    *,
    deep: bool,
    tags: Sequence[str],
) -> Iterator[Change]:
    where = f"{project} {found.version}"
    table: Sequence[TorchRelease | TensorflowRelease] = getattr(compat, project)
    row = next((row for row in table if row.version == found.version), None)
    if row is None:
        yield Change(where=where, field=None, old=None, new=_summary(found))
    elif isinstance(found, TorchRelease) and isinstance(row, TorchRelease):
        yield from _fields(where, row, found, _TORCH_FIELDS)
        yield from _variants(where, row, found, deep=deep, tags=tags)
    elif isinstance(found, TensorflowRelease) and isinstance(row, TensorflowRelease):
        # Before 2.14 there is no and-cuda extra, so CUDA is not in the metadata.
        skip = () if found.and_cuda else ("cuda", "cudnn")
        yield from _fields(where, row, found, [f for f in _TENSORFLOW_FIELDS if f not in skip])
        if deep:
            yield from _fields(where, row, found, ("archs",))


def _fields(where: str, row: object, found: object, names: Iterable[str]) -> Iterator[Change]:
    for name in names:
        old, new = getattr(row, name), getattr(found, name)
        if old != new:
            yield Change(where=where, field=name, old=old, new=new)


def _variants(
    where: str, row: TorchRelease, found: TorchRelease, *, deep: bool, tags: Sequence[str]
) -> Iterator[Change]:
    mine = {(v.tag, v.platform): v for v in row.variants}
    theirs = {(v.tag, v.platform): v for v in found.variants}
    for key, new in theirs.items():
        place = f"{where} ({key[0]}, {key[1]})"
        old = mine.get(key)
        if old is None:
            yield Change(where=place, field="build", old="not in the table", new="on the index")
        elif new.on_default_index:
            names = (*_VARIANT_FIELDS, "archs") if deep and key[0] != "cpu" else _VARIANT_FIELDS
            yield from _fields(place, old, new, names)
    for tag, platform in mine:
        if (tag, platform) not in theirs and tag in tags:
            place = f"{where} ({tag}, {platform})"
            yield Change(where=place, field="build", old="in the table", new="not on the index")


def _summary(found: TorchRelease | TensorflowRelease) -> str:
    if isinstance(found, TorchRelease):
        tags = ", ".join(dict.fromkeys(variant.tag for variant in found.variants))
        pythons = " ".join((*found.pythons, *found.free_threaded))
        return (
            f"not in the table; default {found.default}; builds {tags}; Python {pythons}; "
            f"triton {found.triton}"
        )
    return (
        f"not in the table; CUDA {found.cuda}, cuDNN {found.cudnn}; Python {' '.join(found.pythons)}; "
        f"keras {found.keras}"
    )
