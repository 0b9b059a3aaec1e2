"""The person's own files that a trace names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from envkit.diagnose.analyzers.crash import place
from envkit.diagnose.recording import SourceFile
from envkit.diagnose.speed.trace import Settings, SpeedTrace
from envkit.diagnose.trace import Trace

_MAX_FILE = 4 << 20
_FILE = re.compile(r"(.+?):\d+(?:\s|$)")
"""`train.py:12 function`."""


def sources(traces: Sequence[Trace]) -> tuple[SourceFile, ...]:
    """Those that can be read, as they are: line ends are kept."""
    found = []
    for path in dict.fromkeys(path for trace in traces for path in _named(trace)):
        try:
            with open(path, encoding="utf-8", newline="") as file:
                found.append(SourceFile(path=path, text=file.read(_MAX_FILE)))
        except (OSError, ValueError):  # gone, forbidden, no text; `<stdin>`
            continue
    return tuple(found)


def _named(trace: Trace) -> Iterator[str]:
    for event in trace.events:
        yield from (frame[0] for frame in event.stack)
    for optimizer in trace.optimizers:
        yield from (frame[0] for frame in optimizer.stack)
    if trace.crash is not None:
        if (file := place(trace.crash).file) is not None:
            yield file
        yield from (frame.file for frame in trace.crash.frames if frame.users)
    yield from _timed(trace.speed)


def _timed(speed: SpeedTrace) -> Iterator[str]:
    """Where the time goes: stacks of the training and of its data workers, and what made the loaders."""
    stacks = (*speed.stacks, *(loader.stack for loader in speed.loaders))
    yield from (frame.file for stack in stacks for frame in stack if frame.users)
    places = (*(one.what for one in speed.compilations), *(speed.settings or Settings()).attention)
    yield from (
        found[1] for place in places if "-packages/" not in place and (found := _FILE.match(place))
    )  # what is compiled may be a library's
