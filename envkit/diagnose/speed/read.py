"""The watcher's lines about time to a value."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from envkit.diagnose.speed.trace import (
    Compilation,
    Frame,
    Loader,
    Moment,
    Sample,
    Settings,
    SpeedTrace,
    StepTimes,
    Worker,
)

_PHASES = ("wait", "backward", "optimizer")
_MICRO = 1e-6
_UNKNOWN = (Frame(file="", line=0, function="?", users=False),)


@dataclass(slots=True)
class Gathered:
    """What the lines of one process said so far."""

    times: tuple[list[float], list[float], list[float]] = field(default_factory=lambda: ([], [], []))
    seen: bool = False
    """Whether any step told its phases."""
    stacks: dict[int, tuple[Frame, ...]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    beside: list[Sample] = field(default_factory=list)
    """Of threads that run Python for a pipeline."""
    moments: list[Moment] = field(default_factory=list)
    loaders: dict[int, Loader] = field(default_factory=dict)
    workers: dict[int, Worker] = field(default_factory=dict)
    settings: Settings | None = None
    compilations: list[tuple[Compilation, float | None]] = field(default_factory=list)
    """With the instant at which it was over, where the compiler tells it later: its step is found by that."""
    since: float | None = None
    looking: float | None = None
    blind: list[str] = field(default_factory=list)

    def value(self, workers: Iterable[Gathered] = (), ended: Sequence[float] = ()) -> SpeedTrace:
        """All of it. workers: what its data workers said; ended: instants at which the steps ended."""
        stacks, seen = _numbered(self.stacks, [*self.samples, *self.beside], 0)
        samples, theirs = seen[: len(self.samples)], seen[len(self.samples) :]
        known = dict(self.workers)
        for one in workers:
            more, found = _numbered(one.stacks, one.samples, len(stacks))
            stacks += more
            theirs += found
            known.update(one.workers)
        owners = {pid: loader.number for loader in self.loaders.values() for pid in loader.pids}
        wait, backward, optimizer = (tuple(one) for one in self.times)
        return SpeedTrace(
            times=StepTimes(wait=wait, backward=backward, optimizer=optimizer) if self.seen else StepTimes(),
            stacks=tuple(stacks),
            samples=tuple(samples),
            worker_samples=tuple(theirs),
            moments=tuple(self.moments),
            loaders=tuple(self.loaders[number] for number in sorted(self.loaders)),
            workers=tuple(replace(one, loader=owners.get(one.pid, one.loader)) for one in known.values()),
            settings=self.settings,
            compilations=tuple(
                one if over is None else replace(one, step=bisect_left(ended, over))
                for one, over in self.compilations
            ),
            training_from=self.since,
            looking=self.looking,
            blind=tuple(self.blind),
        )


def _numbered(
    stacks: dict[int, tuple[Frame, ...]], samples: Iterable[Sample], first: int
) -> tuple[list[tuple[Frame, ...]], list[Sample]]:
    """Stacks in a row, from `first` on, and samples that point to their places."""
    places: dict[int, int] = {}
    found: list[tuple[Frame, ...]] = []
    kept: list[Sample] = []
    for sample in samples:
        if sample.stack not in places:
            places[sample.stack] = first + len(found)
            found.append(stacks.get(sample.stack, _UNKNOWN))
        kept.append(replace(sample, stack=places[sample.stack]))
    return found, kept


def steps(gathered: Gathered, line: dict[str, Any]) -> None:
    """Of a line of steps: the seconds of their phases; zeros where it has none, so that places agree."""
    count = len(line["ended"])
    found = line.get("times")
    gathered.seen = gathered.seen or found is not None
    for place, kept in enumerate(gathered.times):
        own = [float(one) * _MICRO for one in found[place]] if found is not None else []
        kept += own if len(own) == count else [0.0] * count


def _stacks(gathered: Gathered, line: dict[str, Any]) -> None:
    for number, frames in line["new"]:
        found = tuple(
            Frame(file=str(file), line=int(place or 0), function=str(name), users=bool(users))
            for file, place, name, users in frames
        )
        gathered.stacks[int(number)] = found or _UNKNOWN
    for rows, kept in ((line["seen"], gathered.samples), (line.get("beside", ()), gathered.beside)):
        for step, phase, stack, seconds in rows:
            row = {"step": step, "phase": phase, "stack": stack, "seconds": float(seconds)}
            kept.append(msgspec.convert(row, Sample))


def _moment(gathered: Gathered, line: dict[str, Any]) -> None:
    gathered.moments.append(msgspec.convert(line, Moment, strict=False))


def _loader(gathered: Gathered, line: dict[str, Any]) -> None:
    """Each line of a loader tells all of it anew."""
    found = msgspec.convert({**line, "kind": line["type"], "stack": _frames(line)}, Loader, strict=False)
    gathered.loaders[found.number] = found


def _frames(line: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"file": file, "line": place, "function": name, "users": True}
        for file, place, name in line.get("stack", ())
    ]


def _worker(gathered: Gathered, line: dict[str, Any]) -> None:
    found = msgspec.convert(line, Worker, strict=False)
    gathered.workers[found.pid] = found


def _settings(gathered: Gathered, line: dict[str, Any]) -> None:
    """Later lines add to earlier ones."""
    before = {} if gathered.settings is None else msgspec.to_builtins(gathered.settings)
    told = {name: value for name, value in line.items() if name not in ("kind", "at")}
    gathered.settings = msgspec.convert({**before, **told}, Settings, strict=False)


def _compiled(gathered: Gathered, line: dict[str, Any]) -> None:
    over = line.get("over")
    found = msgspec.convert(line, Compilation, strict=False)
    gathered.compilations.append((found, None if over is None else float(over)))


def _trains(gathered: Gathered, line: dict[str, Any]) -> None:
    # Where a script has two frameworks, that which trains.
    if gathered.since is None or line.get("since") is not None:
        gathered.since, gathered.looking = line.get("since"), line.get("looking")


def _blind(gathered: Gathered, line: dict[str, Any]) -> None:
    if line["what"] not in gathered.blind:
        gathered.blind.append(str(line["what"]))


TAKE: dict[str, Callable[[Gathered, dict[str, Any]], None]] = {
    "stacks": _stacks,
    "moment": _moment,
    "loader": _loader,
    "worker": _worker,
    "settings": _settings,
    "compiled": _compiled,
    "trains": _trains,
    "blind": _blind,
}
"""What is done with a line, by its kind. Each raises KeyError, TypeError, ValueError or
msgspec.ValidationError where the line is not as it should be."""
