"""Runs a script as its author would, and the same under `envkit diagnose`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPTS = Path(__file__).parent / "scripts"
TORCH = ROOT / ".venv-torch" / "bin" / "python"
CLI = (sys.executable, "-I", "-c", "from envkit.cli.main import main; main()")
LIMIT = 110


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A command line as a person types it."""

    argv: tuple[str, ...]
    stdin: bytes = b""
    path: str | None = None
    """PYTHONPATH, a folder of the scripts."""
    inherited: bytes | None = None
    """What can be read from descriptor 3."""
    dated: bool = False
    """stderr holds times and process numbers."""
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """All that somebody outside sees of a run."""

    code: int
    stdout: bytes
    stderr: bytes
    trained: tuple[tuple[str, bytes], ...]
    """Files with a hash of losses and weights."""


def plain(case: Case, folder: Path, python: str) -> Seen:
    """Without envkit."""
    return _run(case, folder, tuple(python if word == "python" else word for word in case.argv))


def watched(case: Case, folder: Path, python: str, *options: str) -> Seen:
    """Under envkit, with the script's exit code; the report goes to a file."""
    told = ("--exit-code", "script", "--output", str(folder / "report"), "--python", python)
    return _run(case, folder, (*CLI, "diagnose", *told, *options, "--", *case.argv))


def _run(case: Case, folder: Path, argv: tuple[str, ...]) -> Seen:
    result = folder / "result"
    for old in folder.glob("result*"):
        old.unlink()
    env = {**environment(result), **case.env}
    if case.path is not None:
        env["PYTHONPATH"] = str(SCRIPTS / case.path)
    numbers, preexec = (), None
    if case.inherited is not None:
        read, write = os.pipe()
        os.write(write, case.inherited)
        os.close(write)

        def preexec() -> None:
            os.dup2(read, 3)

        numbers = (read, 3)
    try:
        ran = subprocess.run(
            argv, input=case.stdin, capture_output=True, env=env, cwd=SCRIPTS, timeout=LIMIT,
            pass_fds=numbers, preexec_fn=preexec, check=False,
        )  # fmt: skip
    finally:
        if numbers:
            os.close(numbers[0])
    trained = tuple((one.name, one.read_bytes()) for one in sorted(folder.glob("result*")))
    stderr = re.sub(rb"\b0x[0-9a-f]{6,}", b"0x", ran.stderr)  # addresses
    return Seen(code=ran.returncode, stdout=ran.stdout, stderr=stderr, trained=trained)


def environment(result: Path) -> dict[str, str]:
    """What the scripts get; the same every time."""
    kept = ("HOME", "LANG", "TMPDIR")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PATH": f"{TORCH.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "RESULT": str(result),
    }


def left_over(folder: Path) -> list[str]:
    """Command lines of processes that belong to a run and are still there after a while."""
    deadline = time.monotonic() + 20
    while (found := _running(str(folder))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _running(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if f"RESULT={mark}/".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
