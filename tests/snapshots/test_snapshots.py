"""Every snapshot of this folder gives the findings that `expected.json` states, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envkit.compat import load_compat
from envkit.core.codec import load
from envkit.doctor.judge import judge
from envkit.facts.model import Snapshot

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "expected.json").read_text())
NAMES = sorted(path.stem for path in HERE.glob("*.json") if path.stem != "expected")


def test_every_snapshot_has_an_expectation() -> None:
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_snapshot_gives_its_findings(name: str) -> None:
    snapshot = load(Snapshot, HERE / f"{name}.json", name="snapshot").value
    found = [f.key for f in judge(snapshot, load_compat()) if f.outcome == "problem"]
    assert found == EXPECTED[name]
