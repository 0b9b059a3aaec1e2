"""Real runs with torch: the failing step looked at in a repetition of the run, and in a rank's own copy."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.coverage_notes import require
from tests.diagnose.rerun.helpers import SCRIPTS

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"


@pytest.fixture(autouse=True)
def torch():
    """An interpreter that has it."""
    require("torch (make torch)", PYTHON.exists())


def _diagnosed(cwd: Path, *options: str, command: tuple[str, ...]) -> tuple[dict, str, str]:
    """The answer as JSON, and what was printed on the way."""
    answer = cwd.parent / "answer.json"
    envkit = (sys.executable, "-m", "envkit.cli.main", "diagnose", "--json", "--output", str(answer))
    done = subprocess.run(
        [*envkit, *options, "--", str(PYTHON), *command],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return json.loads(answer.read_text()), done.stdout, done.stderr


def _fault(script: str) -> int:
    """The number of the guilty line."""
    lines = (SCRIPTS / script).read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith("# FAULT"))


@pytest.mark.timeout(400)
def test_unseeded_script_is_repeated_and_mended(tmp_path: Path):
    """No copy can go on without the thread that reads, so that the whole run is repeated: the same course,
    the line, the fix, and the files of the first run as they were."""
    project = tmp_path / "project"
    (project / "data").mkdir(parents=True)
    shutil.copy(SCRIPTS / "unseeded.py", project)
    numbers = random.Random(0)
    rows = [[abs(numbers.gauss(0, 1)) + 0.1 for _ in range(4)] for _ in range(480)]
    rows[37] = [-5.0] * 4
    (project / "data" / "rows.txt").write_text("\n".join(" ".join(map(str, row)) for row in rows))

    answer, out, said = _diagnosed(project, "--try", command=("unseeded.py",))

    assert out.endswith("done\n") and out.count("starts with") == 1
    assert "repeating the run up to step" in said
    (cause, *_) = answer["causes"]
    assert (cause["key"], cause["where"]["line"]) == ("log-of-zero", _fault("unseeded.py"))
    assert cause["where"]["file"].endswith("project/unseeded.py")
    assert cause["proof"] == "survived", said
    log = (project / "out" / "log.txt").read_text().splitlines()
    assert [line.split()[0] for line in log] == [str(step) for step in range(60)]
    assert sorted(os.listdir(project)) == ["data", "out", "unseeded.py", "weights.npy", "whole.pt"]


@pytest.mark.timeout(400)
def test_rank_sample_and_line_of_a_distributed_run(tmp_path: Path):
    """Two ranks on gloo; a sample of rank 1 is poisoned, and what follows is not finite on both."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(SCRIPTS / "ranks.py", project)
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "ranks.py")

    answer, out, said = _diagnosed(project, command=launcher)

    (cause, *others) = answer["causes"]
    assert (cause["key"], cause["where"]["line"]) == ("sqrt-at-zero", _fault("ranks.py")), said
    assert cause["where"]["samples"] == [421]
    assert {"what": "rank", "value": "1 of 2", "source": "its own loss"} in cause["evidence"]
    assert all(one["confidence"] < cause["confidence"] for one in others)
    assert "30 nan" in out and answer["script"]["exit_code"] == 0
