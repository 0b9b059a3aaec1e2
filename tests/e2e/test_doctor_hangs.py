"""What hangs costs doctor its own facts and nothing else. How long it takes: benchmarks/doctor_hangs.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.coverage_notes import require
from tests.hang import hanging
from tests.nvml.build import compiler

pytestmark = pytest.mark.cc


def test_all_other_findings_are_there_when_smi_docker_and_a_mount_hang(tmp_path: Path) -> None:
    require("C compiler", compiler() is not None)
    with hanging(tmp_path) as machine:
        # Two things that are wrong besides: they must be found all the same.
        env = {**machine.env, "CUDA_HOME": str(tmp_path / "no-such-toolkit")}
        done = subprocess.run(
            [sys.executable, "-m", "envkit.cli.main", "doctor", "--json", "-v"],
            env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert machine.accepted, "the Docker socket was not even asked"
    assert done.returncode in (0, 1), done.stderr
    answer = json.loads(done.stdout)
    findings = {finding["key"]: finding for finding in answer["findings"]}
    assert findings["cuda-home-nvcc-missing"]["outcome"] == "problem"
    assert findings["slow-data-filesystem"]["outcome"] == "problem"
    assert "hf-cache" in findings["slow-data-filesystem"]["summary"]
    snapshot = answer["snapshot"]
    assert snapshot["containers"]["docker"]["state"] == "hung"
    storage = {place["role"]: place["state"] for place in snapshot["storage"]}
    assert storage["hf-cache"] == "timeout"
    assert storage["cwd"] == "ok"
    states = {probe["name"]: probe["state"] for probe in snapshot["probes"]}
    for name in ("host", "cpu", "memory", "pci", "driver", "cuda", "python"):
        assert states[name] == "ok", (name, states)
