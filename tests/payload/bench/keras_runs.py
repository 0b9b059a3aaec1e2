"""Real runs of the payload's bench with TensorFlow."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.coverage_notes import require

ROOT = Path(__file__).parents[3]
PAYLOAD = ROOT / "envkit" / "payload"
SHORT = {"framework": "tensorflow", "device": "cpu", "scale": "quick", "seconds": 0.2, "warmup": 0.3}
LIMIT = 400
"""Seconds: TensorFlow traces slowly on a busy machine."""


def tensorflow_python() -> Path:
    """The Python of the TensorFlow environment."""
    python = ROOT / ".venv-tensorflow" / "bin" / "python"
    require("TensorFlow (make tensorflow)", python.exists())
    return python


@dataclass(frozen=True)
class Bench:
    """What a `bench` printed."""

    lines: list[dict]
    code: int
    stderr: str

    def all(self, kind: str, workload: str | None = None) -> list[dict]:
        """Lines of a kind, of one workload where it is named."""
        return [
            line
            for line in self.lines
            if line["kind"] == kind and (workload is None or line.get("workload") == workload)
        ]

    def one(self, kind: str, workload: str | None = None) -> dict:
        """The only such line."""
        (found,) = self.all(kind, workload)
        return found


def command(job: dict) -> list[str]:
    return [str(tensorflow_python()), str(PAYLOAD), "bench", "--job", json.dumps({**SHORT, **job})]


def bench(job: dict, *, env: dict[str, str] | None = None) -> Bench:
    """Run a job to its end."""
    done = subprocess.run(
        command(job),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, **(env or {})},
    )
    # Nothing but JSON lines may stand there.
    return Bench(
        [json.loads(line) for line in done.stdout.splitlines() if line], done.returncode, done.stderr
    )


@cache
def models() -> Bench:
    """The four small models in one process: read by several tests."""
    return bench({"workloads": ["mlp", "cnn", "rnn", "transformer"]})


def script(python: Path | str, name: str, *arguments: str) -> dict:
    """The JSON that a script of this folder's `inside/` prints in that Python."""
    path = Path(__file__).parent / "inside" / name
    done = subprocess.run(
        [str(python), str(path), str(PAYLOAD), *arguments],
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
