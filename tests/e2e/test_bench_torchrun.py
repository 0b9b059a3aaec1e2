"""Several processes that train together: real torchrun, gloo and DDP; workers that crash and hang."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from envkit.bench.read import Answer, read
from envkit.bench.samples import Arm, Options, Samples
from envkit.bench.scaling import scaling
from envkit.core.machine import Machine
from envkit.target.bench_job import Launch, Told, Workers, arguments, here
from tests.payload.targets import torch_python

pytestmark = [pytest.mark.torch, pytest.mark.timeout(600)]
JOB: dict[str, Any] = {
    "framework": "torch",
    "device": "cpu",
    "scale": "quick",
    "seconds": 0.4,
    "warmup": 0.5,
    "check": False,
    "no_sync": True,
    "processes": 2,
}
FOREVER = 10_000.0


def bench(
    nproc: int, *, limit: float = 400.0, pids: list[int] | None = None, **job: Any
) -> tuple[Told, Answer]:
    """One launch of `nproc` workers, and what the host makes of it."""
    launch = Launch(
        python=torch_python(), job={**JOB, **job}, limit=limit, env={}, workers=Workers(nproc=nproc)
    )
    started = [] if pids is None else pids
    told = here(Machine.here(), launch, said=lambda line: None, started=started.append)
    options = Options(framework="torch", device="cpu", scale="quick", nproc=nproc)
    return told, read(told, options, arm="A", number=0, limit=limit)


@pytest.fixture(scope="module")
def two() -> tuple[Told, Answer]:
    return bench(2, workloads=["mlp", "transformer", "allreduce"], limits=["allreduce"])


def test_two_processes_train_together(two: tuple[Told, Answer]) -> None:
    told, answer = two
    process = answer.process
    assert (process.how, process.detail, process.failures) == ("done", "", ()), told.stderr
    assert process.environment is not None and process.environment.world == 2
    assert len(told.ranks) == 2  # one file a worker
    ranks = [next(line["rank"] for line in lines if line["kind"] == "environment") for lines in told.ranks]
    assert ranks == [0, 1]
    by_name = {name: [run for run in process.runs if run.workload == name] for name in ("mlp", "transformer")}
    for name, runs in by_name.items():
        assert [run.rank for run in runs] == [0, 1], name
        assert {run.options.nproc for run in runs} == {2}
        # A collective ends each step: nobody takes more of them than the other.
        assert runs[0].steps == runs[1].steps == len(runs[0].step_seconds) > 0
        assert all(run.no_sync_seconds for run in runs)


def test_the_links_between_them_are_measured(two: tuple[Told, Answer]) -> None:
    _, answer = two
    limits = answer.process.limits
    assert [(limit.what, limit.unit) for limit in limits] == [("allreduce", "B/s")] * 2
    assert len({limit.shape for limit in limits}) == 1
    assert limits[0].shape.endswith("MiB over 2 processes, bus bandwidth")
    runs = [run for run in answer.process.runs if run.workload == "allreduce"]
    assert [(run.unit, run.rank) for run in runs] == [("B", 0), ("B", 1)]
    # 2 (n - 1) / n = 1 for two: what crosses each link is the size of the tensor.
    assert {run.items for run in runs} < {1 << 20, 16 << 20}
    assert all(run.rate for run in runs)


def test_weak_and_strong_scaling(two: tuple[Told, Answer]) -> None:
    _, weak = two
    _, alone = bench(1, workloads=["mlp", "transformer"])
    _, strong = bench(2, workloads=["mlp", "transformer"], strong=True)
    # One process of one launch has as many threads as each of two.
    environments = [answer.process.environment for answer in (alone, weak, strong)]
    assert len({each.threads for each in environments if each is not None}) == 1
    samples = Samples(
        fingerprint={},
        arms=(Arm(name="A", options=Options(framework="torch", device="cpu"), target="python"),),
        processes=tuple(answer.process for answer in (alone, weak, strong)),
        date="2026-01-01T00:00:00+00:00",
    )
    found = scaling(samples)
    rows = {(row.workload, row.mode, row.nproc): row for row in found.rows}
    assert set(rows) == {
        (name, mode, nproc)
        for name in ("mlp", "transformer")
        for mode in ("weak", "strong")
        for nproc in (1, 2)
    }
    for (_, _, nproc), row in rows.items():
        assert row.efficiency > 0
        assert row.note == ""
        assert (row.exposed is None) == (nproc == 1)
        assert row.exposed is None or 0 <= row.exposed <= 1
    batches = {(run.workload, run.batch_size) for run in strong.process.runs}
    assert batches == {("mlp", 32), ("transformer", 4)}


def workers_of(torchrun: int) -> dict[int, int]:
    """Rank -> process id of the workers that torchrun started."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            texts = (folder / "environ").read_text(errors="replace").split("\0") if parent == torchrun else []
        except (OSError, ValueError):
            continue
        variables = dict(text.split("=", 1) for text in texts if "=" in text)
        if "RANK" in variables:
            found[int(variables["RANK"])] = int(folder.name)
    return found


def file_of(worker: int, rank: int) -> Path:
    """Where a worker writes its lines."""
    words = Path(f"/proc/{worker}/cmdline").read_text().split("\0")
    return Path(words[words.index("--out") + 1]) / f"{rank}.jsonl"


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody collects counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


class Attack(threading.Thread):
    """Waits until a launch has measured something, then sends a signal to one of its workers."""

    def __init__(self, pids: list[int], rank: int, number: signal.Signals) -> None:
        super().__init__(daemon=True)
        self._pids, self._rank, self._number = pids, rank, number
        self.workers: dict[int, int] = {}
        self.start()

    def run(self) -> None:
        while len(self.workers) < 2:
            time.sleep(0.05)
            self.workers = workers_of(self._pids[0]) if self._pids else {}
        try:
            told = file_of(self.workers[self._rank], self._rank)
            while '"kind": "steps"' not in (told.read_text() if told.exists() else ""):
                time.sleep(0.05)
            os.kill(self.workers[self._rank], self._number)
        except OSError:  # its time was over before
            pass


@pytest.fixture
def pids() -> list[int]:
    """Where a launch puts its process id."""
    return []


def wait_until_gone(workers: dict[int, int]) -> None:
    """Nobody computes on, or waits for a neighbour that is no more."""
    end = time.monotonic() + 120
    while not all(is_gone(pid) for pid in workers.values()):
        assert time.monotonic() < end, f"some of {workers} still run"
        time.sleep(0.05)


def test_a_worker_that_crashes_ends_the_others_and_is_told(pids: list[int]) -> None:
    attack = Attack(pids, 1, signal.SIGSEGV)
    told, answer = bench(2, pids=pids, workloads=["mlp"], seconds=FOREVER)
    process = answer.process
    assert process.how == "crashed", told.stderr
    assert process.detail.startswith("crashed in mlp: measuring, rank 1 first: SIGSEGV"), told.stderr
    assert "====" not in process.detail  # torchrun's own report is not what the worker said
    wait_until_gone(attack.workers)
    # What was measured before is kept.
    assert [run.rank for run in process.runs] == [0, 1]
    assert all(run.step_seconds for run in process.runs)


def test_a_worker_that_hangs_ends_with_the_time_limit(
    pids: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one waits for it in a collective, and torchrun knows nothing of it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    attack = Attack(pids, 1, signal.SIGSTOP)
    told, answer = bench(2, pids=pids, limit=30, workloads=["dataloader", "mlp"], seconds=FOREVER)
    assert answer.process.how == "timeout", told.stderr
    assert answer.process.detail.startswith("hung in ")
    assert "ended by envkit" in answer.process.detail
    assert len(attack.workers) == 2
    wait_until_gone(attack.workers)
    assert list(tmp_path.glob("envkit-*")) == []  # nor do their files stay


def test_a_failure_of_one_worker_is_told_once_and_ends_all() -> None:
    """Both refuse: TF32 is a mode of GPUs."""
    told, answer = bench(2, workloads=["gemm"], precision="tf32")
    assert answer.process.how != "done"
    (failure,) = answer.process.failures
    assert (failure.workload, failure.kind) == ("gemm", "unsupported"), told.stderr


def test_several_nodes_are_named_to_torchrun() -> None:
    workers = Workers(nproc=4, nnodes=2, node_rank=1, rendezvous="10.0.0.1:29500")
    launch = Launch(python="python3", job={}, limit=1.0, env={}, workers=workers)
    told = arguments(launch, "main.py", "/out")
    assert told[:3] == ("python3", "-m", "torch.distributed.run")
    assert {"--nnodes=2", "--node-rank=1", "--nproc-per-node=4"} < set(told)
    assert {"--rdzv-backend=c10d", "--rdzv-endpoint=10.0.0.1:29500"} < set(told)
    assert told[-4:] == ("--job", "{}", "--out", "/out")
