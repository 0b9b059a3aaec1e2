"""Tiny faults under the look at every operation: which cause, operation, line and samples are named."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from envkit.diagnose.analyzers.numeric import numeric
from envkit.diagnose.read import read
from tests.coverage_notes import require

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"
LINES = (HERE / "cases.py").read_text().splitlines()
NAMES = [
    text.removeprefix("def ").split("(")[0] for before, text in pairwise(LINES) if before.startswith("@case(")
]


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """Expectations by name, and the folder of the traces."""
    require("torch (make torch)", PYTHON.exists())
    folder = tmp_path_factory.mktemp("cases")
    payload = ROOT / "envkit" / "payload"
    done = subprocess.run(
        [str(PYTHON), str(HERE / "cases.py"), str(payload), str(folder)],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}, folder


@pytest.mark.parametrize("name", NAMES)
def test_case(looked, name: str):
    expected, folder = looked[0][name], looked[1] / name
    (trace,) = read(str(folder))
    found = numeric(trace)
    assert found, trace.events
    first = found[0]
    assert first.key == expected["key"], (first, trace.events)
    assert (first.where.file, first.where.line) == (str(HERE / "cases.py"), expected["line"]), first
    if expected["op"] is not None:
        assert first.where.op == expected["op"], first
    if expected["samples"] is not None:
        assert list(first.where.samples) == expected["samples"], (first, trace.events)
    assert not trace.faults
