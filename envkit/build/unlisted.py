"""A version that no table has: looked up on the indexes, and worked out from what its wheels say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envkit.build.access import Access
from envkit.build.model import Settings
from envkit.compat import Compat, WheelFile, derive_tensorflow, derive_torch
from envkit.core.errors import NetworkError
from envkit.engine.index import Page, Source, page
from envkit.resolve.candidates import TORCH_INDEX, candidates
from envkit.resolve.model import Plan, Refusal
from envkit.resolve.request import Request
from envkit.resolve.resolve import resolve

_NEAR = 3
"""Versions that a refusal offers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Absent:
    """The version is on no index either."""

    why: str
    near: tuple[str, ...]
    """The nearest versions that are."""


def unlisted(request: Request, compat: Compat) -> bool:
    """Whether versions are asked for of which the tables have none. Pure."""
    if not request.versions or request.source != "wheels":
        return False
    asked = SpecifierSet(request.versions)
    known = candidates(compat, request.framework, request.hosts[0].platform, request.source)
    return not any(asked.contains(each.version, prereleases=True) for each in known)


def told(refusal: Refusal, request: Request) -> Refusal:
    """The refusal of a run that may not ask the indexes: another one would. Pure."""
    asked = f"{request.framework} {request.versions}"
    return replace(
        refusal,
        reasons=(f"{asked} is not in the tables, and this run asks no index", *refusal.reasons[1:]),
        nearest=(
            f"run it without --dry-run and --explain: the metadata of {asked} is then read off the index",
            *refusal.nearest,
        ),
    )


def absent(refusal: Refusal, found: Absent) -> Refusal:
    """The refusal where the indexes were asked and do not have it, either. Pure."""
    near = tuple(f"--framework {each}" for each in found.near)
    return replace(refusal, reasons=(found.why,), nearest=(*near, *refusal.nearest))


def answered(
    request: Request,
    compat: Compat,
    settings: Settings,
    access: Access,
    *,
    offline: bool,
    say: Callable[[str], None],
) -> Plan | Refusal:
    """What the request gives; a version that the tables lack is looked up, unless `offline`.

    say: told before an index is asked.
    """
    answer = resolve(request, compat)
    if isinstance(answer, Plan) or not unlisted(request, compat):
        return answer
    if offline:
        return told(answer, request)
    say(f"{request.framework} {request.versions} is in no table: asking the index")
    found = look_up(request, compat, settings, access, date=datetime.now(UTC).date().isoformat())
    return absent(answer, found) if isinstance(found, Absent) else resolve(request, found)


def look_up(
    request: Request, compat: Compat, settings: Settings, access: Access, *, date: str
) -> Compat | Absent:
    """The tables with the newest version that is asked for, worked out from its metadata and marked so.

    date: today. Raises NetworkError when the default index is out of reach, EngineError without pypi-simple.
    """
    name = request.framework
    asked = SpecifierSet(request.versions)
    try:
        pages = list(_pages(request, compat, settings, access))
    except NetworkError as error:
        raise NetworkError(
            f"{name} {request.versions} is not in the tables, and {error.message}", todo=error.todo
        ) from error
    versions = sorted({version for each in pages for version in each.versions}, reverse=True)
    final = [version for version in versions if asked.contains(version)]
    fitting = final or [version for version in versions if asked.contains(version, prereleases=True)]
    if not fitting:
        return Absent(
            why=f"{name} {request.versions} is not in the tables, and no index has it",
            near=tuple(f"{name}=={each}" for each in _near(versions, asked)),
        )
    version = str(fitting[0])
    files: list[WheelFile] = [file for each in pages for file in each.files(version)]
    if name == "torch":
        torch = derive_torch(compat, version, files, date=date)
        if torch is not None:
            return replace(compat, torch=(torch, *compat.torch))
    else:
        tensorflow = derive_tensorflow(compat, version, files, date=date)
        if tensorflow is not None:
            return replace(compat, tensorflow=(tensorflow, *compat.tensorflow))
    return Absent(
        why=f"{name} {version} is not in the tables, and its wheels do not say what they were built with",
        near=tuple(f"{name}=={each}" for each in _near(_known(compat, name), asked)),
    )


def _known(compat: Compat, name: str) -> list[Version]:
    rows = compat.torch if name == "torch" else compat.tensorflow
    return [Version(row.version) for row in rows]


def _pages(request: Request, compat: Compat, settings: Settings, access: Access) -> Iterator[Page]:
    """The default index first; PyTorch's own only where it can be reached."""
    urls: list[str | None] = [settings.indexes.index_url, *settings.indexes.extra]
    for url in urls:
        if url is None or not url.startswith("file:"):
            found = page(request.framework, _source(url, settings, access))
            if found is not None:
                yield found
    if request.framework != "torch":
        return
    own = (settings.indexes.framework or TORCH_INDEX.rstrip("/")) + "/"
    tags = {variant.tag for release in compat.torch[:3] for variant in release.variants}
    try:
        for tag in sorted(tags):
            found = page("torch", _source(own + tag + "/", settings, access))
            if found is not None:
                yield found
    except NetworkError:
        if settings.indexes.framework is not None:
            raise


def _source(url: str | None, settings: Settings, access: Access) -> Source:
    login = access.at(url) if url is not None else None
    return Source(
        url=url,
        login=(login.user, login.password) if login is not None else None,
        ca=settings.ca_cert,
    )


def _near(versions: list[Version], asked: SpecifierSet) -> list[Version]:
    """The versions next to the one that is asked for; the newest where none is named."""
    named = [Version(each.version.removesuffix(".*")) for each in asked if each.operator not in ("!=", "===")]
    final = [version for version in versions if not version.is_prerelease]
    if not named:
        return sorted(final, reverse=True)[:_NEAR]
    above = sorted(version for version in final if version > named[0])[:1]
    below = sorted((version for version in final if version < named[0]), reverse=True)[:_NEAR]
    return [*above, *below][:_NEAR]
