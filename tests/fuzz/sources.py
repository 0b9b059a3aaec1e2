"""What is damaged: everything that the tests have recorded of what a person can give to envkit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from envkit.causes.signatures import signatures
from envkit.core.codec import dumps, to_json
from tests.cli.commands import ROOT
from tests.doctor.machines import HEALTHY
from tests.match.innocent import TEXTS

SAMPLES = ROOT / "tests/facts/importers/samples"
SNAPSHOTS = ROOT / "tests/snapshots"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Whole inputs, none of which is wrong."""

    snapshots: tuple[bytes, ...]
    pastes: tuple[bytes, ...]
    errors: tuple[bytes, ...]

    @property
    def reports(self) -> tuple[bytes, ...]:
        """What `--from` takes."""
        return self.snapshots * 2 + self.pastes

    @property
    def all(self) -> tuple[bytes, ...]:
        """Everything; messages are many, and a snapshot or a paste is taken more often than all of them."""
        return self.snapshots * 25 + self.pastes * 12 + self.errors


def _recorded(folder: Path) -> list[bytes]:
    data = [path.read_bytes() for path in sorted(folder.glob("**/*.json"))]
    return [one for one in data if str(json.loads(one).get("schema", "")).startswith("envkit.snapshot/")]


def _answer(snapshot: dict[str, Any]) -> bytes:
    """What `envkit doctor --json -v` printed."""
    whole = {"schema": "envkit.doctor/1", "verdict": "healthy", "findings": [], "snapshot": snapshot}
    return dumps(whole).encode()


@cache
def sources() -> Sources:
    """All of them, read once a process."""
    made = [to_json(machine()) for machine in HEALTHY]
    snapshots = [*_recorded(SNAPSHOTS), *(dumps(one).encode() for one in made), _answer(made[0])]
    # One message a signature, and a log in which it stands among others.
    messages = [f"Traceback (most recent call last):\n  ...\n{s.example}\n".encode() for s in signatures()]
    logs = [text.encode() for text in TEXTS.values()]
    return Sources(
        snapshots=tuple(snapshots),
        pastes=tuple(path.read_bytes() for path in sorted(SAMPLES.iterdir())),
        errors=(*messages, *logs),
    )
