"""The payload as seen from the host: how it is started, and what its lines mean.

The payload prints JSON lines `{"kind": ..., ...}`. Lines that are not of that form come from the target's own
start-up (a .pth file, sitecustomize) and are passed over.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.core.text import one_line

MAIN = Path(__file__).resolve().parent.parent / "payload" / "__main__.py"
"""Started by path. Not as a directory: that would make Python import runpy, which a stray file can hide."""

_MAX_LINES = 100_000


def command(
    machine: Machine, executable: str, arguments: tuple[str, ...], *, name: str, limit: float
) -> Command:
    """What to run. The target gets the machine's own environment: its PYTHONPATH is what we look for.

    name: what a recorded machine knows the command by. limit: seconds.
    """
    return Command(
        name=name,
        argv=(executable, machine.place(MAIN), *arguments),
        limit=limit,
        # Reads are read-only: no __pycache__ in a person's environment.
        env={**machine.env, "PYTHONDONTWRITEBYTECODE": "1"},
    )


def lines(stdout: str) -> Iterator[dict[str, Any]]:
    """The payload's lines, in order; a last line cut short by a crash is left out."""
    for text in stdout.split("\n")[:_MAX_LINES]:
        if not text.startswith('{"kind": "'):
            continue
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and isinstance(line.get("kind"), str):
            yield line


def how_it_ended(result: Result) -> str | None:
    """One line on why the child is not to be trusted to have finished, or None when it ended well."""
    if result.state == "timeout":
        return f"gave no answer within {result.seconds:.1f} s"
    if result.state != "done":
        return one_line(result.stderr) or result.state
    if result.code is not None and result.code < 0:
        return f"was ended by {signal_name(-result.code)}"
    if result.code:
        last = next((line for line in reversed(result.stderr.splitlines()) if line.strip()), "")
        return one_line(
            f"ended with exit code {result.code}: {last}" if last else f"ended with exit code {result.code}"
        )
    return None


def signal_name(number: int) -> str:
    """`SIGSEGV (segmentation fault)`."""
    try:
        named = signal.Signals(number)
    except ValueError:
        return f"signal {number}"
    text = signal.strsignal(number)
    return f"{named.name} ({text.lower()})" if text else named.name
