"""Safe forms of calls: finite where the plain call breaks, the same where it does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.coverage_notes import require

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"
NAMES = re.findall(r'^    "([^"]+)": \(', (HERE / "safe_forms.py").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def told() -> dict[str, dict[str, object]]:
    """What the script says of each case."""
    require("torch (make torch)", PYTHON.exists())
    done = subprocess.run(
        [str(PYTHON), "-W", "ignore", str(HERE / "safe_forms.py"), str(ROOT / "envkit" / "payload")],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return {one["name"]: one for one in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", NAMES)
def test_form(told, name: str) -> None:
    assert told[name] == {"name": name, "broke": True, "finite": True, "same": True}


def test_all_are_tested(told) -> None:
    assert set(told) == set(NAMES)
    assert len(NAMES) > 30
