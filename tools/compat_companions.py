"""torchvision and torchaudio: the version that a torch release wants, and its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from compat_index import Index, releases
from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from pypi_simple import DistributionPackage

from envkit.compat import Platform

PINNED = ("torchvision", "torchaudio")
"""Packages whose metadata names a torch; torchcodec's does not, its README does."""
_NEWEST = 5
"""How many releases back a match is looked for."""
_ENDS: dict[Platform, tuple[str, str]] = {
    "linux-x86_64": ("linux", "x86_64"),
    "linux-aarch64": ("linux", "aarch64"),
    "windows": ("win", "amd64"),
    "macos-arm64": ("macosx", "arm64"),
    "macos-x86_64": ("macosx", "x86_64"),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """One version of a companion on the index."""

    name: str
    version: str
    torch: str
    """What its metadata asks of torch."""
    requires_python: str | None
    files: tuple[DistributionPackage, ...]


def companion_of(index: Index, name: str, torch: str) -> Found | None:
    """The newest version of a companion that asks for this torch; None without one."""
    by_version = releases(index.files(name))
    for version in sorted(by_version, key=Version, reverse=True)[:_NEWEST]:
        files = by_version[version]
        reference = next((file for file in files if on(file, "linux-x86_64")), None)
        if reference is None:
            continue
        for text in index.open(reference, deep=False).requires:
            asked = Requirement(text.replace("(", "").replace(")", "")) if ";" not in text else None
            if asked and asked.name == "torch" and asked.specifier and asked.specifier.contains(torch):
                return Found(
                    name=name,
                    version=version,
                    torch=str(asked.specifier),
                    requires_python=reference.requires_python,
                    files=tuple(files),
                )
    return None


def on(file: DistributionPackage, platform: Platform) -> bool:
    """Whether a wheel serves a platform."""
    start, end = _ENDS[platform]
    tags = parse_wheel_filename(file.filename)[3]
    return any(start in tag.platform and tag.platform.endswith(end) for tag in tags)


def companion_row(found: Found, source: str) -> str:
    """Its row of companions.toml."""
    platforms = [platform for platform in get_args(Platform) if any(on(f, platform) for f in found.files)]
    pythons = {platform: _pythons(found, platform) for platform in platforms}
    reference = pythons.get("linux-x86_64", ())
    other = {platform: each for platform, each in pythons.items() if each != reference}
    size = next((file.size for file in found.files if on(file, "linux-x86_64")), None)
    text = f"[[companion]]\nname = '{found.name}'\nversion = '{found.version}'\ntorch = '{found.torch}'\n"
    if found.requires_python:
        text += f"requires_python = '{found.requires_python}'\n"
    text += f"platforms = {_list(platforms)}\n"
    if reference:
        text += f"pythons = {_list(reference)}\n"
    if other:
        text += "pythons_on = { " + ", ".join(f"{p} = {_list(each)}" for p, each in other.items()) + " }\n"
    return text + f"bytes = {size or 0}\nsource = '{source}'\n"


def _pythons(found: Found, platform: Platform) -> tuple[str, ...]:
    """CPythons with a wheel on a platform; () for a py3-none wheel, which serves any."""
    tags: list[Tag] = []
    for file in found.files:
        if on(file, platform):
            tags += parse_wheel_filename(file.filename)[3]
    names = {
        f"3.{tag.interpreter[3:]}{'t' if tag.abi.endswith('t') else ''}"
        for tag in tags
        if tag.interpreter.startswith("cp3")
    }
    return tuple(sorted(names, key=lambda text: (int(text[2:].rstrip("t")), text)))


def _list(values: object) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"  # type: ignore[attr-defined]
