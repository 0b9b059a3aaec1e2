"""Looks at PATH and at directories that may hang, through `look_child.py`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from envkit.core import proc
from envkit.core.machine import Machine
from envkit.core.proc import Command
from envkit.facts.shared_look import SharedLook, failed, lines

_CHILD = Path(__file__).with_name("look_child.py")
LIMIT = 0.8
"""Seconds that the child gives each item."""
_START = 0.6
"""Seconds more that the child itself may take to start and to end."""

LookState = Literal["ok", "absent", "timeout", "denied", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """What statvfs says of a directory; sizes are bytes."""

    state: LookState
    """`absent` = the directory is not there; the figures are those of its nearest parent that is."""
    real: str | None = None
    """The directory looked at, without symbolic links."""
    total: int | None = None
    free: int | None = None
    """For an ordinary user."""
    inodes_total: int | None = None
    """0 where the file system makes inodes as needed."""
    inodes_free: int | None = None
    read_only: bool | None = None
    writable: bool | None = None
    seconds: float | None = None


def which(machine: Machine, names: Sequence[str]) -> dict[str, str | None] | None:
    """Where programs are on the machine's PATH.

    Returns None when nothing could be looked at. Of each name: its path, an empty string when it is not on
    PATH, None when a directory of PATH did not answer in time.
    """
    answers = _look(machine, "which", names)
    if answers is None:
        return None
    found: dict[str, str | None] = dict.fromkeys(names)
    for answer in answers:
        name, path = answer.get("which"), answer.get("found")
        if isinstance(name, str) and name in found and isinstance(path, str):
            found[name] = path
    return found


def spaces(machine: Machine, paths: Sequence[str]) -> dict[str, Space] | None:
    """`Space` of each path; None when nothing could be looked at.

    A path of which the child said nothing is a `timeout` when it spoke of others; a child that was too late
    to say anything proves nothing about its paths.
    """
    answers = _look(machine, "statfs", tuple(dict.fromkeys(paths)))
    if answers is None:
        return None
    found = {path: Space(state="timeout" if answers else "failed") for path in paths}
    for answer in answers:
        path = answer.get("statfs")
        if isinstance(path, str) and path in found:
            found[path] = _space(answer)
    return found


def _space(answer: dict[str, Any]) -> Space:
    state = _STATES.get(str(answer.get("state")), "failed")
    values = {
        name: value
        for name, kind in _KINDS.items()
        if isinstance(value := answer.get(name), kind) and (kind is bool or not isinstance(value, bool))
    }
    return Space(state=state, **values)


_STATES: dict[str, LookState] = {
    "ok": "ok",
    "absent": "absent",
    "timeout": "timeout",
    "denied": "denied",
}
_KINDS: dict[str, Any] = {
    "real": str,
    "total": int,
    "free": int,
    "inodes_total": int,
    "inodes_free": int,
    "read_only": bool,
    "writable": bool,
    "seconds": int | float,
}


def looking(machine: Machine, names: Iterable[str], paths: Iterable[str]) -> Machine:
    """The machine, on which one child already looks at what probes will ask `which` and `spaces` for.

    What they ask for beyond that, another child looks at. Only here are answers heard as they come;
    on others it is left to each probe.
    """
    request = {"which": tuple(dict.fromkeys(names)), "statfs": tuple(dict.fromkeys(paths))}
    items = [(kind, item) for kind, asked in request.items() for item in asked]
    if not items or not machine.python or machine.run is not proc.run:
        return machine
    return replace(machine, run=SharedLook(_command(machine, "look", request), items))


def _look(machine: Machine, kind: str, items: Sequence[str]) -> list[dict[str, Any]] | None:
    """The child's answers; what it had printed before its own limit counts."""
    shared = machine.run if isinstance(machine.run, SharedLook) else None
    known = [item for item in items if shared is not None and shared.holds((kind, item))]
    others = [item for item in items if item not in known]
    answers: list[dict[str, Any]] = []
    if shared is not None and known:
        found = shared.answers((kind, item) for item in known)
        if found is None:
            return None
        answers += found
    if others or not known:
        if not machine.python:
            return None
        result = machine.run(_command(machine, kind, {kind: others}))
        if failed(result):
            return None
        answers += lines(result.stdout)
    return answers


def _command(machine: Machine, name: str, request: dict[str, Any]) -> Command:
    told = {**request, "path": machine.env.get("PATH", os.defpath), "limit": LIMIT}
    return Command(
        name=name,
        argv=(machine.python, "-I", "-S", machine.place(_CHILD)),
        limit=LIMIT + _START,
        stdin=json.dumps(told).encode(),
    )
