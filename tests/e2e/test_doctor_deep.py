"""`envkit doctor --deep`: each framework really imported and really computing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.coverage_notes import require
from tests.payload.targets import torch_python

ROOT = Path(__file__).parents[2]


def doctor(python: Path | str) -> tuple[int, dict]:
    """Exit code and answer of a deep check of that Python."""
    command = [sys.executable, "-m", "envkit.cli.main", "doctor", "--deep", "--json", "-v"]
    done = subprocess.run(
        [*command, "--python", str(python)],
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


def check_deep(answer: dict, framework: str) -> None:
    """It was imported, and its small computations agree with the reference."""
    (deep,) = [check for check in answer["snapshot"]["deep"] if check["framework"] == framework]
    assert deep["state"] == "ok", deep
    ran = {(one["op"], one["dtype"]) for one in deep["smoke"] if one["device"] == "cpu"}
    assert {(op, "float32") for op in ("matmul", "conv2d", "backward")} <= ran
    assert all(one["ok"] for one in deep["smoke"])
    outcomes = {finding["key"]: finding["outcome"] for finding in answer["findings"]}
    assert outcomes["framework-import-failed"] == outcomes["device-smoke-failed"] == "ok"


@pytest.mark.torch
def test_torch_computes() -> None:
    code, answer = doctor(torch_python())
    assert code == 0
    check_deep(answer, "torch")


def test_tensorflow_computes() -> None:
    python = ROOT / ".venv-tensorflow" / "bin" / "python"
    require("TensorFlow (make tensorflow)", python.exists())
    code, answer = doctor(python)
    assert code == 0
    check_deep(answer, "tensorflow")
