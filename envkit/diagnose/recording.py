"""What `envkit diagnose` saw of a run: the value that `--save` writes and `--from` judges."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from envkit.core.codec import loads, read_input, to_json
from envkit.core.redact import Identity, saved, secrets
from envkit.core.text import encodable
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import Gain, ScriptEnd
from envkit.diagnose.speed.model import MachineCeiling
from envkit.diagnose.trace import Trace
from envkit.target.conditions import Conditions

_LARGEST = 1 << 18
"""Characters of a source file that is saved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """A file of the person's own that the trace names."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """One run."""

    command: str
    """As a shell takes it."""
    processes: tuple[Trace, ...]
    """Those that the watcher was in, the one that trained longest first."""
    script: ScriptEnd
    folder: str = ""
    """The working directory."""
    image: str | None = None
    memory: MemoryUse | None = None
    conditions: Conditions | None = None
    """What the machine was like meanwhile."""
    ceiling: MachineCeiling | None = None
    """What it gave right after the run, where that was measured."""
    tried: tuple[Gain, ...] = ()
    """What changes gained that were tried, or why there is no figure."""
    files: tuple[SourceFile, ...] = ()
    schema: str = "envkit.trace/1"

    @property
    def sources(self) -> dict[str, str]:
        """Texts of the person's files by path."""
        return {one.path: one.text for one in self.files}


def to_saved(recording: Recording) -> Any:
    """JSON without secrets and names, numbers that are not finite as text."""
    value = to_json(recording)
    value["command"] = secrets(value["command"])
    for process in value["processes"]:
        process["argv"] = _hidden(process["argv"])
    value["files"] = [one for one in value["files"] if len(one["text"]) <= _LARGEST]
    return saved(_written(value), Identity.here())


def from_saved(source: str) -> Recording:
    """What `to_saved` made, from a file or `-`. Raises BadInputError."""
    where = "standard input" if source == "-" else source
    return loads(Recording, read_input(source), name="trace", where=where, strict=False).value


def shown(value: Any) -> Any:
    """JSON for a person or a program on this machine: without secrets, with paths as they are."""
    if isinstance(value, str):
        return secrets(encodable(value))
    if isinstance(value, Mapping):
        return {key: shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    return value


def _hidden(argv: Sequence[str]) -> list[str]:
    """A secret may stand in the word after its option."""
    told = secrets(shlex.join(argv))
    try:
        return shlex.split(told)
    except ValueError:
        return [told]


def _written(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _written(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_written(one) for one in value]
    return value
