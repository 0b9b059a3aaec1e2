"""What a run reached outside of itself, and when it is not run again."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from envkit.diagnose import rerun
from envkit.diagnose.audit import Place, refusals
from envkit.diagnose.trace import Reach, Trace, Trip
from envkit.diagnose.trace_step import Event, Values
from tests.diagnose.rerun.helpers import SCRIPTS, python, run

HERE = Place(cwd="/home/me/project", caches=("/home/me/.cache",), left=frozenset(("/data/out.pt",)))


def _reached(*reach: Reach) -> tuple[Trace, ...]:
    return (Trace(reach=reach),)


@pytest.mark.parametrize(
    "reach",
    [
        Reach(what="write", name="/home/me/project/out/model.pt", new=True),
        Reach(what="write", name="/home/me/.cache/torch/kernels/x", new=True),
        Reach(what="write", name="/tmp/tmpabc/x", new=True),  # it is gone again
        Reach(what="connect", name="127.0.0.1:29500", address="127.0.0.1"),
        Reach(what="connect", name="localhost:29500", address="::1"),
        Reach(what="connect", name="api.wandb.ai:443", address="35.186.228.49"),
        Reach(what="child", name="git rev-parse HEAD", program="git"),
        Reach(what="child", name="python -c pass", program="/usr/bin/python3"),
        Reach(what="child", name="wandb-core --port", program="/x/wandb/bin/wandb-core"),
        Reach(what="child", name="/usr/bin/nvidia-smi -q", program="/usr/bin/nvidia-smi"),
    ],
    ids=lambda reach: reach.name,
)
def test_harmless(reach: Reach):
    assert refusals(_reached(reach), HERE) == ()


@pytest.mark.parametrize(
    ("reach", "words"),
    [
        (
            Reach(what="write", name="/data/out.pt", new=True),
            "outside of its working directory (/data/out.pt)",
        ),
        (Reach(what="connect", name="10.0.0.7:5432", address="10.0.0.7"), "connections (10.0.0.7:5432)"),
        (Reach(what="connect", name="hub.example.org:443", address="192.0.2.1"), "hub.example.org:443"),
        (Reach(what="connect", name="notwandb.ai:443", address="192.0.2.1"), "notwandb.ai:443"),
        (Reach(what="child", name="rsync -a out me@host:", program="rsync"), "rsync -a out me@host:"),
        (Reach(what="child", name="sh -c make deploy", program="/bin/sh"), "make deploy"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_harmful(reach: Reach, words: str):
    (said,) = refusals(_reached(reach), HERE)
    assert words in said


def test_many_are_counted():
    reach = [Reach(what="connect", name=f"h{n}.example.org:1", address="192.0.2.1") for n in range(5)]
    (said,) = refusals(_reached(*reach), HERE)
    assert said.endswith("(h0.example.org:1, h1.example.org:1, h2.example.org:1 and 2 more)")


@pytest.mark.parametrize(
    ("what", "name", "words"),
    [
        ("connect", "192.0.2.1", "not run again, since it opened connections (192.0.2.1:9): --try-anyway"),
        (
            "write",
            "{outside}/results.txt",
            "it wrote outside of its working directory ({outside}/results.txt)",
        ),
        ("database", "{outside}/rows.db", "it wrote outside of its working directory ({outside}/rows.db)"),
        ("start", "sleep 0", "it started other programs (sleep 0)"),
        ("write", "inside.txt", None),
        ("temporary", "{outside}/moment.txt", None),
        ("start", f"{sys.executable} -c pass", None),
    ],
)
def test_real_runs(what: str, name: str, words: str | None, tmp_path: Path, monkeypatch):
    """A script that did something, as if it had then failed: what is said of running it again."""
    inside, outside = tmp_path / "project", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    name = name.format(outside=outside)
    first, traces = run(*python(str(SCRIPTS / "reaches.py"), what, name), cwd=inside, monkeypatch=monkeypatch)
    failed = tuple(dataclasses.replace(one, trip=Trip(what="loss", value="nan", step=3)) for one in traces)
    lines: list[str] = []

    (found, *_) = rerun.rerun(first, failed, lines.append)

    if words is None:
        assert lines and found.repetition is not None and "not run again" not in found.repetition
    else:
        assert not lines and words.format(outside=outside) in (found.repetition or "")
    assert not (inside / "rows.db").exists()
    assert os.listdir(inside) == (["inside.txt"] if name == "inside.txt" else [])


def test_not_run_again_unasked():
    values = Values(shape=(1,), dtype="float32")
    event = Event(
        step=3, number=0, op="aten.log.default", became="nan", born=True, given="finite", phase="forward",
        count=1, of=1, place=(0,), out=values, inputs=(values,),
    )  # fmt: skip
    trip = Trip(what="loss", value="nan", step=3)
    seen = Trace(trip=trip, events=(event,))
    unseen = Trace(trip=trip, replay="no-copy")
    healthy = Trace()
    told = rerun.offered((unseen, healthy), ("python", "my train.py"))
    assert told[0].repetition is not None
    assert told[0].repetition.endswith("envkit diagnose --try -- python 'my train.py'")
    assert told[1] is healthy
    assert rerun.offered((seen,), ("python",)) == (seen,)
    assert rerun.offered((dataclasses.replace(unseen, framework="tensorflow"),), ("x",))[0].repetition is None
