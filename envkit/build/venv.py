"""An environment on this machine: whole, or what was there before."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from envkit.build import failure
from envkit.build.access import Access
from envkit.build.model import Locked, Settings
from envkit.build.uv_env import install_environment
from envkit.compat import DownloadSize
from envkit.core.errors import DiskError, EngineError, TargetAbsentError
from envkit.core.redact import secrets
from envkit.core.text import plain, size
from envkit.engine import uv
from envkit.resolve.model import Plan

Phase = Callable[[str], AbstractContextManager[None]]
_INSTALL_LIMIT = 4 * 3600.0
LOG = "build.log"


def possible(venv: Path, *, mark: str = "pyvenv.cfg") -> None:
    """Raises DiskError where an environment cannot be made at `venv`.

    mark: what an environment that may be replaced holds.
    """
    if venv.is_symlink() or venv.is_file():
        raise DiskError(f"{venv} is no directory", todo="give --create a directory of its own")
    try:
        taken = venv.exists() and not (venv / mark).exists() and any(venv.iterdir())
    except OSError as error:
        raise _unwritable(venv, error) from error
    if taken:
        raise DiskError(f"{venv} is there and is no environment", todo="give --create another directory")
    above = next(folder for folder in venv.parents if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise DiskError(f"cannot write {above}", todo="give --create a directory where you may write")


def room(needed: DownloadSize | None, free: int, where: str) -> None:
    """Raises DiskError where the wheels and what they unpack to have no room. Pure.

    free: bytes below `where`. Passes where the size is not known.
    """
    if needed is None:
        return
    both = needed.installed_bytes + needed.download_bytes
    if free < both:
        raise DiskError(
            f"the environment takes about {size(both)} with its downloads, and {size(free)} are free in "
            f"{where}",
            todo="make space there, or give --create DIR on another disk (UV_CACHE_DIR puts the downloads "
            "elsewhere, too)",
        )


def free_below(venv: Path) -> tuple[int, str]:
    """Bytes that are free where the environment will be, and that directory."""
    above = next(folder for folder in (venv, *venv.parents) if folder.exists())
    return shutil.disk_usage(above).free, str(above)


def create_venv(
    plan: Plan,
    found: Locked,
    settings: Settings,
    folder: Path,
    venv: Path,
    phase: Phase,
    *,
    access: Access,
) -> Path:
    """Make the environment of a lock with uv; the log of the installation, which goes into `folder`.

    An environment that was there is put back when this one fails or is interrupted. Raises TargetAbsentError
    when the plan's Python cannot be had, BuildFailedError and its kin otherwise.
    """
    log = folder / LOG
    with instead(venv):
        with phase("make the environment"):
            _empty(plan.python, folder, venv, settings)
        with phase("install"), tempfile.TemporaryDirectory(prefix="envkit-install-") as name:
            wanted = Path(name) / "requirements.txt"
            wanted.write_text(found.requirements, encoding="utf-8")
            _install(wanted, plan, settings, venv, log, access)
    return log


def _empty(python: str, folder: Path, venv: Path, settings: Settings) -> None:
    made = uv.run(folder, ("venv", "--no-project", "--python", python, str(venv)), ca=settings.ca_cert)
    if made.ok:
        return
    problem = uv.failed(made)
    if problem.kind == "absent":
        raise EngineError("uv is not installed", todo="pip install 'envkit[build]'")
    if problem.kind == "disk":
        raise DiskError(f"cannot write {venv}: {problem.message}", todo="give --create another directory")
    raise TargetAbsentError(
        f"Python {python} cannot be had here: {problem.message}",
        todo=f"install Python {python}, or ask for one that is here, as in --python 3.12",
    )


def _install(wanted: Path, plan: Plan, settings: Settings, venv: Path, log: Path, access: Access) -> None:
    options = ["--require-hashes"] if plan.lock.kind == "hashes" else []
    done = uv.run(
        wanted.parent,
        (
            *("pip", "install", "--python", str(venv), "--index-strategy", "unsafe-best-match"),
            *(*options, "--requirements", wanted.name),
        ),
        ca=settings.ca_cert,
        limit=_INSTALL_LIMIT,
        env=install_environment(plan, settings, access),
    )
    text = secrets(plain(done.stderr, limit=1 << 20))
    try:
        log.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise DiskError(f"cannot write {log}: {error.strerror}", todo="make space and run again") from error
    if not done.ok:
        raise failure.failure(text, str(log))


@contextmanager
def instead(venv: Path) -> Iterator[None]:
    """The environment that is made inside takes the place of an older one, or leaves nothing behind."""
    kept: Path | None = None
    made = [folder for folder in (venv, *venv.parents) if not folder.exists()]
    try:
        venv.parent.mkdir(parents=True, exist_ok=True)
        if venv.exists():
            kept = Path(tempfile.mkdtemp(prefix=f".{venv.name}-", dir=venv.parent)) / venv.name
            venv.rename(kept)
    except OSError as error:
        raise _unwritable(venv, error) from error
    try:
        yield
    except BaseException:
        shutil.rmtree(venv, ignore_errors=True)
        if kept is not None:
            kept.rename(venv)
        for folder in made[1:]:
            _remove_empty(folder)
        raise
    finally:
        if kept is not None:
            shutil.rmtree(kept.parent, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        pass


def _unwritable(venv: Path, error: OSError) -> DiskError:
    return DiskError(
        f"cannot write {venv}: {error.strerror or error}",
        todo="give --create a directory where you may write",
    )
