"""The corpus of training programs: what is in it, and what a program's output says."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIMIT = 100
"""Seconds that one program may take on a busy machine."""

NUMBER = re.compile(r"(?:loss|norm)\W+?([-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|nan|inf))\b", re.IGNORECASE)
STEP = re.compile(r"(?:step|iter|iteration|episode|update|batch)\W+(\d+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A row of truth.toml."""

    program: str
    key: str
    ops: tuple[str, ...]
    phase: str
    survives: int
    style: str
    thread: int
    accept: tuple[str, ...] = ()
    samples: bool = False
    files: tuple[str, ...] = ()
    error: str = ""
    falls: bool = True

    @property
    def path(self) -> Path:
        """The program."""
        return HERE / self.program

    @property
    def framework(self) -> str:
        """torch or tensorflow."""
        return framework(self.program)

    def lines(self) -> list[tuple[Path, int]]:
        """Guilty lines, as file and number from 1."""
        files = [HERE / name for name in self.files] or [self.path]
        return [
            (path, number)
            for path in files
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if line.endswith("# FAULT")
        ]


def framework(program: str) -> str:
    """Which framework a program below tests/scripts needs."""
    return "tensorflow" if program.split("/")[0].endswith("_keras") else "torch"


def faults() -> list[Fault]:
    """All rows of truth.toml."""
    rows = tomllib.loads((HERE / "truth.toml").read_text())["fault"]
    return [Fault(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}) for row in rows]


def programs(folder: str) -> list[str]:
    """Programs of a folder (what runs as a script), by path below tests/scripts."""
    found = sorted((HERE / folder).glob("*.py"))
    return [f"{folder}/{path.name}" for path in found if 'if __name__ == "__main__":' in path.read_text()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """How a program ended, and what it printed: steps with the losses and norms of their line."""

    code: int
    seconds: float
    text: str
    rows: tuple[tuple[int | None, tuple[float, ...]], ...]

    def first_bad(self) -> int | None:
        """Index in `rows` of the first line with a number that is not finite."""
        return next((i for i, row in enumerate(self.rows) if not all(map(math.isfinite, row[1]))), None)

    def fell(self) -> bool:
        """Whether the last eighth of the losses lies below the first on average."""
        part = max(1, len(self.rows) // 8)
        losses = [row[1][0] for row in self.rows]
        return sum(losses[-part:]) < sum(losses[:part])


def parse(text: str) -> tuple[tuple[int | None, tuple[float, ...]], ...]:
    """Lines of a program's output that hold a loss or a norm."""
    rows = []
    for line in text.splitlines():
        values = tuple(float(found) for found in NUMBER.findall(line))
        step = STEP.search(line)
        if values:
            rows.append((int(step.group(1)) if step else None, values))
    return tuple(rows)


@dataclass
class Runner:
    """Runs programs through forked.py in the environment of a framework."""

    framework: str
    scratch: Path
    server: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        python = ROOT / f".venv-{self.framework}" / "bin" / "python"
        environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self.server = subprocess.Popen(
            [str(python), str(HERE / "forked.py"), self.framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.scratch / "server.txt").open("w"),
            text=True,
            env=environ,
        )

    def run(self, program: str, *argv: str) -> Ran:
        """Run a program to its end."""
        output = self.scratch / "output.txt"
        order = {"path": str(HERE / program), "argv": argv, "output": str(output), "limit": LIMIT}
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        answer = self.server.stdout.readline()
        assert answer, (self.scratch / "server.txt").read_text()[-2000:]
        text = output.read_text()
        return Ran(**json.loads(answer), text=text, rows=parse(text))

    def guilty(self, cases: list[tuple[str, int, int]]) -> list[list[int]]:
        """Dataset indices of the guilty samples, for each program, size and seed."""
        job = [[str(HERE / program), size, seed] for program, size, seed in cases]
        command = [self.server.args[0], str(HERE / "guilty.py")]
        done = subprocess.run(
            command, input=json.dumps(job), capture_output=True, text=True, timeout=LIMIT, check=True
        )
        return json.loads(done.stdout)

    def close(self) -> None:
        """End the server."""
        self.server.stdin.close()
        self.server.wait(60)
        self.server.stdout.close()
