"""What `envkit build` writes and how: settings, files, locks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from envkit.resolve.model import Lock

Artefact = Literal["docker", "conda", "uv", "pip", "devcontainer", "compose"]
ARTEFACTS: tuple[Artefact, ...] = ("docker", "conda", "uv", "pip", "devcontainer", "compose")


IMAGES: frozenset[Artefact] = frozenset(("docker", "compose", "devcontainer"))
"""Those that build an image from the same Dockerfile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Indexes:
    """Where packages come from, apart from the default index and the framework's own."""

    index_url: str | None = None
    """Takes the place of the default index. No address here holds a login: see `access`."""
    framework: str | None = None
    """Takes the place of https://download.pytorch.org/whl; the build (`cu126`, `cpu`) follows."""
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    """Directories of wheels, or addresses of pages that link to them."""
    wheels: tuple[str, ...] = ()
    """The wheels in those directories that fit the plan."""
    avoided: tuple[str, ...] = ()
    """Builds in those directories that an installer would prefer to the planned one (`torch==2.13.0+cpu`)."""
    merged: bool = False
    """All indexes are asked for every package, as pip does; else the first that has it is taken."""
    channels: tuple[str, ...] = ()
    """Channels of conda packages, the most important first; () = conda-forge."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What a person asked of the files, beside the plan."""

    indexes: Indexes = Indexes()
    requirements: str = ""
    """Text of --requirements."""
    apt: tuple[str, ...] = ()
    base_image: str | None = None
    """Takes the place of the plan's."""
    base_digest: str | None = None
    """`sha256:...`, when it could be resolved."""
    ca_cert: str | None = None
    """Certificates of a network that intercepts TLS."""
    network: str | None = None
    """`--network` of the build."""
    secrets: tuple[str, ...] = ()
    """`--secret` of the build, as BuildKit reads them (`id=token,src=FILE`)."""
    uv: str = "0.13.9"
    """Version of uv that an image is made with; the tables pin it."""
    buildkit: bool = True
    """Whether cache and secret mounts may be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """What the lock of one installer says."""

    lock: Lock
    requirements: str
    """requirements.txt: with hashes, with versions, or only what the plan pins."""
    uv_lock: str | None = None
    conda_lock: str | None = None
    """An explicit list of conda packages."""
    download: int | None = None
    """Bytes that its packages have; None = not known."""

    @property
    def text(self) -> str:
        """What is installed, as it is locked."""
        return self.requirements if self.conda_lock is None else self.conda_lock


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file that is written, relative to the output directory."""

    path: str
    text: str = ""
    executable: bool = False
    copy: Path | None = None
    """Copied from here instead of written."""
