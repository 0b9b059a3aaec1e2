"""conda's explicit lists: the lock of a conda environment. Pure.

conda 24.9, mamba 2.1 and later read a SHA-256 behind the address (conda#14048, mamba#3866).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envkit.engine.conda_model import Package

MARKER = "@EXPLICIT"
_HASH = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}")
_SUFFIXES = (".conda", ".tar.bz2")


def explicit(packages: tuple[Package, ...], comments: tuple[str, ...]) -> str:
    """The list as conda, mamba and micromamba install it: `conda create --prefix DIR --file LIST`."""
    lines = [*(f"# {comment}" for comment in comments), MARKER]
    lines += [f"{package.url}#{package.sha256 or package.md5 or ''}".rstrip("#") for package in packages]
    return "\n".join(lines) + "\n"


def parse(text: str) -> tuple[Package, ...]:
    """The packages of a list, sorted by name; lines that are no package of conda are passed over."""
    return tuple(sorted(_packages(text), key=lambda package: package.name))


def _packages(text: str) -> Iterator[Package]:
    for line in text.splitlines():
        url, _, digest = line.strip().partition("#")
        suffix = next((each for each in _SUFFIXES if url.endswith(each)), None)
        parts = url.split("/")
        if suffix is None or len(parts) < 3:
            continue
        name, version, build = ("", "", *parts[-1].removesuffix(suffix).rsplit("-", 2))[-3:]
        if not name or (digest and not _HASH.fullmatch(digest)):
            continue
        yield Package(
            name=name,
            version=version,
            build=build,
            subdir=parts[-2],
            url=url,
            sha256=digest if len(digest) == 64 else None,
            md5=digest if len(digest) == 32 else None,
        )
