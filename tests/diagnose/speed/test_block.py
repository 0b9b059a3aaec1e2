"""`with envkit.watch():` tells where the time goes, too."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.diagnose.libraries.helpers import LIMIT, environment, python

PROGRAM = """\
import json, time, torch, envkit
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset):
    def __len__(self):
        return 600

    def __getitem__(self, row):
        time.sleep(0.004)
        return torch.full((4,), float(row) / 600)


net = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
with envkit.watch() as seen:
    for rows in DataLoader(Rows(), batch_size=10):
        loss = net(rows).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(json.dumps({part.what: part.share for part in seen.diagnosis.speed.parts}))
"""


def test_a_block_that_waits_for_its_data(tmp_path: Path) -> None:
    program = tmp_path / "block.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        (python(), str(program)), env=environment(), capture_output=True, text=True, timeout=LIMIT, check=True
    )
    assert '"waiting for data": 0.' in done.stdout, done.stderr
    assert "Where the time goes: " in done.stderr
    assert "of the time is lost" in done.stderr
    assert "block.py:" in done.stderr
    assert "--try" not in done.stderr  # there is no command that would repeat a block
