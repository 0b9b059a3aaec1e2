"""Runs made by hand, for reports."""

from __future__ import annotations

import math

from envkit.core.report import Report
from envkit.diagnose.judge import judge
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import ScriptEnd
from envkit.diagnose.summary import report
from envkit.diagnose.trace import Optimizer, Steps, Trace, Trial, Trip
from envkit.diagnose.trace_step import Batch, Event, Rows, Values

FILE = "/data/project/train.py"
SOURCE = """import torch


def bce(p, y):
    return -(y * torch.log(p) + (1 - y) * torch.log(1 - p)).mean()


def train(model, batches):
    for x, y in batches:
        yield bce(torch.sigmoid(model(x)), y)
"""
_LOSSES = tuple(0.7 * math.exp(-step / 30) for step in range(100))
ROWS = Rows(length=64, bad=(3,), count=1, samples=(56,))
EVENT = Event(
    step=100, number=0, op="aten.log.default", became="inf", born=True, given="finite", phase="forward",
    count=1, of=64, place=(3,), out=Values(shape=(64,), dtype="float32", nan=0, inf=1, minus_inf=1),
    inputs=(Values(shape=(64,), dtype="float32", min=0.0, max=1.0, mean=0.5, at=0.0),), rows=ROWS,
    stack=((FILE, 5, "bce"), (FILE, 10, "train")),
)  # fmt: skip
NAN = Trace(
    argv=("python", "train.py"), framework="torch", version="2.9.0",
    steps=Steps(
        loss=(*_LOSSES, math.nan), gradient=(*(2 * one for one in _LOSSES), None), rate=(0.1,) * 101,
        ended=tuple(map(float, range(101))),
    ),
    trip=Trip(what="loss", value="nan", step=100), replay="repeated", events=(EVENT,),
    batches=(
        Batch(
            model="Net", argument=0,
            values=Values(shape=(64, 2), dtype="float32", nan=0, inf=0, min=-9.5, max=12.0, mean=0.25),
        ),
    ),
    trials=(
        Trial(
            name="rewrite", how="survived", arguments={"file": FILE, "line": 5}, steps=200, begins=97,
            losses=tuple(0.03 - number / 10_000 for number in range(20)),
        ),
        Trial(name="learning-rate", how="broke", arguments={"factor": 0.1}, what="loss"),
        Trial(name="clip", how="no-time", arguments={"norm": 1.0}),
    ),
    optimizers=(Optimizer(name="Adam", rate=0.1, stack=((FILE, 9, "train"),)),),
    whole=True, own_seconds=0.1, seconds=10.0,
)  # fmt: skip
HEALTHY = Trace(
    framework="torch", version="2.9.0", whole=True, own_seconds=0.09, seconds=10.0,
    steps=Steps(loss=_LOSSES, gradient=_LOSSES, rate=(0.1,) * 100, ended=tuple(map(float, range(100)))),
)  # fmt: skip
DONE = ScriptEnd(exit_code=0, signal=None)


def told(
    *traces: Trace,
    script: ScriptEnd = DONE,
    memory: MemoryUse | None = None,
    command: str = "python train.py",
) -> Report:
    """The report of a run of these processes."""
    files = {FILE: SOURCE}
    diagnosis = judge(traces, script, files, memory=memory)
    return report(diagnosis, traces, files, command=command, memory=memory, folder="/data/project")
