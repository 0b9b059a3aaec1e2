"""Small machines that a test writes itself, for what no recorded machine shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from envkit.core.machine import Machine
from envkit.core.proc import Command, Result


def tree(
    root: Path,
    files: Mapping[str, str | bytes],
    env: Mapping[str, str] | None = None,
    commands: Mapping[str, Result] | None = None,
) -> Machine:
    """A machine of these files (a name that ends in `/` is an empty folder) and these answers of commands."""
    for path, content in files.items():
        place = root / path.lstrip("/")
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def replay(command: Command) -> Result:
        return (commands or {}).get(command.name) or Result(state="absent")

    return Machine(root=root, env=env or {}, run=replay)
