"""What the name of a wheel and its Requires-Dist lines say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from envkit.compat.model import Platform

_MANYLINUX = {"manylinux1": "2.17", "manylinux2010": "2.17", "manylinux2014": "2.17"}
"""glibc of the old names; torch's manylinux1 files need 2.17, whatever their tag says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelFile:
    """One file of an index."""

    name: str
    requires: tuple[str, ...] | None = None
    """Its Requires-Dist lines; None = not read."""
    archs: tuple[str, ...] | None = None
    """Architectures read in the file itself; None = not read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedWheel:
    """A wheel by its name."""

    file: WheelFile
    platform: Platform
    python: str
    """ "3.12", "3.14t"."""
    tag: str | None
    """From the local version ("cu126"); None for a file without one, that is of the default index."""
    glibc: str | None
    """None on other systems, and for a Linux file that does not say."""


def named_wheels(files: Iterable[WheelFile], project: str, version: str) -> list[NamedWheel]:
    """The CPython wheels of one version of a project; every other file is passed over.

    Raises InvalidVersion when `version` is not a version.
    """
    wanted = Version(version)
    return [wheel for file in files if (wheel := _named(file, project, wanted)) is not None]


def _named(file: WheelFile, project: str, version: Version) -> NamedWheel | None:
    try:
        name, found, _, tags = parse_wheel_filename(file.name)
    except InvalidWheelFilename:
        return None
    if name != project or Version(found.public) != version:
        return None
    # One file may carry several tags (manylinux2014 and manylinux_2_17): the first that says a glibc.
    for tag in sorted(tags, key=lambda tag: (not tag.platform.startswith("manylinux_"), str(tag))):
        platform = _platform(tag)
        if platform is not None and tag.interpreter.startswith("cp"):
            glibc = _glibc(tag) if platform.startswith("linux") else None
            return NamedWheel(file=file, platform=platform, python=_python(tag), tag=found.local, glibc=glibc)
    return None


def _platform(tag: Tag) -> Platform | None:
    text = tag.platform
    if text.startswith(("manylinux", "linux")):
        return "linux-aarch64" if text.endswith("aarch64") else "linux-x86_64"
    if text.startswith("macosx"):
        return "macos-arm64" if text.endswith("arm64") else "macos-x86_64"
    return "windows" if text == "win_amd64" else None


def _python(tag: Tag) -> str:
    """ "cp314" with ABI "cp314t" -> "3.14t"."""
    digits = tag.interpreter.removeprefix("cp")
    return f"{digits[0]}.{digits[1:]}{'t' if tag.abi.endswith('t') else ''}"


def _glibc(tag: Tag) -> str | None:
    found = re.match(r"manylinux_(\d+)_(\d+)_", tag.platform)
    if found is not None:
        return f"{found[1]}.{found[2]}"
    return _MANYLINUX.get(tag.platform.partition("_")[0])


def pythons_on(wheels: Iterable[NamedWheel], platform: str) -> tuple[str, ...]:
    """CPythons with a wheel on a platform, oldest first; "3.14t" comes after "3.14"."""
    found = {wheel.python for wheel in wheels if wheel.platform == platform}
    return tuple(sorted(found, key=lambda text: (int(text.rstrip("t").split(".")[1]), text)))


def requirements(wheel: NamedWheel, extra: str = "") -> Iterator[Requirement]:
    """The requirements that hold where the wheel is installed; with `extra`, those of the extra alone."""
    system, _, machine = wheel.platform.partition("-")
    environment = {
        "platform_system": {"linux": "Linux", "macos": "Darwin", "windows": "Windows"}[system],
        "platform_machine": machine or "AMD64",
        "sys_platform": {"linux": "linux", "macos": "darwin", "windows": "win32"}[system],
        "python_version": wheel.python.rstrip("t"),
    }
    for text in wheel.file.requires or ():
        try:
            # Old metadata puts versions in brackets: "triton (==2.0.0) ; ...".
            requirement = Requirement(re.sub(r"^(\S+)\s*\(([^)]*)\)", r"\1\2", text))
        except InvalidRequirement:
            continue
        marker = requirement.marker
        plain = marker is None or marker.evaluate({**environment, "extra": ""})
        if plain if not extra else not plain and marker and marker.evaluate({**environment, "extra": extra}):
            yield requirement


def specifier(requirement: Requirement) -> str:
    """Its versions as people write them: the lower bound first (">=12.5.82,<13.0"), exclusions last."""
    parts = [str(part) for part in requirement.specifier]
    return ",".join(sorted(parts, key=lambda part: (part.startswith("!="), part[0] not in ">~=", part)))
