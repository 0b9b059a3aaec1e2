"""`--check`: makes a recorded build again from its inputs, and compares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from envkit.build import lock
from envkit.build.access import Access
from envkit.build.conda import LOCK
from envkit.build.conda_lock import lock_conda
from envkit.build.drift import Drift, Today, drift
from envkit.build.indexes import mirrored
from envkit.build.record import NAME, Record, digest
from envkit.build.unlisted import answered
from envkit.compat import Compat
from envkit.core import codec
from envkit.core.errors import BadInputError, BuildFailedError, NetworkError
from envkit.engine.uv import UvFailed
from envkit.resolve.model import Plan, Refusal

_NO_ACCESS = Access()


def _unheard(line: str) -> None:
    pass


def read(folder: Path) -> Record:
    """The record in a directory that `envkit build` wrote. Raises BadInputError."""
    path = folder / NAME
    if not path.exists():
        raise BadInputError(
            f"{folder} holds no {NAME}", todo="give the directory that `envkit build` wrote: --output DIR"
        )
    return codec.load(Record, path, name="build").value


def check(
    folder: Path, compat: Compat, access: Access = _NO_ACCESS, *, say: Callable[[str], None] = _unheard
) -> Drift:
    """What would be different today: in the plan, in the files on disk, and in what the indexes hold.

    Asks the indexes only for a build that was locked, or that was derived from their metadata. access: their
    logins. say: told before they are asked. Raises BadInputError.
    """
    record = read(folder)
    try:
        now: Plan | Refusal | None = answered(
            record.request, compat, record.settings, access, offline=False, say=say
        )
    except NetworkError:
        now = None
    if isinstance(now, Plan):
        now = mirrored(now, record.settings.indexes)
    text = _text(folder / (LOCK if record.plan.source == "conda-forge" else "requirements.txt"))
    today = Today() if record.lock.kind == "none" else _today(record, text, compat, access, say)
    return drift(record, now, edited(folder, record), text, today)


def edited(folder: Path, record: Record) -> tuple[str, ...]:
    """What became of the files on disk since they were written, one sentence each."""
    found = []
    for path, before in record.digests:
        try:
            now = digest((folder / path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            found.append(f"{path} is gone")
            continue
        except (OSError, UnicodeDecodeError):
            now = ""
        if now != before:
            found.append(f"{path} was changed since it was written")
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _today(record: Record, text: str, compat: Compat, access: Access, say: Callable[[str], None]) -> Today:
    """What the indexes say today: of what is locked, and of what would be taken instead."""
    plan, settings = record.plan, record.settings
    say("asking the indexes")
    if plan.source == "conda-forge":
        found = lock_conda(plan, settings, record.request.hosts, compat, access=access)
        return Today() if found.lock.kind == "none" else Today(fresh=found.text)
    held = lock.held(text, plan, settings, access)
    try:
        again = lock.lock_python(plan, settings, project=False, access=access)
    except BuildFailedError as error:
        return Today(gone=error.message)
    if again.lock.kind == "none":
        return Today()
    if isinstance(held, UvFailed):
        gone = held.message if held.kind in ("missing", "unsolvable") else ""
        return Today(fresh=again.requirements, gone=gone)
    return Today(fresh=again.requirements, held=held)
