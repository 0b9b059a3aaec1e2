"""The GEMM ceiling of `envkit bench` beside torch.utils.benchmark on the same shapes, interleaved.

    PYTHONPATH=. python benchmarks/bench_gemm.py [--python FILE] [--processes 10] [--pairs 20] [--device cpu]
        [--precision fp32] [--seconds 0.1] [--save FILE]

Each process measures the same product in turns, ours and theirs, and the two begin in turns. A process gives
the median of its ratios; the interval is over processes. With --save, what the file holds is not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CHILD = """
import json, statistics, sys
sys.path.insert(0, sys.argv[1])
job = json.loads(sys.argv[2])
import torch
from torch.utils import benchmark
from _envkit_payload import bench_torch_device
from _envkit_payload.workloads import torch_gemm

device = torch.device(job["device"])
bench_torch_device.set_precision(job["precision"])

def ours(shape):
    return statistics.median(torch_gemm.rates(device, job["precision"], shape, job["seconds"]))

def theirs(shape):
    product = torch_gemm.Product(device, job["precision"], shape)
    # Alone, their timer would take one thread.
    timer = benchmark.Timer("product()", globals={"product": product}, num_threads=torch.get_num_threads())
    return torch_gemm.flops(shape) / timer.blocked_autorange(min_run_time=job["seconds"]).median

found = []
for shape in job["shapes"]:
    for number in range(job["pairs"]):
        if number % 2:
            other = theirs(shape)
            found.append({"shape": shape, "ours": ours(shape), "theirs": other})
        else:
            first = ours(shape)
            found.append({"shape": shape, "ours": first, "theirs": theirs(shape)})
name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
about = {"device": name, "torch": torch.__version__, "threads": torch.get_num_threads()}
print(json.dumps({**about, "pairs": found}))
"""
SHAPES = {
    "cpu": [[1024, 1024, 1024], [1536, 1536, 1536], [2048, 2048, 2048]],
    "cuda": [[2048, 2048, 13312], [4096, 4096, 4096], [8192, 8192, 8192]],
}


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default=str(ROOT / ".venv-torch/bin/python"), help="a Python with torch")
    parser.add_argument("--processes", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=20, help="of each shape in each process")
    parser.add_argument("--seconds", type=float, default=0.1, help="of each measurement")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--save", type=Path, help="keep the raw rates here, and go on from there")
    chosen = parser.parse_args()
    job = {
        "device": chosen.device,
        "precision": chosen.precision,
        "seconds": chosen.seconds,
        "pairs": chosen.pairs,
        "shapes": SHAPES[chosen.device.partition(":")[0]],
    }
    kept: list[dict[str, Any]] = []
    if chosen.save and chosen.save.exists():
        saved = json.loads(chosen.save.read_text())
        if saved["job"] != job:
            parser.error(f"{chosen.save} was measured with other options: {saved['job']}")
        kept = saved["processes"]
    for number in range(len(kept), chosen.processes):
        kept.append(measure(chosen.python, job))
        print(f"process {number + 1}: load {os.getloadavg()[0]:.1f}, {told(kept[-1])}", flush=True)
        if chosen.save:
            chosen.save.write_text(json.dumps({"job": job, "processes": kept}, indent=1) + "\n")
    first = kept[0]
    print(f"on {first['device']}, torch {first['torch']}, {first['threads']} threads, {chosen.precision}")
    for shape in job["shapes"]:
        print(line("x".join(map(str, shape)), kept, shape))
    print(line("all shapes", kept, None))


def measure(python: str, job: dict[str, Any]) -> dict[str, Any]:
    """The pairs of one process."""
    command = [python, "-c", CHILD, str(ROOT / "envkit" / "payload"), json.dumps(job)]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env, check=False)
    if done.returncode:
        sys.exit(f"{python} failed with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(process: dict[str, Any]) -> str:
    return f"{ratio(process, None):.4f} of torch.utils.benchmark"


def ratio(process: dict[str, Any], shape: list[int] | None) -> float:
    """The median over the pairs of one process."""
    return statistics.median(
        pair["ours"] / pair["theirs"] for pair in process["pairs"] if shape in (None, pair["shape"])
    )


def line(name: str, processes: list[dict[str, Any]], shape: list[int] | None) -> str:
    """`name: ours / theirs median [interval], rates`."""
    from envkit.stats import estimate

    found = estimate([ratio(process, shape) for process in processes])
    interval = (
        "no interval below 5 processes" if found.low is None else f"[{found.low:.4f}, {found.high:.4f}]"
    )
    pairs = [pair for process in processes for pair in process["pairs"] if shape in (None, pair["shape"])]
    ours, theirs = (statistics.median(pair[who] for pair in pairs) / 1e9 for who in ("ours", "theirs"))
    text = (
        f"{name}: ours / theirs {found.median:.4f} {interval}, {len(processes)} processes, {len(pairs)} pairs"
    )
    return text if shape is None else f"{text}; {ours:.1f} and {theirs:.1f} GFLOP/s"


if __name__ == "__main__":
    main()
