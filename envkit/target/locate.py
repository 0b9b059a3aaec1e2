"""Which Python is the target: the one asked for, else the one that a person's shell would train with."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from envkit.core.errors import TargetAbsentError
from envkit.core.machine import Machine
from envkit.core.proc import Command

_VERSION = re.compile(r"(?P<number>\d+(?:\.\d+){0,2})(?P<free>t?)$")
_NAME = re.compile(r"(?:python|pypy|graalpy)[\d.]*t?(?:-dbg|d)?$")
_HANDS_ON = re.compile(r"(?:python|pypy)[^\n]*[\"' ]\$(?:@|\*|\{@\})", re.IGNORECASE)
"""A line of a wrapper: `exec /opt/python/bin/python3 "$@"`, `docker run IMAGE python "$@"`."""
_IS_PYTHON = re.compile(r"(?:Python|PyPy|GraalPy) \d")
_ANSWER = 3.0
"""Seconds that `--version` may take; a wrapper may load modules or start a container first."""
_ISOLATED = (
    "/pipx/venvs/",
    "/pipx/.cache/",
    "/uv/tools/",
    "/uv/archive-v",
    "/uv/builds-v",
    "/uv/environments-v",
)
"""Where pipx and uv keep environments of single tools, which nobody trains in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The chosen interpreter."""

    executable: str
    why: str
    """`--python`, `VIRTUAL_ENV`, `CONDA_PREFIX`, `the environment of envkit`, `python3 on PATH`."""


def locate(
    machine: Machine, asked: str | None = None, *, own_prefix: str = sys.prefix, own: str = sys.executable
) -> Target:
    """The target Python.

    Args:
        machine: whose environment variables and files count.
        asked: a path of an interpreter or of an environment, a version (`3.12`) or a name (`python3.11`).
        own_prefix, own: environment and interpreter that envkit runs in.

    Raises:
        TargetAbsentError: there is no such interpreter. A virtual environment whose base is gone is no error:
            its dangling interpreter is returned, and the probe says what is wrong with it.
    """
    if asked:
        return Target(executable=_asked(machine, asked), why=f"--python {asked}")
    stale = ""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        folder = machine.env.get(variable, "")
        if folder and not (variable == "CONDA_PREFIX" and _is_base(machine)):
            found = _in_environment(machine, folder)
            if found:
                return Target(executable=found, why=variable)
            stale += f"; {variable} names {folder}, which holds no Python"
    if machine.is_here and not _is_isolated(machine, own_prefix):
        return Target(executable=own, why="the environment of envkit" + stale)
    base = _in_environment(machine, machine.env.get("CONDA_PREFIX", ""))
    if base:
        return Target(executable=base, why="CONDA_PREFIX (base)" + stale)
    for name in ("python3", "python"):
        for path in _on_path(machine, name):
            return Target(executable=path, why=f"{name} on PATH" + stale)
    raise TargetAbsentError(
        "there is no Python to look at" + stale,
        todo="activate the environment that you train in, or name its Python: --python PATH",
    )


def _asked(machine: Machine, asked: str) -> str:
    version = _VERSION.match(asked)
    if version is not None and not machine.exists(asked):
        return _of_version(machine, version["number"], version["free"])
    if "/" not in asked and not asked.startswith((".", "~")):
        for path in _on_path(machine, asked) if _NAME.match(asked) else ():
            return path
    path = asked
    if asked.startswith("~/"):
        path = machine.env.get("HOME", "~") + asked[1:]
    path = machine.absolute(path)
    if machine.ls(path) is not None:
        found = _in_environment(machine, path)
        if found:
            return found
        raise TargetAbsentError(
            f"{asked} is a directory without bin/python",
            todo="give the directory of a virtual or conda environment, or the path of an interpreter",
        )
    if not machine.exists(path):
        raise TargetAbsentError(
            f"there is no Python at {asked}",
            todo="check the path; `--python 3.12` looks a version up on PATH",
        )
    _check_interpreter(machine, path, asked)
    return path


def _check_interpreter(machine: Machine, path: str, asked: str) -> None:
    """Refuse what must not be started with our arguments: a person's script, another program."""
    real = machine.real(path)
    named = any(_NAME.match(os.path.basename(name)) for name in (path, real))
    runs = machine.may(path, os.X_OK)
    if named and (runs or machine.link(path) is not None):
        return
    if runs and not named and _answers(machine, path):
        return
    reason = "is not executable" if named else "is not a Python interpreter"
    raise TargetAbsentError(f"{asked} {reason}", todo="give the path of an interpreter, as .venv/bin/python")


def _answers(machine: Machine, path: str) -> bool:
    """Whether a program of another name is a Python: a wrapper that hands its arguments on to one, or a copy.

    A script that does not hand its arguments on, as a person's own, is never started.
    """
    text = machine.read(path, 1 << 16) or ""
    wrapper = text.startswith("#!") and _HANDS_ON.search(text) is not None
    if not wrapper and not text.startswith("\x7fELF"):
        return False
    said = machine.run(Command(name="python-version", argv=(path, "--version"), limit=_ANSWER))
    return said.ok and _IS_PYTHON.match(said.stdout or said.stderr) is not None


def _of_version(machine: Machine, number: str, free: str) -> str:
    """An interpreter of a version: on PATH, then where pyenv and uv keep theirs."""
    parts = number.split(".")
    name = "python" + ".".join(parts[:2]) + free
    if len(parts) < 3:
        # A pyenv shim is a script that may answer "not installed" here: real interpreters first.
        shims: list[str] = []
        real: list[str] = []
        for path in _on_path(machine, name):
            (shims if "/shims/" in path else real).append(path)
        for path in (*real, *_kept(machine, number, name), *shims):
            return path
    for path in _kept(machine, number, name):
        return path
    raise TargetAbsentError(
        f"there is no Python {number}{free} on PATH, nor among those of pyenv and uv",
        todo=f"install it (`uv python install {number}{free}`), or give a path: --python PATH",
    )


def _kept(machine: Machine, number: str, name: str) -> Iterator[str]:
    """Interpreters below pyenv's and uv's own directories, newest first."""
    home = machine.env.get("HOME", "")
    data = machine.env.get("XDG_DATA_HOME") or f"{home}/.local/share"
    pyenv = machine.env.get("PYENV_ROOT") or f"{home}/.pyenv"
    uv = machine.env.get("UV_PYTHON_INSTALL_DIR") or f"{data}/uv/python"
    for folder, start in ((f"{pyenv}/versions", ""), (uv, "cpython-")):
        matching = [
            entry for entry in machine.ls(folder) or () if _is_version(entry.removeprefix(start), number)
        ]
        for entry in sorted(matching, key=_numbers, reverse=True):
            path = f"{folder}/{entry}/bin/{name}"
            if machine.may(path, os.X_OK):
                yield path


def _is_version(entry: str, number: str) -> bool:
    """Whether `3.12.4` or `3.12.4-linux-x86_64-gnu` is of version `3.12`."""
    return entry == number or entry.startswith((number + ".", number + "-"))


def _numbers(entry: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", entry)[:3])


def _in_environment(machine: Machine, folder: str) -> str | None:
    """The interpreter of an environment; a dangling link counts."""
    folder = folder.rstrip("/")
    for name in ("python", "python3"):
        if folder and machine.exists(f"{folder}/bin/{name}"):
            return f"{folder}/bin/{name}"
    return None


def _on_path(machine: Machine, name: str) -> Iterator[str]:
    for folder in machine.env.get("PATH", "").split(":"):
        if folder.startswith("/") and machine.may(f"{folder}/{name}", os.X_OK):
            yield f"{folder}/{name}"


def _is_base(machine: Machine) -> bool:
    """Whether the active conda environment is the base one, which is often active without being meant."""
    return machine.env.get("CONDA_DEFAULT_ENV") in ("base", "root")


def _is_isolated(machine: Machine, prefix: str) -> bool:
    """Whether an environment belongs to one tool alone."""
    own = [machine.env.get(name, "") for name in ("PIPX_HOME", "UV_TOOL_DIR")]
    return any(part in prefix + "/" for part in _ISOLATED) or any(
        home and prefix.startswith(home.rstrip("/") + "/") for home in own
    )
