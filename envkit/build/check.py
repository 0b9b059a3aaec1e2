"""`--check`: makes a recorded build again from its inputs, and compares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from envkit.build import lock
from envkit.build.access import Access
from envkit.build.conda import LOCK
from envkit.build.conda_lock import lock_conda
from envkit.build.drift import Drift, drift
from envkit.build.model import File, Locked
from envkit.build.record import NAME, Record
from envkit.build.render import RENDERERS
from envkit.compat import Compat
from envkit.core import codec
from envkit.core.errors import BadInputError
from envkit.resolve.resolve import resolve


def read(folder: Path) -> Record:
    """The record in a directory that `envkit build` wrote. Raises BadInputError."""
    path = folder / NAME
    if not path.exists():
        raise BadInputError(
            f"{folder} holds no {NAME}", todo="give the directory that `envkit build` wrote: --output DIR"
        )
    return codec.load(Record, path, name="build").value


def check(folder: Path, compat: Compat) -> Drift:
    """What would be different today: in the plan, in the files on disk, and in what the indexes hold.

    Asks the indexes only for a build that was locked.
    """
    record = read(folder)
    now = resolve(record.request, compat)
    files = _files(folder, record)
    text = _text(folder / (LOCK if record.plan.source == "conda-forge" else "requirements.txt"))
    again = None if record.lock.kind == "none" else _lock(record, compat)
    return drift(record, now, files, text, again)


def _files(folder: Path, record: Record) -> tuple[str, ...]:
    """Files that differ from what the record renders to."""
    requirements = _text(folder / "requirements.txt")
    project = _text(folder / "uv.lock") or None
    conda = _text(folder / LOCK) or None
    locked = Locked(lock=record.lock, requirements=requirements, uv_lock=project, conda_lock=conda)
    plan = replace(record.plan, lock=record.lock)
    wanted: dict[str, File] = {}
    for artefact in record.artefacts:
        wanted.update((file.path, file) for file in RENDERERS[artefact](plan, locked, record.settings))
    return tuple(
        path for path, file in wanted.items() if file.copy is None and _text(folder / path) != file.text
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _lock(record: Record, compat: Compat) -> str | None:
    """What the indexes give for the plan today; None when they cannot be asked."""
    plan, settings = record.plan, record.settings
    if plan.source == "conda-forge":
        found = lock_conda(plan, settings, record.request.hosts, compat, access=Access())
    else:
        found = lock.lock_python(plan, settings, project=False)
    return None if found.lock.kind == "none" else found.text
