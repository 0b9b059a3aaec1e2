"""Repetitions of a script that are stopped and go on as they are told, each with all of its processes."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from envkit.core import proc
from envkit.diagnose.launch import INJECT
from envkit.diagnose.model import Change
from envkit.diagnose.repeat import FirstRun, prepared, unseen, written
from envkit.diagnose.scratch import Scratch
from envkit.diagnose.speed.family import AFTER, Family
from envkit.diagnose.speed.slices import Pace, Window, paces
from envkit.diagnose.trace import Trace

GUARD = INJECT.parent / "_envkit_payload" / "guard.py"
_KEPT = 300
"""Letters of an error message that are told."""


class Field:
    """Where repetitions take place: a folder for each, and a guard that ends them all when we are gone."""

    def __init__(self, run: FirstRun, traces: Sequence[Trace], limit: float) -> None:
        """limit: seconds for all of it. Raises OSError."""
        self.run = run
        self.traces = tuple(traces)
        self.limit = limit
        self._written = written(run, traces, unseen(run, traces))
        self._made = tempfile.TemporaryDirectory(prefix="envkit-turns-", ignore_cleanup_errors=True)
        self.folder = os.path.realpath(self._made.name)
        self._guard = proc.Conversation((sys.executable, "-I", str(GUARD), self.folder))
        self._arms: list[Arm] = []

    def __enter__(self) -> Field:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for arm in self._arms:
                arm.end()
        finally:
            self._guard.end()
            self._made.cleanup()

    def arm(self, changes: Sequence[Change], environment: Mapping[str, str]) -> Arm:
        """A repetition that has not begun. Raises OSError."""
        home = Path(self.folder) / str(len(self._arms))
        home.mkdir()
        scratch = Scratch(home, self.run.cwd, self._written)
        what = {"faster": [{"name": one.name, "value": one.value} for one in changes]}
        command, folder = prepared(self.run, self.traces, scratch, what, self.limit)
        command = replace(command, env={**(command.env or {}), **environment}, grace=0.0)
        self._arms.append(Arm(command, folder))
        return self._arms[-1]


@dataclass(slots=True)
class Seen:
    """What the trace of a repetition says so far."""

    ended: list[float] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    scale: float = 1.0
    trouble: str = ""
    place: int = 0
    """Bytes that were read."""

    def read(self, path: str) -> None:
        """Take what is new in a file."""
        with open(path, "rb") as file:
            file.seek(self.place)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self.place += whole
        for text in data[:whole].splitlines():
            try:
                self._take(json.loads(text))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                continue

    def _take(self, line: dict[str, Any]) -> None:
        kind = line.get("kind")
        if kind == "steps":
            ended = [float(one) for one in line["ended"]]
            losses = [float(one) if one is not None else None for one in line["loss"]]
            if len(ended) == len(losses):
                self.ended += ended
                self.losses += losses
        elif kind == "applied":
            self.counts.update({str(name): int(count) for name, count in line["counts"].items()})
            self.scale = float(line["scale"]) if float(line["scale"]) != 1.0 else self.scale
        elif kind == "unapplied":
            self.trouble = f"{line['name']} could not be applied: {line['error']}"
        elif kind == "watcher-fault":
            self.trouble = f"it could not be watched: {line['error']}"


class Arm:
    """One repetition. It goes from `begin` on until it is stopped."""

    def __init__(self, command: proc.Command, folder: str) -> None:
        self.family = Family(folder)
        self.windows: list[Window] = []
        self.result: proc.Result | None = None
        """How it ended, once it has."""
        self._command = command
        self._folder = folder
        self._seen: dict[str, Seen] = {}
        self._thread = threading.Thread(target=self._run, name="arm", daemon=True)
        self._going: float | None = None
        self._round: int | None = None

    def _run(self) -> None:
        self.result = proc.run(self._command)

    def begin(self) -> None:
        """Start it."""
        self._going = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Have it stand still."""
        at = self.family.stop()
        if self._going is not None:
            self.windows.append(Window(began=self._going, ended=max(at, self._going), round=self._round))
            self._going = None

    def slice(self, number: int, seconds: float) -> None:
        """Have it go for so many seconds, as its part of a round, or to its end."""
        self._going, self._round = self.family.go(), number
        try:
            self._thread.join(seconds)
        finally:
            self.stop()

    def wait(self, seconds: float, enough: Callable[[Seen], bool]) -> bool:
        """Let it go until that, for so many seconds at most."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.result is None:
            if enough(self.seen):
                return True
            self._thread.join(0.05)
        return enough(self.seen)

    @property
    def seen(self) -> Seen:
        """What it did so far: of the process that made the most steps."""
        for name in os.listdir(self._folder):
            if name.endswith(".jsonl"):
                self._seen.setdefault(name, Seen()).read(os.path.join(self._folder, name))
        return max(self._seen.values(), key=lambda one: len(one.ended), default=Seen())

    @property
    def counts(self) -> dict[str, int]:
        """How often each change had something to change, in all of its processes."""
        found: dict[str, int] = {}
        for one in self._seen.values():
            for name, count in one.counts.items():
                found[name] = found.get(name, 0) + count
        return found

    @property
    def scale(self) -> float:
        """Samples of a step, relative to those of the script as it is."""
        return next((one.scale for one in self._seen.values() if one.scale != 1.0), 1.0)

    @property
    def paces(self) -> dict[int, Pace]:
        """What it did in each round."""
        return paces(self.seen.ended, self.windows)

    @property
    def over(self) -> bool:
        """Whether it came to its end by itself."""
        return self.result is not None

    @property
    def failed(self) -> str:
        """Why it is of no use; empty where it goes on or ended well."""
        result = self.result
        if result is None or result.ok:
            return next((one.trouble for one in self._seen.values() if one.trouble), "")
        lines = [line.strip() for line in result.stderr.splitlines() if line.strip()]
        code = f"it ended with exit code {result.code}" if result.state == "done" else f"it {result.state}"
        return f"{code}: {lines[-1][:_KEPT]}" if lines else code

    def end(self) -> None:
        """Kill it, if it still is there."""
        self.family.kill()
        if self._thread.ident is not None:
            self._thread.join(AFTER)
