"""The package index and PyTorch's own wheel index, live or recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import requests
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version
from pypi_simple import DistributionPackage, NoSuchProjectError, ProjectPage, PyPISimple
from remote_wheel import RemoteWheel

TORCH_INDEX = "https://download.pytorch.org/whl/"


class IndexUnreachable(OSError):
    """An index that could not be read; the message says which and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """What was read in a wheel itself."""

    requires: tuple[str, ...]
    archs: tuple[str, ...] | None = None
    """None = not asked for."""


class Index(Protocol):
    """Where release files are listed and opened."""

    def files(self, project: str) -> tuple[DistributionPackage, ...]:
        """Wheels of the default index. Raises IndexUnreachable."""

    def variant_files(self, tag: str, project: str) -> tuple[DistributionPackage, ...]:
        """Wheels of PyTorch's index for a tag ("cu126"). Raises IndexUnreachable."""

    def open(self, file: DistributionPackage, *, deep: bool) -> Opened:
        """Metadata of a wheel, with `deep` its architectures, too. Raises IndexUnreachable."""


def wheels(packages: Iterable[DistributionPackage]) -> tuple[DistributionPackage, ...]:
    """The wheels among the files of a page, without the yanked ones and without names nobody can read."""
    found = []
    for package in packages:
        try:
            parse_wheel_filename(package.filename)
        except InvalidWheelFilename:
            continue
        if not package.is_yanked:
            found.append(package)
    return tuple(found)


class LiveIndex:
    """The indexes as they are now: the default one through pypi-simple, which knows its address."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._simple = PyPISimple(session=self._session)
        self.loaded = 0
        """Bytes that opened wheels brought over the network."""

    def files(self, project: str) -> tuple[DistributionPackage, ...]:
        try:
            return wheels(self._simple.get_project_page(project, timeout=60).packages)
        except (requests.RequestException, NoSuchProjectError) as error:
            raise IndexUnreachable(f"{project} on the package index: {_why(error)}") from error

    def variant_files(self, tag: str, project: str) -> tuple[DistributionPackage, ...]:
        url = f"{TORCH_INDEX}{tag}/{project}/"
        try:
            answer = self._session.get(url, timeout=20)
            answer.raise_for_status()
        except requests.RequestException as error:
            raise IndexUnreachable(f"{url}: {_why(error)}") from error
        return wheels(ProjectPage.from_html(project, answer.text, base_url=url).packages)

    def open(self, file: DistributionPackage, *, deep: bool) -> Opened:
        try:
            with RemoteWheel(file.url, self._session) as wheel:
                archs = wheel.archs() if deep else None
                opened = Opened(requires=wheel.requires(), archs=archs)
                self.loaded += wheel.loaded
        except (OSError, ValueError, KeyError) as error:
            raise IndexUnreachable(f"{file.filename}: {_why(error)}") from error
        return opened


class RecordedIndex:
    """Pages and opened wheels in a folder: PROJECT.json, TAG-PROJECT.html, opened.json."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened = json.loads((folder / "opened.json").read_text(encoding="utf-8"))

    def files(self, project: str) -> tuple[DistributionPackage, ...]:
        page = json.loads(self._read(f"{project}.json"))
        return wheels(ProjectPage.from_json_data(page, base_url="https://index.invalid/").packages)

    def variant_files(self, tag: str, project: str) -> tuple[DistributionPackage, ...]:
        url = f"{TORCH_INDEX}{tag}/{project}/"
        page = self._read(f"{tag}-{project}.html")
        return wheels(ProjectPage.from_html(project, page, base_url=url).packages)

    def open(self, file: DistributionPackage, *, deep: bool) -> Opened:
        found = self._opened.get(file.filename)
        if found is None:
            raise IndexUnreachable(f"{file.filename}: not recorded")
        archs = tuple(found["archs"]) if deep and "archs" in found else None
        return Opened(requires=tuple(found["requires"]), archs=archs)

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise IndexUnreachable(f"{name}: not recorded") from error


def _why(error: Exception) -> str:
    """What went wrong, in a few words: the whole text of a failed connection names every layer."""
    found = re.search(
        r"Name or service not known|No address associated|Failed to resolve|timed out|refused", str(error)
    )
    return f"{type(error).__name__}: {found[0] if found else str(error).splitlines()[0][:160]}"


def releases(files: Iterable[DistributionPackage]) -> dict[str, list[DistributionPackage]]:
    """Files by version: final releases only, local versions under their public one, oldest first."""
    found: dict[str, list[DistributionPackage]] = {}
    for file in files:
        _, version, _, _ = parse_wheel_filename(file.filename)
        if not (version.is_prerelease or version.is_devrelease):
            found.setdefault(version.public, []).append(file)
    return {version: found[version] for version in sorted(found, key=Version)}


def newest(files: Iterable[DistributionPackage]) -> str | None:
    """The newest final release."""
    return max(releases(files), key=Version, default=None)
