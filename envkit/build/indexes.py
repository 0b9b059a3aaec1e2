"""The indexes of a build: options first, then what pip is told; logins apart, and what stays at home."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion

from envkit.build.access import Access, access, public
from envkit.build.channels import channel
from envkit.build.model import Indexes
from envkit.build.pip_config import PipConfig
from envkit.core.errors import BadInputError, UsageError
from envkit.resolve.candidates import TORCH_INDEX
from envkit.resolve.model import Plan
from envkit.resolve.resolve import plan_hash


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The options that name indexes, with the logins in them."""

    index_url: str | None = None
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    framework: str | None = None
    channels: tuple[str, ...] = ()


def indexes_of(given: Given, config: PipConfig) -> tuple[Indexes, Access, tuple[str, ...]]:
    """What is written, what only installers are told, and where each came from that no option named.

    Raises UsageError for what is no address, BadInputError for a directory that is not there.
    """
    for option, url in _options(given):
        _check(option, url)
    index = given.index_url or config.index_url
    extra = given.extra or config.extra
    links = given.find_links or tuple(each for each in config.find_links if "://" in each or _is_dir(each))
    urls = tuple(filter(None, (index, given.framework, *extra, *links, *given.channels)))
    shown = Indexes(
        index_url=public(index) if index else None,
        extra=tuple(map(public, extra)),
        # Installers run in other directories.
        find_links=tuple(public(each) if "://" in each else str(Path(each).resolve()) for each in links),
        framework=public(given.framework).rstrip("/") if given.framework else None,
        wheels=tuple(_wheels(links)),
        channels=tuple(map(channel, given.channels)),
        merged=bool(config.extra and not given.extra),
    )
    return shown, access(urls), tuple(_taken(given, config, shown))


def _options(given: Given) -> Iterator[tuple[str, str]]:
    named = (("--index-url", given.index_url), ("--framework-index", given.framework))
    yield from ((option, url) for option, url in named if url is not None)
    yield from (("--extra-index-url", url) for url in given.extra)
    yield from (("--find-links", link) for link in given.find_links)


def _check(option: str, url: str) -> None:
    if option == "--find-links" and "://" not in url:
        if not _is_dir(url):
            raise BadInputError(
                f"--find-links {url} is no directory", todo="give a directory of wheels, or a URL"
            )
        return
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https", "file") and bool(parts.netloc or parts.scheme == "file")
        _ = parts.port
    except ValueError:
        good = False
    if not good or any(character.isspace() or ord(character) < 32 for character in url):
        raise UsageError(
            f"{option} {public(url) if good else url!r} is no address",
            todo="give one like https://HOST/simple",
        )


def _is_dir(link: str) -> bool:
    try:
        return Path(link).is_dir()
    except (OSError, ValueError):
        return False


def _wheels(links: tuple[str, ...]) -> Iterator[str]:
    for link in links:
        if "://" not in link:
            yield from sorted(map(str, Path(link).resolve().glob("*.whl")))


def _taken(given: Given, config: PipConfig, shown: Indexes) -> Iterator[str]:
    if given.index_url is None and shown.index_url:
        yield f"index {shown.index_url}: taken from pip's configuration ({config.origin('index-url')})"
    if not given.extra and shown.extra:
        told = ", ".join(shown.extra)
        yield f"extra index {told}: taken from pip's configuration ({config.origin('extra-index-url')})"
    if not given.find_links and shown.find_links:
        told = ", ".join(shown.find_links)
        yield f"wheels in {told}: taken from pip's configuration ({config.origin('find-links')})"


def is_local(url: str) -> bool:
    """Whether an address or a path means this machine's own files."""
    return "://" not in url or url.startswith("file:")


def without_local(indexes: Indexes) -> tuple[Indexes, tuple[str, ...]]:
    """The indexes that an image's build can reach, and a note for each that it cannot.

    Wheels of a directory stay: those that the plan names travel with the recipe.
    """
    gone = [url for url in (indexes.index_url, *indexes.extra) if url and is_local(url)]
    kept = replace(
        indexes,
        index_url=None if indexes.index_url in gone else indexes.index_url,
        extra=tuple(url for url in indexes.extra if url not in gone),
    )
    notes = [f"index {url} was left out: an image's build sees no directory of this machine" for url in gone]
    if indexes.framework is not None and is_local(indexes.framework):
        raise UsageError(
            f"--framework-index {indexes.framework} is a directory of this machine, which an image's build "
            "does not see",
            todo="serve it over HTTP, or give its wheels with --find-links",
        )
    return kept, tuple(notes)


def fitting(indexes: Indexes, plan: Plan) -> Indexes:
    """The indexes with only those wheels at hand that fit the plan: its Python, its platform, its build."""
    kept: list[str] = []
    avoided: list[str] = []
    framework = Requirement(plan.requirements[0].requirement)
    for wheel in indexes.wheels:
        try:
            name, version, _, tags = parse_wheel_filename(Path(wheel).name)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if not any(_runs(tag, plan) for tag in tags):
            continue
        other = name == canonicalize_name(framework.name) and version.local not in (None, plan.cuda)
        if not other:
            kept.append(wheel)
        elif framework.specifier.contains(version, prereleases=True):
            # `==2.13.0` is met by 2.13.0+cpu, which goes before 2.13.0.
            avoided.append(f"{name}=={version}")
    return replace(indexes, wheels=tuple(kept), avoided=tuple(dict.fromkeys(avoided)))


_SYSTEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "linux-x86_64": ("linux", ("x86_64",)),
    "linux-aarch64": ("linux", ("aarch64",)),
    "macos-arm64": ("macosx", ("arm64", "universal2")),
    "macos-x86_64": ("macosx", ("x86_64", "universal2")),
    "windows": ("win", ("amd64",)),
}


def _runs(tag: Tag, plan: Plan) -> bool:
    """Whether a wheel of this tag goes into the plan's environment."""
    minor = int(plan.python.rstrip("t").partition(".")[2])
    own = {f"cp3{minor}", f"py3{minor}", "py3"}
    stable = tag.abi == "abi3" and re.fullmatch(r"cp3\d+", tag.interpreter) is not None
    if stable and not plan.python.endswith("t"):
        python = int(tag.interpreter[3:]) <= minor
    else:
        free = tag.abi.startswith("cp") and tag.abi.endswith("t")
        python = tag.interpreter in own and (tag.abi == "none" or free == plan.python.endswith("t"))
    start, machine = _SYSTEMS[plan.platform]
    system = tag.platform == "any" or (start in tag.platform and tag.platform.endswith(machine))
    return python and system and (tag.platform == "any" or "musl" not in tag.platform)


def mirrored(plan: Plan, indexes: Indexes) -> Plan:
    """The plan with PyTorch's own index replaced by the mirror that was named."""
    if indexes.framework is None:
        return plan
    base = indexes.framework + "/"
    requirements = tuple(
        replace(wanted, index=wanted.index.replace(TORCH_INDEX, base, 1)) if wanted.index else wanted
        for wanted in plan.requirements
    )
    found = replace(plan, requirements=requirements)
    return replace(found, hash=plan_hash(found))
