"""A/A: how often does `envkit bench` call equal things different, and how small a slow-down does it find?

One pool of equal processes, started one after the other, each appended to a JSON-lines file at once: stop
it with Ctrl-C and start it again to continue. Then every rule judges the same comparisons
(`envkit/bench/aa.py` says which).

    python benchmarks/bench_aa.py --python .venv-torch/bin/python --processes 144
    python benchmarks/bench_aa.py --processes 0          # judge what is there

The payload is copied first, so that work on it does not change what the pool measures. Several workloads
make one pool each, out of the same processes. `--per-side` may be given several times.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envkit.bench import aa
from envkit.bench.aa_rules import Process
from envkit.core.report import Report
from envkit.core.text import plural
from envkit.report import render
from envkit.stats import median, quantile

ROOT = Path(__file__).resolve().parent.parent
PAYLOAD = ROOT / "envkit" / "payload"


def main() -> int:
    """Continue the pool, then judge it."""
    options = _options()
    options.pool.parent.mkdir(parents=True, exist_ok=True)
    interrupted = False
    try:
        _fill(options)
    except KeyboardInterrupt:
        interrupted = True
        print("stopped; the same command continues", file=sys.stderr)
    lines = _read(options.pool)
    if lines:
        print(_conditions(lines))
    for workload in options.workload:
        pool = _pool(lines, workload)
        for per_side in options.per_side:
            _judge(pool, workload, per_side, options.comparisons)
    return 130 if interrupted else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", default=sys.executable, help="the Python that has the framework")
    parser.add_argument("--framework", default="torch")
    parser.add_argument("--workload", action="append", help="mlp and cnn unless given")
    parser.add_argument(
        "--processes", type=int, default=144, help="size of the pool (at least 120 for a report)"
    )
    parser.add_argument(
        "--per-side", type=int, action="append", help="processes a side; 5, 6 and 8 unless given"
    )
    parser.add_argument("--comparisons", type=int, default=aa.WANTED, help="at least so many")
    parser.add_argument(
        "--seconds", type=float, default=1.5, help="measured in each process of each workload"
    )
    parser.add_argument("--warmup", type=float, default=0.7)
    parser.add_argument(
        "--threads", type=int, help="OMP_NUM_THREADS of each process; unless given, the framework's"
    )
    parser.add_argument("--limit", type=float, default=180.0, help="seconds for one process")
    parser.add_argument("--pool", type=Path, default=ROOT / ".cache" / "bench_aa.jsonl")
    options = parser.parse_args()
    options.workload = options.workload or ["mlp", "cnn"]
    options.per_side = options.per_side or [5, 6, 8]
    return options


def _fill(options: argparse.Namespace) -> None:
    """Start processes until the pool is full."""
    lines = _read(options.pool)
    stretch = 1 + max((line["stretch"] for line in lines), default=-1)
    missing = options.processes - len(lines)
    payload = _frozen(options.pool.with_suffix(".payload")) if missing > 0 else None
    for number in range(len(lines), options.processes):
        line = {"number": number, "stretch": stretch, "load": os.getloadavg()[0], "began": time.time()}
        line["steps"] = _process(options, payload)
        line["ended"] = time.time()
        with options.pool.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        shown = {name: f"{median(steps) * 1e3:.2f} ms" for name, steps in line["steps"].items() if steps}
        print(f"process {number + 1} of {options.processes}: {shown}, load {line['load']:.1f}", flush=True)


def _frozen(target: Path) -> Path:
    """A copy of the payload, made once for each pool."""
    if not target.exists():
        shutil.copytree(PAYLOAD, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target / "__main__.py"


def _process(options: argparse.Namespace, payload: Path | None) -> dict[str, list[float]]:
    """Seconds of the steps of one process, for each workload; {} when it did not end in time."""
    job = {
        "workloads": options.workload, "framework": options.framework, "device": "cpu", "scale": "quick",
        "seconds": options.seconds, "warmup": options.warmup, "check": False, "limits": [], "seed": 0,
    }  # fmt: skip
    command = [options.python, str(payload), "bench", "--job", json.dumps(job)]
    env = dict(os.environ)
    if options.threads:
        env["OMP_NUM_THREADS"] = str(options.threads)
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=options.limit, check=False
        )
    except subprocess.TimeoutExpired:
        return {}
    steps: dict[str, list[float]] = {}
    for text in done.stdout.split("\n"):
        if not text.startswith("{"):
            continue  # the payload begins with an empty line
        told = json.loads(text)
        if told["kind"] == "steps":
            steps.setdefault(told["workload"], []).extend(told["host"])
    if not steps:
        sys.exit(f"the payload measured nothing: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return steps


def _read(pool: Path) -> list[dict[str, Any]]:
    """Whole lines of the pool; one that was cut off by a crash is left out."""
    if not pool.exists():
        return []
    lines = []
    for text in pool.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            print("one line of the pool is broken and left out", file=sys.stderr)
    return lines


def _pool(lines: Sequence[dict[str, Any]], workload: str) -> tuple[Process, ...]:
    return tuple(
        Process(steps=tuple(line["steps"][workload]), stretch=line["stretch"])
        for line in lines
        if line["steps"].get(workload)
    )


def _conditions(lines: Sequence[dict[str, Any]]) -> str:
    load = sorted(line["load"] for line in lines)
    minutes = sum(line["ended"] - line["began"] for line in lines) / 60
    stretches = plural(len({line["stretch"] for line in lines}), "stretch", "stretches")
    spread = f"median {quantile(load, 0.5):.1f}, {load[0]:.1f} to {load[-1]:.1f}"
    return (
        f"{len(lines)} processes in {stretches}, {minutes:.0f} minutes, {os.cpu_count()} CPUs;"
        f" load before each: {spread}"
    )


def _judge(pool: Sequence[Process], workload: str, per_side: int, wanted: int) -> None:
    try:
        found = aa.measure(pool, workload=workload, per_side=per_side, wanted=wanted)
    except ValueError as error:
        print(f"{workload}: {error}", file=sys.stderr)
        return
    shown = Report(command="bench_aa.py", verdict="healthy", sections=aa.sections(found))
    print(render(shown, "text"))
    own = found.rules[0]
    for one in (own.nothing, *own.injected):
        print(
            f"  {workload}, {per_side} a side, B {one.slower:.0%} slower: faster {one.called_faster}, slower"
            f" {one.called_slower}, same {one.called_same}, of {one.comparisons}"
        )


if __name__ == "__main__":
    sys.exit(main())
