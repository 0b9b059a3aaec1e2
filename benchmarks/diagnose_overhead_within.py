"""What watching costs, watched and unwatched steps taking turns in one process: process CPU time.

    PYTHONPATH=. python benchmarks/diagnose_overhead_within.py --python .venv-torch/bin/python

Two processes of one program differ by more than watching costs (where their memory lies, which CPU they got);
stretches of one process that follow each other much less. Which of a pair comes first is drawn. Hooks: the
median ratio of a pair, with the interval of the bootstrap. Paused copies come a few times a minute, seldom:
the processor's time of each and of the 30 steps after it beyond the usual, as a share of the whole.
The start of watching is in neither.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from diagnose_overhead import LOOPS, machine, made

PAYLOAD = Path(__file__).parents[1] / "envkit" / "payload"
_STRETCH = 0.06
"""Seconds: of some steps at least, and short beside what else happens on a machine."""
_AFTER = 30
"""Steps after a copy in which its pages are written to."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", required=True, help="an interpreter that has torch")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each loop")
    parser.add_argument("--loops", default=",".join(LOOPS))
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    print(f"on {machine()}, load {os.getloadavg()[0]:.1f}", flush=True)
    env = dict(os.environ, OMP_NUM_THREADS="1")
    for loop in chosen.loops.split(","):
        command = [chosen.python, __file__, "--inside", loop, str(chosen.seconds), str(chosen.seed)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=env)
        print(told(loop, json.loads(done.stdout.splitlines()[-1]), random.Random(chosen.seed)), flush=True)


def told(loop: str, found: dict[str, Any], rng: random.Random) -> str:
    """One line of what `inside` found."""
    ratios = [watched / plain for plain, watched in found["pairs"]]
    drawn = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    step = statistics.median(plain for plain, _ in found["pairs"])
    copies = sum(found["copies"]) / found["total"]
    return (
        f"{loop:12} {1e3 * step:7.3f} ms a step, hooks x {statistics.median(ratios):.4f} "
        f"({drawn[50]:.4f} to {drawn[-51]:.4f}, {len(ratios)} pairs), "
        f"{len(found['copies'])} copies {copies:+.2%}, together x {statistics.median(ratios) + copies:.4f}"
    )


def inside(loop: str, seconds: float, seed: int) -> None:
    """In the target: CPU seconds of a step, unwatched and watched, of each pair; of each copy; of all."""
    import torch

    torch.set_num_threads(1)
    sys.path.insert(0, str(PAYLOAD))
    from _envkit_payload.watch.copies.timetravel import Travel
    from _envkit_payload.watch.notebook import Session

    _, step = made(torch, loop)
    rng, pairs, steps = random.Random(seed), [], []
    copies: list[tuple[int, float]] = []
    kept, clock = Travel._kept, time.process_time

    def counted(self: Any, watch: Any) -> float:
        took: float = kept(self, watch)
        copies.append((len(steps), took))
        return took

    Travel._kept = counted
    until = time.perf_counter() + 3
    while time.perf_counter() < until:
        step()
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder, None)
        total, until = clock(), time.perf_counter() + seconds
        while time.perf_counter() < until:
            found = {}
            for watched in rng.sample((False, True), 2):
                session._recorder.on = watched  # hooks return at once without it
                begin, cpu, count = time.perf_counter(), clock(), len(steps)
                while time.perf_counter() - begin < _STRETCH:
                    start = clock()
                    step()
                    steps.append(clock() - start)
                found[watched] = (clock() - cpu) / (len(steps) - count)
            pairs.append((found[False], found[True]))
        total = clock() - total
        session._recorder.on = True
        session.end(None)
    costs = []
    for place, _ in copies:
        usual = statistics.median(steps[max(0, place - 100) : place] or steps[:100])
        # The step in whose end the copy was made has the making in it.
        costs.append(sum(one - usual for one in steps[place : place + _AFTER]))
    print(json.dumps({"pairs": pairs, "copies": costs, "total": total}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
