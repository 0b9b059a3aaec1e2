"""Locks: what exactly is installed below the pins of a plan, with hashes where an index can be reached."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

from envkit.build.access import Access
from envkit.build.model import Locked, Settings
from envkit.build.render import pip
from envkit.build.render.uv import pyproject
from envkit.build.sbom import packages
from envkit.build.uv_env import install_environment, project_environment
from envkit.core.errors import BuildFailedError, DiskError, NetworkError
from envkit.engine import uv
from envkit.engine.uv import UvFailed
from envkit.resolve.model import Lock, Plan

LATER = (
    "lock it where the index can be reached: the same `envkit build` again, or "
    "`uv pip compile requirements.txt --generate-hashes -o requirements.lock`"
)
_NO_ACCESS = Access()
_HASH_LINES = re.compile(r"( \\\n    --hash=\S+)+")
HASHES = Lock(kind="hashes", why="")
_PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux",
    "linux-aarch64": "aarch64-manylinux",
    "macos-arm64": "aarch64-apple-darwin",
    "macos-x86_64": "x86_64-apple-darwin",
    "windows": "x86_64-pc-windows-msvc",
}
_UV_KNOWS = ("2_17", "2_28", "2_31", "2_32", "2_33", "2_34", "2_35", "2_36", "2_37", "2_38", "2_39", "2_40")
"""glibc versions that `--python-platform` has names for (uv's documentation of the option)."""


def unlocked(plan: Plan, settings: Settings, why: str) -> Locked:
    """Only what the plan pins."""
    if plan.source == "conda-forge":  # environment.yml says it
        return Locked(lock=Lock(kind="none", why=why), requirements="")
    return Locked(lock=Lock(kind="none", why=why), requirements=pip.unlocked(plan, settings))


def lock_python(plan: Plan, settings: Settings, *, project: bool, access: Access = _NO_ACCESS) -> Locked:
    """requirements.txt with hashes, and uv.lock for a project; less where an index is out of reach.

    project: uv.lock, too. access: logins of the indexes. Raises BuildFailedError where no set of versions
    satisfies all, DiskError where uv cannot write.
    """
    env = project_environment(plan, settings, access)
    with tempfile.TemporaryDirectory(prefix="envkit-lock-") as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(pyproject(plan, settings), encoding="utf-8")
        text = uv.compile_(
            folder, python=plan.python, platform=platform(plan), hashes=True, ca=settings.ca_cert, env=env
        )
        if isinstance(text, UvFailed):
            return unlocked(plan, settings, _why(text))
        bare = _without_hash(text)
        lock = HASHES
        if bare:
            lock = Lock(kind="versions", why=f"nothing to take a hash of for {', '.join(bare)}")
            # pip takes some hashes for a demand that all have one.
            text = _HASH_LINES.sub("", text)
        locked = Locked(lock=lock, requirements=pip.header(plan, settings, lock.kind) + text)
        if not project:
            return locked
        found = uv.lock(folder, ca=settings.ca_cert, env=env)
        return locked if isinstance(found, UvFailed) else replace(locked, uv_lock=found)


def held(text: str, plan: Plan, settings: Settings, access: Access) -> str | UvFailed:
    """The pins of a lock with the hashes that the indexes have for them today."""
    pins = "".join(f"{each.name}=={each.version}\n" for each in packages(text))
    with tempfile.TemporaryDirectory(prefix="envkit-lock-") as name:
        folder = Path(name)
        (folder / "requirements.txt").write_text(pins, encoding="utf-8")
        arguments = (
            *(
                "pip",
                "compile",
                "requirements.txt",
                "--no-deps",
                "--generate-hashes",
                "--no-header",
                "--quiet",
            ),
            *("--python-version", plan.python, "--python-platform", platform(plan)),
            *("--index-strategy", "unsafe-best-match"),
        )
        env = install_environment(plan, settings, access)
        result = uv.run(folder, arguments, ca=settings.ca_cert, env=env)
    return result.stdout if result.ok else uv.failed(result)


def platform(plan: Plan) -> str:
    """The platform as uv names it: "x86_64-manylinux_2_28"."""
    name = _PLATFORMS[plan.platform]
    if not name.endswith("manylinux"):
        return name
    floor = _number((plan.glibc or "2.28").replace(".", "_"))
    # The first that has all wheels of the plan: uv knows no 2.27, which TensorFlow needs.
    known = next((each for each in _UV_KNOWS if _number(each) >= floor), _UV_KNOWS[-1])
    return f"{name}_{known}"


def _number(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("_"))


def _without_hash(text: str) -> tuple[str, ...]:
    """The packages that have no hash: those from a directory or a repository of source code."""
    pinned = [line for line in text.splitlines() if line and line[0] not in " #"]
    return tuple(re.split(r"[ =@]", line, maxsplit=1)[0] for line in pinned if not line.endswith("\\"))


def _why(failed: UvFailed) -> str:
    """The reason for a missing lock. Raises where there is nothing to go on with."""
    if failed.kind == "missing":
        raise BuildFailedError(
            f"no index has a package that is asked for: {failed.message}",
            todo="correct its name, or name the index that has it: --extra-index-url URL",
        )
    if failed.kind == "unsolvable":
        raise BuildFailedError(
            f"no set of versions satisfies the plan and the requirements: {failed.message}",
            todo="loosen the versions in --requirements, or ask for another framework version",
        )
    if failed.kind == "login":
        raise NetworkError(
            f"an index wants a login: {failed.message}",
            todo="put it into the address (--index-url https://USER:PASSWORD@HOST/...), which is written to "
            "no file, or into ~/.netrc",
        )
    if failed.kind == "disk":
        raise DiskError(f"uv cannot write: {failed.message}", todo="make space for its cache (uv cache dir)")
    if failed.kind == "absent":
        return "uv is not installed: pip install 'envkit[build]'"
    if failed.kind == "certificate":
        return (
            f"an index was not trusted ({failed.message}): a network that intercepts TLS needs "
            "--ca-cert FILE with its certificate"
        )
    if failed.kind == "network":
        return f"an index is out of reach ({failed.message}); {LATER}"
    return f"uv: {failed.message}; {LATER}"
