"""Ranks that wait for each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from envkit.diagnose.recording import from_saved
from envkit.diagnose.speed import stragglers, verdict
from envkit.diagnose.speed.analyzers import ranks
from envkit.diagnose.speed.view import View
from envkit.diagnose.trace import Trace
from tests.coverage_notes import require
from tests.diagnose.speed import views

TORCH = Path(__file__).resolve().parents[3] / ".venv-torch" / "bin" / "python"
SCRIPTS = Path(__file__).parent / "scripts"
SLOW_LOAD = ["train.py:12 __getitem__", "torch/utils/data/dataloader.py:700 __next__", "train.py:30 <module>"]
GATHER = ["torch/distributed/distributed_c10d.py:2900 all_reduce", "train.py:34 <module>"]


def _rank(number: int, world: int = 2, **fields: Any) -> Trace:
    fields = {"step": 0.05, "wait": 0.001, "backward": 0.01, "optimizer": 0.001, **fields}
    trace = views.view(**fields).trace
    return replace(trace, rank=number, world=world, pid=100 + number)


QUICK = {"backward": 0.04}
SLOW = {"wait": 0.031, "samples": [("wait", SLOW_LOAD, 0.62)]}


def _said(traces: list[Trace]) -> dict[str, Any]:
    chosen = stragglers.culprit(traces) or traces[0]
    view = View(trace=chosen, traces=traces, files={"/home/me/train.py": "\n" * 11 + "pixels = read(path)\n"})
    return {slow.key: slow for look in (ranks.held_back, ranks.exposed) for slow in look(view)}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_rank_that_the_others_wait_for(place):
    traces = [_rank(number, 3, **(SLOW if number == place else QUICK)) for number in range(3)]
    found = stragglers.straggler(traces)
    assert found is not None and found.rank.rank == place
    assert found.score == pytest.approx(0.6, abs=0.02)
    assert stragglers.culprit(traces) is traces[place]
    slow = _said(traces)["straggler-rank"]
    assert f"rank {place} of 3" in slow.summary
    assert "waiting for data takes it 0.031 s a step, the others 0.001 s" in slow.summary
    assert slow.where.line == 12
    assert "dataloader-bound" in slow.folds


def test_paces_of_ranks():
    paces = stragglers.ranks([_rank(0, **QUICK), _rank(1, **SLOW)])
    assert [one.rank for one in paces] == [0, 1]
    assert paces[0].own == pytest.approx(0.02, abs=0.001)
    assert paces[1].own == pytest.approx(0.05, abs=0.001)
    assert sum(part.share for part in paces[1].parts) == pytest.approx(1, abs=0.01)


def test_a_process_alone():
    assert stragglers.ranks([_rank(0, 1, **SLOW)]) == ()
    assert stragglers.ranks([_rank(0, 2, **SLOW)]) == ()
    assert stragglers.culprit([_rank(0, 2, **SLOW)]) is None


@pytest.mark.parametrize("other", [
    QUICK | {"step": 0.08, "backward": 0.07},  # steps of their own: nobody waits for anybody
    {"wait": 0.031},  # alike
    {"wait": 0.025, "backward": 0.016},  # a little
    {"backward": lambda number: 0.048 if number % 100 < 40 else 0.01},  # now the one, now the other
])  # fmt: skip
def test_no_straggler(other):
    assert stragglers.straggler([_rank(0, **other), _rank(1, **SLOW)]) is None


def test_jitter_of_short_steps_is_none():
    quick = _rank(0, step=0.004, backward=0.0032, wait=0.0001, optimizer=0.0001)
    slow = _rank(1, step=0.004, backward=0.0024, wait=0.0009, optimizer=0.0001)
    assert stragglers.straggler([quick, slow]) is None


def test_waiting_in_a_barrier_counts():
    waits = _rank(0, samples=[("other", GATHER, 0.6)])
    found = stragglers.straggler([waits, _rank(1, **SLOW)])
    assert found is not None and found.rank.rank == 1
    (one, two) = stragglers.ranks([waits, _rank(1, **SLOW)])
    assert any(part.what == "waiting for other ranks" and part.share > 0.5 for part in one.parts)
    assert all(part.what != "waiting for other ranks" for part in two.parts)


def test_all_wait_alike():
    traces = [_rank(number, samples=[("other", GATHER, 0.4)]) for number in range(2)]
    found = _said(traces)
    assert list(found) == ["exposed-communication"]
    assert found["exposed-communication"].share == pytest.approx(0.4, abs=0.03)
    assert _said([_rank(0), _rank(1)]) == {}


def test_asleep_in_backward_passes():
    asleep: dict[str, Any] = {
        "backward": 0.04,
        "settings": {"threads": 1},
        "moments": {"ran": 0.4, "queued": 0.01},
    }
    assert _said([_rank(0, **asleep), _rank(1, **asleep)])["exposed-communication"].share > 0.4
    busy = {**asleep, "moments": {"ran": 0.95, "queued": 0.01}}
    assert _said([_rank(0, **busy), _rank(1, **busy)]) == {}


def test_verdict_is_of_the_rank_to_blame():
    found = verdict.speed([_rank(0, **QUICK), _rank(1, **SLOW)], {})
    assert found is not None and found.primary is not None
    assert found.primary.key == "straggler-rank"
    assert len(found.ranks) == 2


@pytest.mark.torch
def test_torchrun(tmp_path):
    """Two real processes; the second one's data takes long."""
    require("torch (make torch)", TORCH.exists())
    argv = (
        *(sys.executable, "-c", "from envkit.cli.main import main; main()", "diagnose", "--json"),
        *("--python", str(TORCH), "--save", str(tmp_path / "run.json"), "--"),
        *("torchrun", "--nproc-per-node", "2"),
        *("--master-addr", "127.0.0.1", "--master-port", "29543", str(SCRIPTS / "slow_rank.py")),
    )  # fmt: skip
    env = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    paces = {one["rank"]: one["own"] for one in json.loads(done.stdout)["speed"]["ranks"]}
    assert paces[1] > 2 * paces[0]
    # What neighbours do to this machine is not what is tested: judged again without them.
    run = from_saved(str(tmp_path / "run.json"))
    found = verdict.speed(run.processes, run.sources)
    assert found is not None and found.primary is not None
    assert found.primary.key == "straggler-rank"
    assert found.primary.where.line == _line("time.sleep")
    assert "rank 1 of 2" in found.primary.summary


def _line(text: str) -> int:
    rows = (SCRIPTS / "slow_rank.py").read_text().splitlines()
    return next(number for number, row in enumerate(rows, 1) if text in row)
