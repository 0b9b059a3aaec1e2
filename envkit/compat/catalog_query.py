"""Questions to the tables of `envkit build`. Everything here is pure."""

from __future__ import annotations

from packaging.version import Version

from envkit.compat.catalog_model import (
    Catalog,
    Companion,
    CondaBuild,
    DownloadSize,
    ExtraRule,
    FrameworkName,
    PythonImage,
    SystemImage,
    ToolPin,
    WheelSet,
)
from envkit.compat.cuda import parse_cuda


def extra_names(catalog: Catalog) -> tuple[str, ...]:
    """The words that `--with` takes."""
    return tuple(extra.name for extra in catalog.extras)


def extra_rule(catalog: Catalog, name: str, framework: FrameworkName, version: str) -> ExtraRule | None:
    """What an extra becomes beside this release; None for a word or a release that no rule covers.

    Raises InvalidVersion when `version` is not a version.
    """
    wanted = Version(Version(version).base_version)
    for rule in (rule for extra in catalog.extras if extra.name == name for rule in extra.rules):
        after = rule.since is None or Version(rule.since) <= wanted
        before = rule.below is None or wanted < Version(rule.below)
        if rule.framework == framework and after and before:
            return rule
    return None


def companion(catalog: Catalog, name: str, version: str) -> Companion | None:
    """The row of one version of torchvision, torchaudio or torchcodec."""
    return next((row for row in catalog.companions if (row.name, row.version) == (name, version)), None)


def conda_builds(catalog: Catalog, framework: FrameworkName, platform: str) -> tuple[CondaBuild, ...]:
    """conda-forge's builds of a framework for one of its platforms ("linux-64"), newest release first."""
    found = [row for row in catalog.conda if (row.framework, row.platform) == (framework, platform)]
    return tuple(
        sorted(found, key=lambda row: (Version(row.version), parse_cuda(row.cuda) or (0, 0)), reverse=True)
    )


def system_image(catalog: Catalog, name: str) -> SystemImage | None:
    """The row of "debian:trixie" or "ubuntu:24.04"."""
    return next((row for row in catalog.systems if row.name == name), None)


def python_image(catalog: Catalog, python: str) -> PythonImage | None:
    """The row of a CPython minor ("3.12"); there is no official image of free-threaded builds."""
    return next((row for row in catalog.pythons if row.python == python), None)


def tool_pin(catalog: Catalog, name: str) -> ToolPin | None:
    """The version at which recipes install a tool ("uv")."""
    return next((row for row in catalog.tools if row.name == name), None)


def download_size(
    catalog: Catalog, framework: FrameworkName, version: str, tag: str, platform: str
) -> DownloadSize | None:
    """What a build will download and unpack; None when no row is near enough to say.

    Without a row of its own: the nearest release of the same tag, else of the same CUDA major, on the same
    platform. Such an answer is "claimed", and `basis` names the row. Pure Python dependencies come on top.
    """
    rows = [row for row in catalog.wheels if (row.framework, row.platform) == (framework, platform)]
    exact = next((row for row in rows if (row.version, row.tag) == (version, tag)), None)
    if exact is not None:
        return _size(exact, measured=True)
    near = [row for row in rows if row.tag == tag] or [row for row in rows if _same_major(row.tag, tag)]
    try:
        wanted = Version(version)
    except ValueError:  # InvalidVersion is one; another is for numbers of thousands of digits
        return None
    row = min(near, key=lambda row: _distance(Version(row.version), wanted), default=None)
    return None if row is None else _size(row, measured=False)


def _size(row: WheelSet, *, measured: bool) -> DownloadSize:
    return DownloadSize(
        download_bytes=row.download_bytes,
        installed_bytes=row.unpacked_bytes,
        how=row.provenance.how if measured else "claimed",
        basis=f"{row.framework} {row.version} ({row.tag}, {row.platform})",
    )


def _same_major(one: str, other: str) -> bool:
    first, second = parse_cuda(one), parse_cuda(other)
    return first is not None and second is not None and first[0] == second[0]


def _distance(one: Version, other: Version) -> tuple[int, int, int]:
    return abs(one.major - other.major), abs(one.minor - other.minor), abs(one.micro - other.micro)
