"""A conda environment on this machine, made of exactly what a lock says."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from envkit.build import conda as asked
from envkit.build import failure, venv
from envkit.build.access import Access
from envkit.build.channels import reachable
from envkit.build.explicit import parse
from envkit.build.model import Locked, Settings
from envkit.build.requirements import of_the_person
from envkit.build.uv_env import install_environment
from envkit.core.errors import BuildFailedError, DiskError, EngineError, EnvkitError, NetworkError, UsageError
from envkit.core.redact import secrets
from envkit.core.text import plain, size
from envkit.engine import conda, uv
from envkit.engine.conda_model import CondaFailed
from envkit.resolve.model import Plan

Phase = Callable[[str], AbstractContextManager[None]]
_ABSENT = "pip install 'envkit[conda]'"


def possible(prefix: Path) -> None:
    """Raises EngineError where conda packages cannot be installed here, DiskError where not at `prefix`."""
    if not conda.present():
        raise EngineError("py-rattler, which installs conda packages, is not installed", todo=_ABSENT)
    venv.possible(prefix, mark=conda.MARK)


def room(download: int, free: int, where: str) -> None:
    """Raises DiskError where not even the packages themselves have room. Pure; all in bytes."""
    if free < download:
        raise DiskError(
            f"the packages have {size(download)}, and {size(free)} are free in {where}",
            todo="make space there, or give --create DIR on another disk",
        )


def create_conda(
    plan: Plan,
    found: Locked,
    settings: Settings,
    prefix: Path,
    phase: Phase,
    *,
    access: Access,
    say: Callable[[str], None],
) -> None:
    """Make the environment of a lock at `prefix`; one that was there is put back when this one fails.

    Raises NetworkError where there is no lock, and what `failed` gives where the installation fails.
    """
    if found.conda_lock is None:
        raise NetworkError(
            f"nothing to install: {found.lock.why}",
            todo="try again where the channel can be reached, or name one that can: --channel URL|DIR",
        )
    wanted = of_the_person(plan, settings.requirements)
    if wanted and uv.find() is None:
        raise EngineError(
            "uv, which installs the packages of --requirements, is not installed",
            todo="pip install 'envkit[build]'",
        )
    with venv.instead(prefix):
        with phase("install"):
            problem = conda.install(
                parse(found.conda_lock),
                prefix,
                channels=reachable(settings, access),
                platform=asked.platform(plan),
                say=say,
                ca=settings.ca_cert,
            )
        if problem is not None:
            raise failed(problem, plan, prefix)
        if wanted:
            with phase("install --requirements"):
                _install_wheels([wish.requirement for wish in wanted], plan, settings, prefix, access)


def _install_wheels(
    requirements: list[str], plan: Plan, settings: Settings, prefix: Path, access: Access
) -> None:
    """The person's own packages, beside those of conda, which stay where they satisfy."""
    with tempfile.TemporaryDirectory(prefix="envkit-") as folder:
        Path(folder, "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
        done = uv.run(
            Path(folder),
            ("pip", "install", "--python", str(python_of(prefix)), "--requirements", "requirements.txt"),
            ca=settings.ca_cert,
            limit=conda.INSTALL_LIMIT,
            env=install_environment(plan, settings, access),
        )
    if not done.ok:
        text = secrets(plain(done.stderr, limit=1 << 20))
        raise failure.failure(text, "nowhere; run again with what is above corrected")


def python_of(prefix: Path) -> Path:
    """The interpreter of a conda environment."""
    return prefix / ("python.exe" if os.name == "nt" else "bin/python")


def failed(problem: CondaFailed, plan: Plan, prefix: Path) -> EnvkitError:
    """The error for an installation that failed."""
    said = problem.message
    if problem.kind == "absent":
        return EngineError(said, todo=_ABSENT)
    if problem.kind == "platform":
        return UsageError(
            f"the plan is for {asked.platform(plan)}, and {said}",
            todo="run it there: conda create --prefix DIR --file conda-lock.txt; or leave --create out",
        )
    if problem.kind == "hash":
        return BuildFailedError(
            f"a package differs from the one that was locked: {said}",
            todo="a channel or a cache gave another file: lock again, and find out why it changed",
        )
    if problem.kind == "disk":
        return DiskError(
            f"cannot write the packages: {said}",
            todo=f"make space for {prefix} and for the cache (RATTLER_CACHE_DIR=DIR puts it elsewhere)",
        )
    if problem.kind in ("network", "channel"):
        return NetworkError(
            f"a package could not be fetched: {said}",
            todo="try again: what was fetched is kept; behind a proxy that opens TLS, --ca-cert FILE",
        )
    return BuildFailedError(f"the installation failed: {said}", todo="try again; if it stays, --as uv")
