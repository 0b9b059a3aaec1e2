"""The watcher's lines to traces, one a process of the script."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from envkit.diagnose import fatal
from envkit.diagnose.read_process import Process, process_of
from envkit.diagnose.trace import Trace

_MAX_LINE = 4 << 20
_MAX_LINES = 200_000
_MAX_FATAL = 1 << 20


def read(folder: str) -> tuple[Trace, ...]:
    """All traces of a folder, the one that trained longest first.

    What a copy of a process saw while it repeated a step belongs to that process.
    """
    found: dict[int, Process] = {}
    for name in sorted(os.listdir(folder)):
        number, dot, rest = name.partition(".")
        if dot and rest == "jsonl" and number.isdigit():
            found[int(number)] = process = process_of(lines(os.path.join(folder, name)))
            process.fields["pid"] = int(number)
            _fatal(found[int(number)], os.path.join(folder, f"{number}.fatal"))
    for process in tuple(found.values()):
        if process.of is not None and process.of in found:
            found[process.of].adopt(process)
    workers: dict[int, list[Process]] = {}
    for process in found.values():
        if process.worker_of is not None:
            workers.setdefault(process.worker_of, []).append(process)
    traces = [
        process.trace(workers.get(number, ()))
        for number, process in found.items()
        if process.of is None and process.worker_of is None
    ]
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


def _fatal(process: Process, path: str) -> None:
    """Take what a fatal signal left, where one did."""
    if process.fields.get("whole"):  # then it was a child that the script forked
        return
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            crash = fatal.crash(file.read(_MAX_FATAL))
    except OSError:
        return
    if crash is not None:
        process.fields["crash"] = crash
