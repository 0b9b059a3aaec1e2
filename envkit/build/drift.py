"""Whether a recorded build would come out the same today. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from envkit.build.conda import LOCK
from envkit.build.record import Record
from envkit.build.sbom import packages
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
    schema: str = "envkit.drift/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Today:
    """What the indexes say now; None = they could not be asked."""

    fresh: str | None = None
    """The lock that they would give."""
    held: str | None = None
    """The locked versions with the hashes that they have now; None where that was not asked."""
    gone: str = ""
    """Why what is locked can no longer be had."""


def drift(
    record: Record, now: Plan | Refusal | None, edited: tuple[str, ...], old_lock: str, today: Today
) -> Drift:
    """Compare a record with what its request gives today.

    now: the plan; None = the index that it was derived from is out of reach. edited: what became of the files
    on disk, one sentence each. old_lock: requirements.txt on disk. today: what the indexes say.
    """
    changes = list(edited)
    file = LOCK if record.plan.source == "conda-forge" else "requirements.txt"
    if hashlib.sha256(old_lock.encode()).hexdigest() != record.lock_hash and not any(
        each.startswith(f"{file} ") for each in edited
    ):
        changes.append(f"{file} is not the one that was locked")
    notes: list[str] = []
    if isinstance(now, Refusal):
        changes.append("the request is refused today: " + "; ".join(now.reasons))
    elif now is not None:
        for change, newer in _plan_changes(record.plan, now):
            (notes if newer else changes).append(change)
    if today.gone:
        changes.append(f"what is locked can no longer be had: {today.gone}")
    changes += _replaced(old_lock, today.held or today.fresh or "")
    for change, newer in _lock_changes(old_lock, today.fresh or ""):
        if newer or not today.gone:
            (notes if newer else changes).append(change)
    why = "" if today.fresh is not None or today.gone else _why_unasked(record)
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


def _replaced(old: str, new: str) -> list[str]:
    """Packages of which no locked file is there any more; new files of a release are common."""
    then = {(package.name, package.version): set(package.hashes) for package in packages(old)}
    return [
        f"{package.name} {package.version}: the index has other files than were locked"
        for package in packages(new)
        if package.hashes
        and (before := then.get((package.name, package.version)))
        and not before & set(package.hashes)
    ]


def _why_unasked(record: Record) -> str:
    if record.lock.kind == "none":
        return f"nothing was locked, so nothing was compared with the indexes: {record.lock.why}"
    return "the lock was not compared with the indexes: they are out of reach"


def _newer(one: str, other: str) -> bool:
    """Whether a version is the newer one; conda has some that Python cannot order ("9e"): those are."""
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return True
