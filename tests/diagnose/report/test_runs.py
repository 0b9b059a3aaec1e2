"""Real runs from the command line to the report, the saved trace and the changed file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.commands import envkit
from tests.payload.targets import torch_python

pytestmark = pytest.mark.torch

NAN = """
import sys
import torch

torch.manual_seed(0)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
data = torch.rand(64, 4) + 0.5
data[37] = 0

def loss_of(batch):
    return (model(batch) + torch.log(batch.sum(1))).square().mean()

for step in range(20):
    rows = torch.arange(32) + (32 if step == 12 else 0)
    loss = loss_of(data[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, flush=True)
"""
SHAPE = """
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3 * 5 * 5, 8)
        self.fc2 = nn.Linear(8, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
for step in range(3):
    loss = net(torch.ones(2, 3, 4, 4)).square().mean()
    loss.backward()
    optimizer.step()
"""


def test_a_nan_is_looked_into_and_ends_the_script_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(NAN)
    done = envkit(
        *("diagnose", "--python", torch_python(), "--stop-on-fault", "--save", "run.json"),
        *("--json", "-o", "out.json", "--", "train.py", "--token", "hunter2secret"),
        cwd=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.split() == [str(number) for number in range(12)]
    found = json.loads((tmp_path / "out.json").read_text())
    cause = found["causes"][0]
    assert (found["verdict"], found["tripped"], cause["key"]) == ("faulty", True, "log-of-zero")
    assert (
        cause["where"]["line"]
        == NAN.splitlines().index("    return (model(batch) + torch.log(batch.sum(1))).square().mean()") + 1
    )
    assert "batch.sum(1).clamp_min(1e-6)" in cause["patch"]
    text = (tmp_path / "run.json").read_text()
    assert "hunter2secret" not in text
    (process,) = json.loads(text)["processes"]
    assert (process["stopped"], process["trip"]["step"]) == (True, 12)
    (tmp_path / "train.py").unlink()
    again = envkit("diagnose", "--from", "run.json", cwd=tmp_path)
    assert again.returncode == 1
    assert "The loss of step 12 became " in again.stderr
    assert "ended there, as --stop-on-fault asks" in again.stderr
    page = envkit("diagnose", "--from", "run.json", "--format", "html", "-o", "page.html", cwd=tmp_path)
    assert (page.stdout, page.stderr) == ("", "")
    assert "clamp_min(1e-6)" in (tmp_path / "page.html").read_text()


def test_a_change_is_shown_and_written_and_mends_it(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_bytes(SHAPE.replace("\n", "\r\n").encode())
    script.chmod(0o640)
    first = envkit("diagnose", "--python", torch_python(), "--apply", "--yes", "--", "train.py", cwd=tmp_path)
    assert first.returncode == 1
    said = " ".join(first.stderr.split())
    assert "fc1 (Linear) takes 75 features and is given 48, train.py:13 in fc1 (forward)" in said
    assert f"envkit: wrote {script}" in said
    # Nothing else of the file has changed.
    assert script.read_bytes() == SHAPE.replace("3 * 5 * 5", "3 * 4 * 4").replace("\n", "\r\n").encode()
    assert script.stat().st_mode & 0o777 == 0o640
    second = envkit("diagnose", "--python", torch_python(), "--", "train.py", cwd=tmp_path)
    assert second.returncode == 0
    assert "Healthy: 3 steps" in second.stderr
