"""Programs of `tests/scripts/libraries`, run with and without envkit."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.coverage_notes import require
from tests.scripts.corpus import HERE, ROOT

PROGRAMS = HERE / "libraries"
VENV = ROOT / ".venv-libraries"
LIMIT = 110


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What `envkit diagnose` said of a program, and what the program printed."""

    diagnosis: dict[str, Any]
    stdout: str
    stderr: str

    @property
    def first(self) -> dict[str, Any]:
        """The first cause."""
        return self.diagnosis["causes"][0]


def python() -> str:
    """The Python with Lightning, Transformers, Accelerate and Jupyter."""
    require("libraries (make libraries)", (VENV / ".ready").exists())
    return str(VENV / "bin" / "python")


def environment() -> dict[str, str]:
    """Nothing is fetched, and no more threads than there are processors for."""
    quiet = {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **quiet}


def diagnose(*command: str, cwd: Path) -> Told:
    """Run a command under `envkit diagnose`; its report as JSON goes to a file."""
    report = cwd / "report.json"
    python()
    started = (
        *(sys.executable, "-c", "from envkit.cli.main import main; main()", "diagnose"),
        *("--python", str(VENV), "--json", "--output", str(report), "--", *command),
    )
    done = subprocess.run(
        started, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert report.exists(), done.stderr[-3000:]
    return Told(diagnosis=json.loads(report.read_text()), stdout=done.stdout, stderr=done.stderr)


def plain(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program without envkit."""
    return subprocess.run(
        (python(), *command), cwd=cwd, env=environment(), capture_output=True, text=True, timeout=LIMIT,
        check=False,
    )  # fmt: skip


def guilty(program: str, size: int, seed: int = 0) -> list[int]:
    """What the program's own `guilty` answers; it needs no framework."""
    tree = ast.parse((PROGRAMS / program).read_text())
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "guilty")
    names: dict[str, Any] = {}
    exec(compile(ast.Module([found], []), program, "exec"), names)
    return names["guilty"](size, seed)


def fault_line(program: str) -> int:
    """The line that is marked."""
    lines = (PROGRAMS / program).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith("# FAULT"))


def untimed(text: str) -> list[str]:
    """Output without what time makes different: figures of progress bars, and how often they are drawn."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    pieces = [piece.strip() for piece in re.split(r"[\r\n]+", text)]
    return [piece for piece in pieces if piece and not re.search(r"it/s|s/it|\d:\d\d|\d+%\|", piece)]
