"""The corpus of slow and of healthy training programs: what is in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.scripts.corpus import HERE, ROOT, programs

MARK = "# SLOW"
SLOW_FOLDERS = ("slow", "slow_keras")
HEALTHY_FOLDER = "slow_healthy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Slowness:
    """A row of slow_truth.toml."""

    program: str
    key: str
    line: bool
    framework: str
    why: str
    accept: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    needs: str = ""

    @property
    def path(self) -> Path:
        """The program."""
        return HERE / self.program

    @property
    def keys(self) -> tuple[str, ...]:
        """All that are right."""
        return (self.key, *self.accept)

    def lines(self) -> set[tuple[str, int]]:
        """Guilty lines, as resolved file and number from 1."""
        paths = [self.path, *(HERE / name for name in self.files)]
        return {
            (str(path.resolve()), number)
            for path in paths
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if line.endswith(MARK)
        }


def slow_programs() -> list[Slowness]:
    """All rows of slow_truth.toml."""
    rows = tomllib.loads((HERE / "slow_truth.toml").read_text())["slow"]
    return [Slowness(**{k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}) for row in rows]


def healthy_programs() -> list[str]:
    """Programs whose time goes where it should."""
    return programs(HEALTHY_FOLDER)


def framework_of(program: str) -> str:
    """Which framework a program below tests/scripts needs."""
    return "tensorflow" if "keras" in program else "torch"


def python_of(framework: str) -> Path:
    """The interpreter of a framework's environment."""
    return ROOT / f".venv-{framework}" / "bin" / "python"
