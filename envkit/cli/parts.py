"""One request, several sources: conda environments come from conda-forge, all else from wheels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envkit.core.errors import UsageError

if TYPE_CHECKING:
    from envkit.build.model import Artefact
    from envkit.resolve.request import Request, Source

BESIDE = "conda"
"""Directory of the conda files below that of the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What is made from one source."""

    source: Source
    artefacts: tuple[Artefact, ...]
    folder: Path

    def of(self, request: Request) -> Request:
        """The request to this source."""
        return replace(request, source=self.source)


def parts_of(
    artefacts: tuple[Artefact, ...], source: Source, folder: Path, *, create: bool
) -> tuple[Part, ...]:
    """One part a source, that of the first artefact first; the second writes to a directory of its own.

    create: an environment is made on this machine. Raises UsageError for what cannot go together.
    """
    conda = tuple(each for each in artefacts if each == "conda")
    wheels = tuple(each for each in artefacts if each != "conda")
    if wheels and source == "conda-forge":
        raise UsageError(
            f"--as {','.join(wheels)} is made from wheels, and --source conda-forge was asked for",
            todo="leave --source out (--as conda takes conda-forge by itself), or ask for --as conda only",
        )
    if conda and wheels and create:
        raise UsageError(
            "--create makes one environment, and two kinds were asked for",
            todo="ask for one of them: --as conda --create DIR, or --as uv --create DIR",
        )
    if not conda:
        return (Part(source="wheels", artefacts=wheels, folder=folder),)
    if not wheels:
        return (Part(source="conda-forge", artefacts=conda, folder=folder),)
    return (
        Part(source="wheels", artefacts=wheels, folder=folder),
        Part(source="conda-forge", artefacts=conda, folder=folder / BESIDE),
    )
