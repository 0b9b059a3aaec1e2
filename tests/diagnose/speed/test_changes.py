"""Changes made from outside, in a process with torch: each has an effect, and counts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.coverage_notes import require

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"
SCRIPT = Path(__file__).parent / "scripts" / "changed.py"
AS_IT_IS = {
    "counts": {}, "scale": 1.0, "dtype": "torch.float64", "workers": 0, "batch": 8, "threads": 1,
    "foreach": None, "fused": None, "anomaly": True, "deterministic": True, "channels": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "became"),
    [
        ((), {}),
        (
            ("dtype=float32", "workers=1", "batch=x2", "anomaly", "threads=2", "foreach=1"),
            {
                "dtype": "torch.float32",
                "workers": 1,
                "batch": 16,
                "scale": 2.0,
                "anomaly": False,
                "threads": 2,
            }
            | {"foreach": True, "fused": False},
        ),
        (
            ("deterministic", "fused=1", "channels-last", "set-to-none", "gc=freeze"),
            {"deterministic": False, "fused": True, "channels": True},
        ),
    ],
)
def test_changes(changes: tuple[str, ...], became: dict[str, Any]):
    require("torch (make torch)", PYTHON.exists())
    done = subprocess.run(
        (str(PYTHON), str(SCRIPT), str(ROOT / "envkit" / "payload"), *changes),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found.pop("counts")) == {one.partition("=")[0] for one in changes}
    assert found == {name: value for name, value in {**AS_IT_IS, **became}.items() if name != "counts"}
