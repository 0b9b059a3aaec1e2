"""Starts the target Python's pip: what is there before, the change itself, how it went."""

from __future__ import annotations

import json
import math
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from envkit.core import proc
from envkit.core.errors import DiskError, ExitCode
from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.core.redact import secrets
from envkit.core.text import one_line, plain
from envkit.doctor.apply.model import Target
from envkit.facts.programs import which
from envkit.facts.python_model import TargetPython

_ASK = """
import json, os, sys, sysconfig
from importlib.util import find_spec
try:
    from importlib.metadata import version
    pip = version("pip") if find_spec("pip") else None
except Exception:
    pip = None
site = sysconfig.get_path("purelib")
there = site
while not os.path.exists(there):
    there = os.path.dirname(there)
venv = sys.prefix != sys.base_prefix
conda = os.path.isdir(os.path.join(sys.prefix, "conda-meta"))
print(json.dumps({
    "prefix": sys.prefix, "site": site, "pip": pip, "owner": os.stat(sys.prefix).st_uid,
    "writable": os.access(there, os.W_OK | os.X_OK),
    "kind": "venv" if venv else "conda" if conda else "system",
    "externally_managed": not venv
        and os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
}))
"""
_ASK_LIMIT = 30.0
"""Seconds to start a Python from a cold network disk."""
_FREEZE_LIMIT = 120.0
_GRACE = 15.0
"""Seconds that an interrupted pip has to clean up."""
_RAW_PROGRESS = (24, 1)
"""The first pip that tells its progress without a terminal."""
_ELSEWHERE = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_DRY_RUN",
    "UV_TARGET",
    "UV_PREFIX",
    "UV_SYSTEM_PYTHON",
)
"""Settings that would let pip or uv install somewhere else, or not at all."""
_INDEXES = re.compile(r"==[\w.!]+\+(cu\d+|cpu|rocm[\d.]+)\s*$", re.M)

_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|ConnectTimeoutError"
    r"|ReadTimeoutError|Connection (?:refused|reset|aborted|broken)|SSLError|ProxyError"
    r"|Network is unreachable|No route to host|Max retries exceeded|HTTP error \d|Failed to fetch"
    r"|error sending request|dns error",
    re.I,
)
_DISK = re.compile(
    r"No space left on device|Disk quota exceeded|Permission denied|Read-only file system"
    r"|Errno (?:13|28|30|122)\b",
    re.I,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A command that did not work."""

    command: str
    code: ExitCode
    exit_code: int | None
    lines: tuple[str, ...]
    """The last that it said."""
    todo: str


def ask(machine: Machine, python: TargetPython) -> Target | str:
    """What the target Python says of itself, or why its packages cannot be changed."""
    result = proc.run(
        Command(
            name="apply-target",
            argv=(python.executable, "-I", "-c", _ASK),
            limit=_ASK_LIMIT,
            env={**machine.env, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    )
    try:
        said: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
        return Target(
            executable=python.executable,
            prefix=str(said["prefix"]),
            kind=said["kind"],
            externally_managed=bool(said["externally_managed"]),
            writable=bool(said["writable"]),
            site=str(said["site"]),
            owner=int(said["owner"]),
            pip=_numbers(said["pip"]),
            uv=(which(machine, ("uv",)) or {}).get("uv") or None,
            user=os.geteuid(),
            conda=_conda(python),
            editable=tuple(d.name for d in python.distributions or () if d.editable),
        )
    except (ValueError, KeyError, IndexError, TypeError):
        reason = one_line(result.stderr) or result.state
        return f"the target Python does not start: {reason}"


def _numbers(version: str | None) -> tuple[int, ...] | None:
    return None if version is None else tuple(map(int, re.findall(r"\d+", version)[:2]))


def _conda(python: TargetPython) -> tuple[str, ...]:
    """Packages of conda, by the names that pip knows them by."""
    names = {package.name for package in python.conda_packages or ()}
    names |= {d.name for d in python.distributions or () if d.installer == "conda"}
    return tuple(sorted(names | {"torch" for name in names if name.startswith("pytorch")}))


def environment(env: Mapping[str, str], target: Target) -> dict[str, str]:
    """Variables for pip: it asks nothing, and installs into the target and nowhere else."""
    kept = {name: value for name, value in env.items() if name not in _ELSEWHERE}
    kept.update(
        PIP_NO_INPUT="1",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        PIP_USER="0",
        PIP_BREAK_SYSTEM_PACKAGES="0",
        # A file `pip.py` in the current directory is not pip.
        PYTHONSAFEPATH="1",
    )
    if target.pip is not None and target.pip >= _RAW_PROGRESS:
        kept["PIP_PROGRESS_BAR"] = "raw"
    return kept


def state_folder(env: Mapping[str, str]) -> str:
    """Where lists of installed packages are kept (XDG base directories)."""
    base = env.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):  # the specification says to ignore a relative one
        base = env.get("HOME", "").rstrip("/") + "/.local/state"
    return f"{base.rstrip('/')}/envkit/apply"


def freeze(target: Target, env: Mapping[str, str], path: str) -> str | Failure:
    """Write the list of what is installed; the command that goes back to it. Raises DiskError."""
    head = (target.uv or "uv", "pip") if target.pip is None else (target.executable, "-m", "pip")
    python = ("--python", target.executable) if target.pip is None else ()
    argv = (*head, "freeze", *python)
    result = proc.run(
        Command(name="pip-freeze", argv=argv, limit=_FREEZE_LIMIT, env=environment(env, target))
    )
    if not result.ok:
        return failure(argv, result)
    _keep(path, secrets(result.stdout))
    indexes = [
        word
        for tag in dict.fromkeys(_INDEXES.findall(result.stdout))
        for word in ("--extra-index-url", f"https://download.pytorch.org/whl/{tag}")
    ]
    return shlex.join((*head, "install", *python, "--force-reinstall", "--no-deps", *indexes, "-r", path))


def _keep(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(made, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
    except OSError as error:
        raise DiskError(
            f"cannot keep the list of installed packages in {path}: {error.strerror or error}",
            todo="make space, or name another folder in XDG_STATE_HOME; nothing was changed",
        ) from error


def execute(
    argv: tuple[str, ...], target: Target, env: Mapping[str, str], tell: Callable[[str], None]
) -> Failure | None:
    """Run one command to its end, however long that takes; what it says is told line by line."""
    hear = _Lines(tell)
    result = proc.run(
        Command(name="pip", argv=argv, limit=math.inf, env=environment(env, target), grace=_GRACE),
        heard=hear,
    )
    hear.end()
    return None if result.ok else failure(argv, result)


def failure(argv: tuple[str, ...], result: Result) -> Failure:
    """Why a command failed, as far as its words tell."""
    said = f"{result.stdout}\n{result.stderr}"
    lines = [line for line in result.stderr.splitlines() + result.stdout.splitlines() if "ERROR" in line]
    lines = lines or [line for line in said.splitlines() if line.strip()]
    code, todo = ExitCode.BUILD_FAILED, "read what pip says, and mend that first; pip's own words are above"
    if _DISK.search(said):
        code, todo = ExitCode.DISK, "make space, or get permission to write there, and run again"
    elif _NETWORK.search(said):
        code, todo = ExitCode.NETWORK, "check the network, the proxy and the index, and run again"
    return Failure(
        command=shlex.join(argv),
        code=code,
        exit_code=result.code,
        lines=tuple(one_line(secrets(line), limit=300) for line in lines[-5:]) or (result.state,),
        todo=todo,
    )


class _Lines:
    """Output in pieces -> whole lines of plain text; pip's progress in steps of a tenth."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._rest = b""
        self._tenth = 0

    def __call__(self, piece: bytes) -> None:
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > 1 << 16:  # a line that does not end
            self.end()

    def end(self) -> None:
        """Tell what came after the last line end."""
        rest, self._rest = self._rest, b""
        if rest.strip():
            self._line(rest)

    def _line(self, line: bytes) -> None:
        progress = re.fullmatch(rb"Progress (\d+) of (\d+)\s*", line)
        if progress is None:
            self._tell(plain(secrets(line.decode("utf-8", "replace")), limit=500).rstrip())
            return
        done, whole = int(progress[1]), int(progress[2])
        tenth = done * 10 // whole if whole else 0
        if tenth != self._tenth and whole > 10 << 20:
            self._tell(f"{done >> 20} of {whole >> 20} MiB")
        self._tenth = tenth
