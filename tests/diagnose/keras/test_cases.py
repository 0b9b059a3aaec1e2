"""Faults in trainings with Keras on TensorFlow: cause, line, operation, samples; and nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from envkit.diagnose.judge import ended, judge
from envkit.diagnose.read import read
from tests.coverage_notes import require

pytestmark = pytest.mark.timeout(300)  # TensorFlow starts slowly on a busy machine
ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-tensorflow" / "bin" / "python"
CASES = Path(__file__).with_name("cases.py")
NAMES = (
    "log_in_a_loss",
    "root_in_a_layer",
    "hole_in_the_data",
    "own_step",
    "traced_loop",
    "eager_loop",
    "half_weights",
)
CORRECT = ("correct", "correct_half")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What is expected of each case, and the folder of its trace; all in one process."""
    require("tensorflow (make tensorflow)", PYTHON.exists())
    folder = tmp_path_factory.mktemp("traces")
    command = [str(PYTHON), str(CASES), str(ROOT / "envkit" / "payload"), str(folder)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {one["name"]: one for one in told}, folder


@pytest.mark.parametrize("name", NAMES)
def test_fault_is_named(run, name):
    expected, folder = run[0][name], run[1] / name
    traces = read(str(folder))
    assert not traces[0].faults
    found = judge(traces, ended(0, None)).causes
    assert found, traces[0].replay
    first = found[0]
    assert first.key == expected["key"]
    assert first.where.file == str(CASES)
    if expected["line"] is not None:
        assert first.where.line == expected["line"]
    assert (first.where.op, first.where.phase) == (expected["op"], expected["phase"])
    assert list(first.where.samples) == expected["samples"]


@pytest.mark.parametrize("name", CORRECT)
def test_correct_training_is_healthy(run, name):
    found = judge(read(str(run[1] / name)), ended(0, None))
    assert found.verdict == "healthy"
    assert found.causes == ()


@pytest.mark.parametrize("name", [*NAMES, *CORRECT])
def test_weights_are_those_of_a_run_without(run, name):
    told = run[0][name]
    assert told["on"], "the watcher switched itself off"
    assert told["same"]
