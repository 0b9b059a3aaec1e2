"""Scripts that end by themselves for a loss that they never asked for the gradients of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envkit.diagnose import launch
from envkit.diagnose.read import read
from envkit.diagnose.trace import Trace
from tests.coverage_notes import require

PYTHON = Path(__file__).parents[3] / ".venv-torch" / "bin" / "python"

SCRIPT = """
import math, sys, torch
torch.set_num_threads(1)
torch.manual_seed(0)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
best = float("inf")

def main(steps):
    for step in range(steps):
        x = torch.rand(32, 8) + 0.1
        if step == BAD:
            x[5] = 0.0
        target = torch.log(x.sum(1, keepdim=True))
        loss = (model(x) - target).pow(2).mean()
        if not math.isfinite(loss.item()):
            GIVES UP
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss

loss = main(40)
sys.exit(0)
"""


def traced(folder: Path, gives_up: str, bad: int, code: int) -> Trace:
    require("torch (make torch)", PYTHON.exists())
    script = folder / "train.py"
    script.write_text(SCRIPT.replace("GIVES UP", gives_up).replace("BAD", str(bad)))
    seen = folder / "trace"
    seen.mkdir()
    started = launch.Launch(argv=(str(PYTHON), str(script)), folder=str(seen))
    assert launch.start(started, os.environ, stdout_to_stderr=False).code == code
    return read(str(seen))[0]


@pytest.mark.parametrize(
    ("gives_up", "code"),
    [("sys.exit(3)", 3), ('raise FloatingPointError("no number")', 1), ("return loss", 0)],
    ids=["exit", "raise", "return"],
)
def test_the_step_that_was_given_up_for_is_looked_at(tmp_path, gives_up, code):
    seen = traced(tmp_path, gives_up, 30, code)
    assert seen.faults == ()
    assert seen.trip is not None
    assert (seen.trip.what, seen.trip.step) == ("loss", 30)
    assert [event.op for event in seen.events if event.born][:1] == ["aten.log.default"]


def test_a_script_that_exits_well_has_no_fault(tmp_path):
    seen = traced(tmp_path, "sys.exit(3)", -1, 0)
    assert (seen.trip, seen.faults) == (None, ())
