"""Plain values changed at depth."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from envkit.facts.model import EnvVar, ProbeStatus, Snapshot
from envkit.facts.python_model import Distribution

_PART = re.compile(r"(\w+)((?:\[(?:\d+|\*)\])*)")


def changed(snapshot: Snapshot, *pairs: Any) -> Snapshot:
    """A copy with other values: `changed(s, "nvml.gpus[0].name", "Tesla T4", "host.kernel", "6.8")`.

    `[*]` is every element of a tuple.
    """
    for path, value in zip(pairs[::2], pairs[1::2], strict=True):
        snapshot = _set(snapshot, _steps(path), value)
    return snapshot


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in path.split("."):
        match = _PART.fullmatch(part)
        assert match is not None, path
        steps.append(match[1])
        steps += [-1 if index == "*" else int(index) for index in re.findall(r"\[(\d+|\*)\]", match[2])]
    return steps


def _set(value: Any, steps: list[str | int], new: Any) -> Any:
    if not steps:
        return new
    first, rest = steps[0], steps[1:]
    if isinstance(first, str):
        return replace(value, **{first: _set(getattr(value, first), rest, new)})
    return tuple(_set(item, rest, new) if first in (-1, at) else item for at, item in enumerate(value))


def with_env(snapshot: Snapshot, **variables: str) -> Snapshot:
    """With these environment variables besides those that are set."""
    kept = tuple(var for var in snapshot.env or () if var.name not in variables)
    return replace(
        snapshot, env=kept + tuple(EnvVar(name=name, value=value) for name, value in variables.items())
    )


def with_packages(snapshot: Snapshot, *packages: Distribution) -> Snapshot:
    """With these distributions in place of those of the same names."""
    names = {package.name for package in packages}
    assert snapshot.python is not None and snapshot.python.distributions is not None
    kept = tuple(d for d in snapshot.python.distributions if d.name not in names)
    return changed(snapshot, "python.distributions", kept + packages)


def without_packages(snapshot: Snapshot, *patterns: str) -> Snapshot:
    """Without the distributions whose names match one of the patterns."""
    assert snapshot.python is not None and snapshot.python.distributions is not None
    kept = tuple(
        d for d in snapshot.python.distributions if not any(re.fullmatch(p, d.name) for p in patterns)
    )
    return changed(snapshot, "python.distributions", kept)


WHY = "the probe stumbled over a stone"
"""Detail of a probe that could not read."""


def unread(snapshot: Snapshot, *fields: str, probe: str | None = None) -> Snapshot:
    """With None in these fields, and a probe that says why; its name is that of the first field's start."""
    name = probe or fields[0].partition(".")[0]
    status = ProbeStatus(name=name, state="failed", detail=WHY)
    probes = (*(p for p in snapshot.probes if p.name != name), status)
    return changed(replace(snapshot, probes=probes), *(x for field in fields for x in (field, None)))
