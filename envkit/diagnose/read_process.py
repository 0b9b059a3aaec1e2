"""The lines of one process, as the watcher wrote them, to its trace."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from envkit.diagnose.speed import read as speed
from envkit.diagnose.trace import (
    Activation,
    Again,
    Given,
    Layer,
    Optimizer,
    Reach,
    Steps,
    Trace,
    Trial,
    Trip,
    Wide,
)
from envkit.diagnose.trace_crash import Crash
from envkit.diagnose.trace_step import (
    Arrival,
    Batch,
    Event,
    Field,
    NumpyCall,
    Rows,
    Spoilt,
    Update,
    Values,
    Weight,
)

_COLUMNS = ("loss", "grad", "lr", "ended")
_RARE = ("scale", "clip", "skipped")
_LATE = {"loss": "loss", "gradient": "grad"}
_VALUES = ("shape", "dtype", "nan", "inf", "minus_inf", "min", "max", "mean", "zeros", "at")


@dataclass(slots=True)
class Process:
    """What the lines said so far."""

    of: int | None = None
    """The process that this one is a copy of."""
    fields: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in (*_COLUMNS, *_RARE)})
    events: list[Event] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    arrival: Arrival | None = None
    weights: tuple[Weight, ...] = ()
    numpy: list[NumpyCall] = field(default_factory=list)
    data: list[Field] = field(default_factory=list)
    spoilt: list[Spoilt] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    wide: list[Wide] = field(default_factory=list)
    late: list[tuple[int, str, float]] = field(default_factory=list)
    """Step, what, value: those that came from a device after their step was written."""
    trials: list[Trial] = field(default_factory=list)
    optimizers: list[Optimizer] = field(default_factory=list)
    schedules: list[Optimizer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    reach: list[Reach] = field(default_factory=list)
    again: list[Again] = field(default_factory=list)
    speed: speed.Gathered = field(default_factory=speed.Gathered)
    worker_of: int | None = None
    """The process that this one is a data worker of."""

    def adopt(self, copy: Process) -> None:
        """Take what a copy saw."""
        self.events += copy.events
        self.batches += copy.batches
        self.arrival = copy.arrival or self.arrival
        self.weights = copy.weights or self.weights
        self.numpy += copy.numpy
        self.data += copy.data
        self.spoilt += copy.spoilt
        self.updates += copy.updates
        self.faults += copy.faults

    def trace(self, workers: Iterable[Process] = ()) -> Trace:
        """All of it as one value. workers: its data workers."""
        for step, what, value in self.late:
            kept = self.steps[_LATE[what]]
            if 0 <= step < len(kept):
                kept[step] = value
        steps = Steps(
            loss=tuple(map(_number, self.steps["loss"])),
            gradient=tuple(map(_number, self.steps["grad"])),
            rate=tuple(map(_number, self.steps["lr"])),
            ended=tuple(float(one) for one in self.steps["ended"]),
            scale=_some(self.steps["scale"]),
            clipped=_some(self.steps["clip"]),
            skipped=tuple(step for step, left_out in enumerate(self.steps["skipped"]) if left_out),
        )
        return Trace(
            steps=steps,
            events=tuple(self.events),
            batches=tuple(self.batches),
            arrival=self.arrival,
            weights=self.weights,
            numpy=tuple(self.numpy),
            fields=tuple(self.data),
            spoilt=tuple(self.spoilt),
            updates=tuple(self.updates),
            wide=tuple(self.wide),
            trials=tuple(self.trials),
            optimizers=tuple(self.optimizers),
            schedules=tuple(self.schedules),
            faults=tuple(self.faults),
            reach=tuple(self.reach),
            again=tuple(self.again),
            speed=self.speed.value((one.speed for one in workers), steps.ended),
            **self.fields,
        )


def process_of(found: Iterable[dict[str, Any]]) -> Process:
    """Of all lines; one that cannot be read is a fault of the watcher, and the others are taken."""
    process = Process()
    for line in found:
        kind = str(line.get("kind"))
        take, timed = _TAKE.get(kind), speed.TAKE.get(kind)
        if take is not None or timed is not None:
            try:
                if take is not None:
                    take(process, line)
                if timed is not None:
                    timed(process.speed, line)
            except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
                process.faults.append(f"a line of the trace cannot be read: {error}")
    return process


def _start(process: Process, line: dict[str, Any]) -> None:
    process.fields["argv"] = tuple(map(str, line["argv"]))
    process.fields.update(seed=line.get("seed"), began=line.get("clock"))
    for name in ("parent", "rank", "world"):
        value = line.get(name)
        process.fields[name] = None if value is None else int(value)


def _rank(process: Process, line: dict[str, Any]) -> None:
    process.fields.update(rank=int(line["rank"]), world=int(line["world"]))


def _worker_of(process: Process, line: dict[str, Any]) -> None:
    process.worker_of = int(line["of"])


def _copy(process: Process, line: dict[str, Any]) -> None:
    process.of = int(line["of"])


def _framework(process: Process, line: dict[str, Any]) -> None:
    process.fields.update(framework=str(line["name"]), version=str(line["version"]))


def _steps(process: Process, line: dict[str, Any]) -> None:
    count = len(line["ended"])
    for name in _COLUMNS:
        if len(line[name]) != count:
            raise ValueError(f"{len(line[name])} values of {name} for {count} steps")
    for name, kept in process.steps.items():
        kept += line[name] if name in line and len(line[name]) == count else [None] * count
    speed.steps(process.speed, line)


def _trip(process: Process, line: dict[str, Any]) -> None:
    process.fields["trip"] = msgspec.convert({name: line[name] for name in ("what", "value", "step")}, Trip)


def _replay(process: Process, line: dict[str, Any]) -> None:
    process.fields["replay"] = str(line["state"])


def _event(process: Process, line: dict[str, Any]) -> None:
    line = {**line, "parents": line.get("from", ())}
    process.events.append(msgspec.convert(line, Event))


def _spread(process: Process, line: dict[str, Any]) -> None:
    """Which samples an event is of, where only what came of it shows that."""
    for place, event in enumerate(process.events):
        if event.number == line["event"] and event.rows is None:
            process.events[place] = dataclasses.replace(event, rows=msgspec.convert(line["rows"], Rows))


def _batch(process: Process, line: dict[str, Any]) -> None:
    values = msgspec.convert({name: line[name] for name in _VALUES if name in line}, Values)
    rows = {name: msgspec.convert(line[name], Rows) for name in ("bad", "far") if line.get(name) is not None}
    process.batches.append(
        Batch(
            model=str(line["model"]),
            argument=int(line["argument"]),
            values=values,
            name=line.get("name"),
            **rows,
        )
    )


def _reached(process: Process, line: dict[str, Any]) -> None:
    process.arrival = msgspec.convert(line, Arrival)


def _weights(process: Process, line: dict[str, Any]) -> None:
    process.weights = tuple(msgspec.convert(one, Weight) for one in line["largest"])


def _numpy(process: Process, line: dict[str, Any]) -> None:
    process.numpy.append(msgspec.convert(line, NumpyCall))


def _field(process: Process, line: dict[str, Any]) -> None:
    process.data.append(msgspec.convert(line, Field))


def _state(process: Process, line: dict[str, Any]) -> None:
    for one in line["bad"]:
        values = msgspec.convert({name: one[name] for name in _VALUES if name in one}, Values)
        known = {name: one.get(name) for name in ("name", "part", "untouched")}
        process.spoilt.append(msgspec.convert({**known, "values": values}, Spoilt))


def _update(process: Process, line: dict[str, Any]) -> None:
    process.updates.append(msgspec.convert(line, Update))


def _trial(process: Process, line: dict[str, Any]) -> None:
    process.trials.append(msgspec.convert({**line, "arguments": line.get("with", {})}, Trial))


def _reach(process: Process, line: dict[str, Any]) -> None:
    process.reach.append(msgspec.convert(line, Reach))


def _candidates(process: Process, line: dict[str, Any]) -> None:
    process.fields["candidates"] = tuple(dict(one) for one in line["changes"])


def _again(process: Process, line: dict[str, Any]) -> None:
    process.again.append(msgspec.convert(line, Again))


def _optimizer(process: Process, line: dict[str, Any]) -> None:
    process.optimizers.append(msgspec.convert(line, Optimizer))


def _schedule(process: Process, line: dict[str, Any]) -> None:
    process.schedules.append(msgspec.convert(line, Optimizer))


def _watched(process: Process, line: dict[str, Any]) -> None:
    process.fields.update(own_seconds=float(line["own_seconds"]), seconds=float(line["seconds"]))
    for name in ("hooks", "copies", "install", "replay"):
        process.fields[f"{name}_seconds"] = _number(line.get(name))


def _wide(process: Process, line: dict[str, Any]) -> None:
    names = [one.name for one in dataclasses.fields(Activation)]
    process.wide.append(
        Wide(
            step=int(line["step"]),
            parameters=tuple(
                Layer(name=str(name), gradient=float(one), weight=float(two), update=float(three))
                for name, one, two, three in line["parameters"]
            ),
            activations=tuple(
                msgspec.convert(dict(zip(names, one, strict=True)), Activation, strict=False)
                for one in line["activations"]
            ),
            inputs=tuple(msgspec.convert(one, Given, strict=False) for one in line["inputs"]),
        )
    )


def _late(process: Process, line: dict[str, Any]) -> None:
    process.late += [(int(step), str(what), float(value)) for step, what, value in line["values"]]


def _copies(process: Process, line: dict[str, Any]) -> None:
    process.fields["copies"] = bool(line["enough_memory"])


def _end(process: Process, line: dict[str, Any]) -> None:
    process.fields["whole"] = True
    if line.get("error_type") is not None:
        known = {name: line[name] for name in ("tensors", "layer", "memory") if line.get(name) is not None}
        frames = [
            dict(zip(("file", "line", "function", "users"), one, strict=True))
            for one in line.get("frames", ())
        ]
        told = {"type": line["error_type"], "text": line.get("error", ""), "frames": frames, **known}
        process.fields["crash"] = msgspec.convert(told, Crash)


def _stopped(process: Process, line: dict[str, Any]) -> None:
    process.fields["stopped"] = True


def _note(process: Process, line: dict[str, Any]) -> None:
    if line.get("where") == "copy":
        process.fields["uncopied"] = str(line["error"])


def _fault(process: Process, line: dict[str, Any]) -> None:
    process.faults.append(f"{line['where']}: {line['error']}")


_TAKE = {
    "process": _start,
    "rank": _rank,
    "copy": _copy,
    "worker-of": _worker_of,
    "framework": _framework,
    "optimizer": _optimizer,
    "schedule": _schedule,
    "steps": _steps,
    "trip": _trip,
    "replay": _replay,
    "event": _event,
    "batch": _batch,
    "spread": _spread,
    "reached": _reached,
    "weights": _weights,
    "numpy": _numpy,
    "trial": _trial,
    "field": _field,
    "state": _state,
    "update": _update,
    "reach": _reach,
    "again": _again,
    "candidates": _candidates,
    "watched": _watched,
    "wide": _wide,
    "late": _late,
    "copies": _copies,
    "end": _end,
    "stopped": _stopped,
    "note": _note,
    "watcher-fault": _fault,
}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _some(column: list[Any]) -> tuple[float | None, ...]:
    """() where there is nothing in it."""
    return tuple(map(_number, column)) if any(one is not None for one in column) else ()
