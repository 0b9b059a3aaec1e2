"""The watcher's lines to traces, one a process of the script."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from envkit.diagnose.trace import Batch, Event, Optimizer, Rows, Steps, Trace, Trial, Trip, Values

_MAX_LINE = 4 << 20
_MAX_LINES = 200_000
_VALUES = ("shape", "dtype", "nan", "inf", "minus_inf", "min", "max", "mean", "zeros", "at")


def read(folder: str) -> tuple[Trace, ...]:
    """All traces of a folder, the one that trained longest first.

    What a copy of a process saw while it repeated a step belongs to that process.
    """
    found: dict[int, _Process] = {}
    for name in sorted(os.listdir(folder)):
        number, dot, rest = name.partition(".")
        if dot and rest == "jsonl" and number.isdigit():
            found[int(number)] = _process(lines(os.path.join(folder, name)))
    for process in tuple(found.values()):
        if process.of is not None and process.of in found:
            found[process.of].adopt(process)
    traces = [process.trace() for process in found.values() if process.of is None]
    return tuple(sorted(traces, key=lambda one: len(one.steps.ended), reverse=True))


def lines(path: str) -> Iterator[dict[str, Any]]:
    """The lines of one file; a last one that was cut short is left out."""
    with open(path, "rb") as file:
        for number, line in enumerate(file):
            if number >= _MAX_LINES:
                return
            if len(line) > _MAX_LINE or not line.endswith(b"\n"):
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                yield value


@dataclass(slots=True)
class _Process:
    of: int | None = None
    """The process that this one is a copy of."""
    fields: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, list[Any]] = field(
        default_factory=lambda: {"loss": [], "grad": [], "lr": [], "ended": []}
    )
    events: list[Event] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    optimizers: list[Optimizer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def adopt(self, copy: _Process) -> None:
        """Take what a copy saw."""
        self.events += copy.events
        self.batches += copy.batches
        self.faults += copy.faults

    def trace(self) -> Trace:
        """All of it as one value."""
        steps = Steps(
            loss=tuple(map(_number, self.steps["loss"])),
            gradient=tuple(map(_number, self.steps["grad"])),
            rate=tuple(map(_number, self.steps["lr"])),
            ended=tuple(float(one) for one in self.steps["ended"]),
        )
        return Trace(
            steps=steps,
            events=tuple(self.events),
            batches=tuple(self.batches),
            trials=tuple(self.trials),
            optimizers=tuple(self.optimizers),
            faults=tuple(self.faults),
            **self.fields,
        )


def _process(found: Iterable[dict[str, Any]]) -> _Process:
    process = _Process()
    for line in found:
        take = _TAKE.get(str(line.get("kind")))
        if take is not None:
            try:
                take(process, line)
            except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
                process.faults.append(f"a line of the trace cannot be read: {error}")
    return process


def _start(process: _Process, line: dict[str, Any]) -> None:
    process.fields["argv"] = tuple(map(str, line["argv"]))


def _copy(process: _Process, line: dict[str, Any]) -> None:
    process.of = int(line["of"])


def _framework(process: _Process, line: dict[str, Any]) -> None:
    process.fields.update(framework=str(line["name"]), version=str(line["version"]))


def _steps(process: _Process, line: dict[str, Any]) -> None:
    for name, kept in process.steps.items():
        kept += line[name]


def _trip(process: _Process, line: dict[str, Any]) -> None:
    process.fields["trip"] = msgspec.convert({name: line[name] for name in ("what", "value", "step")}, Trip)


def _replay(process: _Process, line: dict[str, Any]) -> None:
    process.fields["replay"] = str(line["state"])


def _event(process: _Process, line: dict[str, Any]) -> None:
    line = {**line, "parents": line.get("from", ())}
    process.events.append(msgspec.convert(line, Event))


def _batch(process: _Process, line: dict[str, Any]) -> None:
    values = msgspec.convert({name: line[name] for name in _VALUES if name in line}, Values)
    bad = None if line.get("bad") is None else msgspec.convert(line["bad"], Rows)
    process.batches.append(
        Batch(model=str(line["model"]), argument=int(line["argument"]), values=values, bad=bad)
    )


def _trial(process: _Process, line: dict[str, Any]) -> None:
    process.trials.append(msgspec.convert({**line, "arguments": line.get("with", {})}, Trial))


def _optimizer(process: _Process, line: dict[str, Any]) -> None:
    process.optimizers.append(msgspec.convert(line, Optimizer))


def _watched(process: _Process, line: dict[str, Any]) -> None:
    process.fields.update(own_seconds=float(line["own_seconds"]), seconds=float(line["seconds"]))


def _end(process: _Process, line: dict[str, Any]) -> None:
    process.fields.update(error=line.get("error"), error_type=line.get("error_type"))


def _fault(process: _Process, line: dict[str, Any]) -> None:
    process.faults.append(f"{line['where']}: {line['error']}")


_TAKE = {
    "process": _start,
    "copy": _copy,
    "framework": _framework,
    "optimizer": _optimizer,
    "steps": _steps,
    "trip": _trip,
    "replay": _replay,
    "event": _event,
    "batch": _batch,
    "trial": _trial,
    "watched": _watched,
    "end": _end,
    "watcher-fault": _fault,
}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
