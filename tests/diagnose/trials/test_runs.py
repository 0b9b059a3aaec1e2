"""Real runs whose trials tell the causes apart."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envkit.diagnose.analyzers.numeric import numeric
from envkit.diagnose.launch import INJECT
from envkit.diagnose.read import read
from envkit.diagnose.trace import Trace
from tests.coverage_notes import require

HERE = Path(__file__).parent
PYTHON = HERE.parents[2] / ".venv-torch" / "bin" / "python"


def ran(name: str, folder: Path) -> Trace:
    """The trace of a script, with trials."""
    require("torch (make torch)", PYTHON.exists())
    environ = {**os.environ, "PYTHONPATH": str(INJECT), "ENVKIT_WATCH_DIR": str(folder), "ENVKIT_TRY": "90"}
    script = HERE / "scripts" / f"{name}.py"
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", str(script)],
        env={**environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trace = read(str(folder))[0]
    assert not trace.faults
    return trace


def how(trace: Trace) -> dict[str, str]:
    return {one.name: one.how for one in trace.trials}


def test_an_operation(tmp_path: Path) -> None:
    """Its safe form holds; a smaller rate does not."""
    trace = ran("ratio", tmp_path)
    assert how(trace) | {"control": "broke", "rewrite": "survived", "learning-rate": "broke"} == how(trace)
    first = numeric(trace)[0]
    assert (first.key, first.proof, first.where.line) == ("division-by-zero", "survived", 15)


def test_a_learning_rate(tmp_path: Path) -> None:
    """A tenth of it holds, begun before the weights were spoilt, and the loss still falls."""
    trace = ran("steep", tmp_path)
    assert how(trace) | {"control": "broke", "learning-rate": "survived"} == how(trace)
    first = numeric(trace)[0]
    assert (first.key, first.proof) == ("lr-too-high", "survived")
    rate = next(one for one in trace.trials if one.name == "learning-rate")
    assert rate.begins is not None
    assert trace.trip is not None
    assert rate.begins < trace.trip.step


@pytest.mark.parametrize(
    ("name", "key", "cure"),
    [("leftover", "uninitialised-memory", "zero-memory"), ("compiled", "compiler-numerics", "eager")],
)
def test_what_no_line_is_guilty_of(tmp_path: Path, name: str, key: str, cure: str) -> None:
    trace = ran(name, tmp_path)
    assert how(trace)[cure] == "survived"
    first = numeric(trace)[0]
    assert (first.key, first.proof) == (key, "survived")
