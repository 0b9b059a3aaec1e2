"""Recorded machines: a tree of /proc, /sys, /etc and what commands printed there.

`tests/machines/<name>/` holds `root/` (the tree) and `machine.json`:
`{"env": {...}, "commands": {"<Command.name>": {"state": "done", "code": 0, "stdout": "...", "stderr": ""}}}`.
A command that was not recorded is absent.
"""

from __future__ import annotations

import json
from pathlib import Path

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result

MACHINES = Path(__file__).parent / "machines"


def recorded(name: str) -> Machine:
    """The recorded machine of that name."""
    folder = MACHINES / name
    described = json.loads((folder / "machine.json").read_text())
    commands = described.get("commands", {})

    def replay(command: Command) -> Result:
        answer = commands.get(command.name)
        if answer is None:
            return Result(state="absent", stderr=f"{command.argv[0]}: not found")
        return Result(**{"state": "done", "code": 0, **answer})

    return Machine(root=folder / "root", env=described.get("env", {}), run=replay)
