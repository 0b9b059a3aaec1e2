"""Whether a recorded build would come out the same today. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from envkit.build.conda import LOCK
from envkit.build.record import Record
from envkit.build.sbom import Package, packages
from envkit.resolve.model import Plan, Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """What changed since a build was recorded."""

    changes: tuple[str, ...]
    """What is on disk, or would be made from it, is no longer what was planned."""
    notes: tuple[str, ...]
    """Newer releases, which the record does not take by itself."""
    unasked: str = ""
    """Why the indexes were not asked; empty when they were."""


def drift(
    record: Record, now: Plan | Refusal, edited: tuple[str, ...], old_lock: str, new_lock: str | None
) -> Drift:
    """Compare a record with what its request gives today.

    edited: files on disk that differ from what the record renders to. old_lock, new_lock: requirements.txt on
    disk, and what the indexes give today; None = they could not be asked.
    """
    changes = [f"{path} was changed since it was written" for path in edited]
    file = LOCK if record.plan.source == "conda-forge" else "requirements.txt"
    if hashlib.sha256(old_lock.encode()).hexdigest() != record.lock_hash and file not in edited:
        changes.append(f"{file} is not the one that was locked")
    notes: list[str] = []
    if isinstance(now, Refusal):
        changes.append("the request is refused today: " + "; ".join(now.reasons))
    else:
        for change, newer in _plan_changes(record.plan, now):
            (notes if newer else changes).append(change)
    for change, newer in _lock_changes(old_lock, new_lock) if new_lock is not None else ():
        (notes if newer else changes).append(change)
    why = "" if new_lock is not None else "the lock was not compared with the indexes: none could be asked"
    return Drift(changes=tuple(changes), notes=tuple(notes), unasked=why)


_COMPARED = ("cuda", "python", "base", "nvcc", "glibc", "driver_floor")


def _plan_changes(then: Plan, now: Plan) -> Iterator[tuple[str, bool]]:
    """(what changed, whether it is only that something newer came out)."""
    if then.version != now.version:
        newer = Version(now.version) > Version(then.version)
        yield (
            f"{then.framework} {now.version} ({now.cuda}) would be planned today instead of {then.version}",
            newer,
        )
        return
    for name in _COMPARED:
        old, new = getattr(then, name), getattr(now, name)
        if old != new:
            yield f"{name.replace('_', ' ')}: {old or 'none'} then, {new or 'none'} now", False
    old_wanted = {each.requirement: each.index for each in then.requirements}
    new_wanted = {each.requirement: each.index for each in now.requirements}
    for gone in sorted(old_wanted.keys() - new_wanted.keys()):
        yield f"no longer part of the plan: {gone}", False
    for came in sorted(new_wanted.keys() - old_wanted.keys()):
        yield f"part of the plan now: {came}", False


def _lock_changes(old: str, new: str) -> Iterator[tuple[str, bool]]:
    then = {package.name: package for package in packages(old)}
    for package in packages(new):
        before = then.get(package.name)
        if before is None:
            yield f"{package.name} {package.version} would be installed today, too", True
        elif before.version != package.version:
            newer = _newer(package.version, before.version)
            told = f"{package.name}: {before.version} is locked, {package.version} would be taken today"
            yield told if newer else f"{told}; the index no longer has what is locked", newer
        elif _replaced(before, package):
            yield f"{package.name} {package.version}: the index has other files than were locked", False


def _newer(one: str, other: str) -> bool:
    """Whether a version is the newer one; conda has some that Python cannot order ("9e"): those are."""
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return True


def _replaced(before: Package, now: Package) -> bool:
    """Whether no file that was locked is there any more; new files of a release are common."""
    return bool(before.hashes and now.hashes) and not set(before.hashes) & set(now.hashes)
