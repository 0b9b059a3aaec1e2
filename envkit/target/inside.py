"""The payload in an environment that was just made: what is installed there, what resolves, what computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envkit.core.proc import Result
from envkit.facts.probe import ProbeStop
from envkit.facts.python_model import DeepCheck, TargetPython
from envkit.target import deep, payload, probe

LIMIT = 300.0
"""Seconds for one question: the first import of a GPU build from a cold disk takes tens of them."""
_FOLDER = "/tmp/envkit-payload"

Run = Callable[[tuple[str, ...]], Result]
"""Starts `<python> <payload> ARGUMENTS` there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A shared library that cannot be found."""

    name: str
    needed_by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """What the payload said. None = it could not say."""

    python: TargetPython | None
    links_checked: int | None
    missing: tuple[Missing, ...] | None
    uid: int | None
    deep: DeepCheck
    trouble: tuple[str, ...] = ()
    """Why something could not be read."""


def payload_files() -> dict[str, bytes]:
    """The payload, by its paths in a container."""
    root = payload.MAIN.parent
    return {
        f"{_FOLDER}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*.py"))
    }


def payload_main() -> str:
    """The file to start in a container."""
    return f"{_FOLDER}/{payload.MAIN.name}"


def look(run: Run, framework: deep.Framework, executable: str) -> Inside:
    """Ask the three questions, each in a process of its own."""
    trouble: list[str] = []
    python: TargetPython | None = None
    try:
        python = probe.answered(run(("facts",)), executable)
    except ProbeStop as stop:
        python = (stop.value or {}).get("python") if isinstance(stop.value, dict) else None
        trouble.append(stop.detail)
    links = _links(run(("links", "--framework", framework)), trouble)
    check = deep.judged(run(("deep", "--framework", framework)), framework)
    missing = links.get("missing")
    return Inside(
        python=python,
        links_checked=links.get("checked"),
        missing=None if missing is None else tuple(Missing(**each) for each in missing),
        uid=links.get("uid"),
        deep=check,
        trouble=tuple(trouble),
    )


def _links(result: Result, trouble: list[str]) -> dict[str, Any]:
    for line in payload.lines(result.stdout):
        if line["kind"] == "links":
            return line
        if line["kind"] == "error":
            trouble.append(str(line.get("text")))
    ended = payload.how_it_ended(result)
    trouble.append(f"the check of shared libraries {ended or 'said nothing'}")
    return {}


def local_run(executable: str, environment: dict[str, str]) -> Run:
    """Starts the payload in a Python of this machine."""
    from envkit.core import proc
    from envkit.core.proc import Command

    def run(arguments: tuple[str, ...]) -> Result:
        env = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
        argv = (executable, str(Path(payload.MAIN)), *arguments)
        return proc.run(Command(name=arguments[0], argv=argv, limit=LIMIT, env=env))

    return run
