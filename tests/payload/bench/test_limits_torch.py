"""This machine's own ceilings and the input pipeline, measured by the payload in a real torch."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

import pytest

from envkit.bench.read import Answer, read
from envkit.bench.samples import Options
from envkit.core.machine import Machine
from envkit.target import payload
from envkit.target.bench_job import Launch, here
from tests.coverage_notes import require
from tests.payload.targets import torch_python

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]
OPTIONS = Options(framework="torch", device="cpu", scale="quick")
JOB = {
    "framework": "torch",
    "device": "cpu",
    "scale": "quick",
    "seconds": 0.3,
    "warmup": 0.5,
    "check": False,
    "workloads": [],
}


def bench(**job: Any) -> Answer:
    """The payload in a process of its own, and what the host makes of its lines."""
    launch = Launch(python=torch_python(), job={**JOB, **job}, limit=240, env={})
    told = here(Machine.here(), launch, said=lambda line: None, started=lambda pid: None)
    return read(told, OPTIONS, arm="A", number=0, limit=240)


def test_ceilings_of_a_cpu() -> None:
    answer = bench(limits=["gemm", "memory-bandwidth", "h2d", "d2d", "allreduce"])
    assert (answer.process.how, answer.process.detail) == ("done", "")
    gemm, memory = answer.process.limits  # no others: this process is alone and has no device to copy to
    assert (gemm.what, gemm.unit, gemm.precision) == ("gemm", "FLOP/s", "fp32")
    assert len(gemm.shape.split("x")) == 3 and len(gemm.samples) >= 5
    assert (memory.what, memory.unit, memory.precision) == ("memory-bandwidth", "B/s", None)
    assert memory.shape.endswith("MiB, bytes read and written")
    # Orders of magnitude only: nothing that computes is outside of them.
    assert 1e8 < statistics.median(gemm.samples) < 1e15
    assert 1e8 < statistics.median(memory.samples) < 1e13


def test_the_ceiling_is_that_of_the_precision() -> None:
    answer = bench(limits=["gemm"], precision="bf16")
    assert [limit.precision for limit in answer.process.limits] == ["bf16"]
    refused = bench(limits=["gemm"], precision="tf32")
    assert refused.process.limits == ()
    assert {failure.kind for failure in refused.process.failures} == {"unsupported"}


def test_gemm_and_memcpy_as_workloads() -> None:
    answer = bench(workloads=["gemm", "memcpy", "allreduce"])
    gemm, memcpy = answer.process.runs
    assert (gemm.workload, gemm.unit, gemm.flops) == ("gemm", "FLOP", float(gemm.items))
    assert (memcpy.workload, memcpy.unit, memcpy.flops) == ("memcpy", "B", None)
    for run in (gemm, memcpy):
        assert run.steps == len(run.step_seconds) > 0
        assert run.rate is not None and run.rate > 0
        assert run.options.compile is None
    (failure,) = answer.process.failures
    assert (failure.workload, failure.kind) == ("allreduce", "unsupported")
    assert failure.error == "an all-reduce takes several processes: --nproc 2"


@pytest.mark.parametrize("workers", [0, 2])
def test_the_input_pipeline_and_its_files(tmp_path: Path, workers: int) -> None:
    answer = bench(workloads=["dataloader"], dir=str(tmp_path), workers=workers, batch_size=8)
    (run,) = answer.process.runs
    assert (run.unit, run.batch_size, run.items, run.options.workers) == ("samples", 8, 8, workers)
    assert run.rate is not None and run.rate > 0
    ready, first = run.notes
    assert ready.startswith("one process makes a raw image ready in ") and "a compressed one in" in ready
    assert first.startswith("the files were first read at ")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_larger_than_shared_memory_is_made_smaller(tmp_path: Path) -> None:
    """Else a worker dies of SIGBUS in the middle, as in a container with 64 MiB of it."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from _envkit_payload.workloads import torch_dataloader as ours\n"
        "ours.SHARED = sys.argv[2]\n"
        "print(ours.fitting(64, 2), ours.fitting(64, 0), ours.fitting(1, 2))\n"
    )
    namespace = 'mount -t tmpfs -o size=8m none "$1" && shift && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", namespace, "sh", str(tmp_path), torch_python(), "-c", code]
    done = subprocess.run(
        [*command, str(payload.MAIN.parent), str(tmp_path)], capture_output=True, text=True, check=False
    )
    require("user namespaces that may mount", "unshare" not in done.stderr and "mount" not in done.stderr)
    # 6 batches at a time, 588 KiB an image, in 8 MiB: 2 images.
    shown = f"{tmp_path} has only 8 MiB free (a container: --shm-size): batch 2 instead of 64"
    assert done.stdout.strip() == f"(2, ['{shown}']) (64, []) (1, [])", done.stderr


def test_a_full_disk_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    job = {**JOB, "workloads": ["dataloader", "mlp"], "dir": str(tmp_path)}
    namespace = 'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", namespace, "sh", str(tmp_path)]
    done = subprocess.run(
        [*command, torch_python(), str(payload.MAIN), "bench", "--job", json.dumps(job)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    require("user namespaces that may mount", "unshare" not in done.stderr and "mount" not in done.stderr)
    lines = list(payload.lines(done.stdout))
    (failure,) = [line for line in lines if line["kind"] == "failure"]
    assert (failure["workload"], failure["failure"]) == ("dataloader", "no-space")
    assert "the image files need 12 MiB" in failure["error"] and "has 4 MiB free" in failure["error"]
    assert [line["workload"] for line in lines if line["kind"] == "measured"] == ["mlp"]


def test_files_go_when_it_is_interrupted(tmp_path: Path) -> None:
    """Ctrl-C in the middle of the measuring."""
    job = {**JOB, "workloads": ["dataloader"], "dir": str(tmp_path), "seconds": 600}
    command = [torch_python(), str(payload.MAIN), "bench", "--job", json.dumps(job)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    seen = []
    for line in child.stdout:
        seen.append(line)
        if '"kind": "steps"' in line:
            child.send_signal(2)
            break
    rest, errors = child.communicate(timeout=200)
    kinds = [line["kind"] for line in payload.lines("".join(seen) + rest)]
    assert child.returncode == 130, errors
    assert kinds[-2:] == ["measured", "interrupted"]
    assert list(tmp_path.iterdir()) == []


def test_image_files_are_half_raw_half_compressed(tmp_path: Path) -> None:
    """Made anew from the same seed they are the same, and both kinds give an image's bytes."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "from _envkit_payload.workloads import images\n"
        "made = images.Images(sys.argv[2], 32, 7)\n"
        "sizes = {len(images.read(path)) for path in made.paths}\n"
        "print(json.dumps([made.folder, sorted(path[-2:] for path in made.paths), sorted(sizes)]))\n"
    )
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    found = []
    for folder in ("one", "two"):
        command = [torch_python(), "-c", code, str(payload.MAIN.parent), str(tmp_path / folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    (one, endings, sizes), (two, *_) = found
    assert endings == [".z"] * 16 + ["aw"] * 16
    assert sizes == [256 * 256 * 3]
    names = sorted(path.name for path in Path(one).iterdir())
    assert all((Path(one) / name).read_bytes() == (Path(two) / name).read_bytes() for name in names)
    assert len({(Path(one) / name).read_bytes() for name in names}) > 8
    packed = (Path(one) / names[1]).stat().st_size
    assert packed < 0.8 * 256 * 256 * 3
    shutil.rmtree(tmp_path)
