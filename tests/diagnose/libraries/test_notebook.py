"""`envkit.watch` in a kernel of Jupyter and in a plain process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.diagnose.libraries.helpers import LIMIT, environment, python
from tests.scripts.corpus import ROOT

SETUP = """\
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.rand(400, 4), torch.rand(400, 1)
y[333] = 0
"""
TRAIN = """\
def train(least):
    net = nn.Linear(4, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    for step in range(50):
        a, b = x[step * 8 : step * 8 + 8], y[step * 8 : step * 8 + 8]
        loss = (net(a) - torch.log(b + least)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("step", step)
"""
LINE = 6
"""Of `TRAIN`."""


def _kernel(*cells):
    done = subprocess.run(
        (python(), str(Path(__file__).with_name("execute.py"))), input=json.dumps(cells), env=environment(),
        capture_output=True, text=True, timeout=LIMIT, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def _printed(outputs):
    return "".join(
        one["text"] for one in outputs if one["output_type"] == "stream" and one["name"] == "stdout"
    )


def test_a_cell_is_named_and_the_kernel_goes_on():
    """The report names the cell's line; no output comes twice; the next block is clean."""
    outputs = _kernel(
        SETUP,
        TRAIN,
        "import envkit\nwith envkit.watch() as seen:\n    train(0.0)",
        "one = seen.diagnosis.causes[0]\nprint(one.key, one.where.file, one.where.line, one.where.samples)",
        "with envkit.watch() as seen:\n    train(1e-3)",
        "print(seen.diagnosis.verdict)",
    )
    steps = "".join(f"step {number}\n" for number in range(50))
    shown = [one["data"] for one in outputs[2] if "data" in one]
    assert _printed(outputs[2]) == steps
    assert f"In[2]:{LINE}" in shown[0]["text/plain"] and "log-of-zero" in shown[0]["text/plain"]
    assert "torch.log(b + least)" in shown[0]["text/html"]
    assert _printed(outputs[3]) == f"log-of-zero In[2] {LINE} (333,)\n"
    assert _printed(outputs[4]) == steps
    assert _printed(outputs[5]) == "healthy\n"


def test_a_block_of_a_plain_process(tmp_path):
    """The report goes to standard error, no hook stays, the fault is raised where asked for."""
    program = tmp_path / "block.py"
    program.write_text(
        SETUP
        + TRAIN
        + """
import envkit, sys
from torch.optim import optimizer as module
def hooks():
    return (
        torch.autograd.backward, torch.autograd.backward.__code__, torch.optim.Optimizer.__init__,
        len(module._global_optimizer_pre_hooks), len(module._global_optimizer_post_hooks), len(sys.meta_path),
    )
before = hooks()
try:
    with envkit.watch(raise_on_fault=True) as seen:
        train(0.0)
except envkit.notebook.FaultFoundError:
    print("raised")
print(hooks() == before, seen.diagnosis.verdict)
try:
    with envkit.watch():
        with envkit.watch():
            pass
except RuntimeError as error:
    print(error)
"""
    )
    done = subprocess.run(
        (python(), str(program)), env=environment(), capture_output=True, text=True, timeout=LIMIT, check=True
    )
    steps = "".join(f"step {number}\n" for number in range(50))
    said = "this process is watched already: one envkit.watch() at a time"
    assert done.stdout == f"{steps}raised\nTrue faulty\n{said}\n"
    assert f"block.py:{SETUP.count(chr(10)) + LINE}" in done.stderr


def test_the_name_costs_nothing_until_it_is_used():
    """`import envkit` loads neither the watcher nor the report."""
    asked = (
        "import sys, envkit; print([name for name in sys.modules if 'envkit' in name or name == 'typing'])"
    )
    done = subprocess.run(
        (sys.executable, "-S", "-c", asked),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert done.stdout.strip() == "['envkit']"
