"""A hand-written training loop beside the workload that `bench` runs: same model, data, steps, interleaved.

    python benchmarks/bench_overhead.py --python .venv-torch/bin/python --workload mlp --pairs 40

Each pair is two stretches of one process, one after the other, in turns the one or the other first; both
models were warmed up before, and each process lays them out in memory differently. Wall: what `bench` would
report, seconds of the measured steps, beside the wall clock of the loop. CPU: processor time of both, with
what `bench` needs to tell its steps; on a machine that does other things, too, it is the quieter one. Ratios
are ours / theirs, with the interval of envkit.stats over pairs. `bench_overhead_keras.py` does the same for
Keras.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pairs import Pair, machine, options, save, spread

PAYLOAD = Path(__file__).parents[1] / "envkit" / "payload"


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--python", required=True, help="an interpreter that has torch")
    parser.add_argument("--workload", choices=("mlp", "cnn", "rnn"), default="mlp")
    parser.add_argument("--seconds", type=float, default=0.5, help="of one side of a pair, about")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--threads", type=int, help="of torch; its own choice without")
    chosen = parser.parse_args()
    from envkit.stats import compare

    each = -(-chosen.pairs // chosen.processes)
    env = dict(os.environ, **({"OMP_NUM_THREADS": str(chosen.threads)} if chosen.threads else {}))
    told: list[list[list[float]]] = []
    for number in range(chosen.processes):
        arguments = [chosen.workload, str(each), str(chosen.seconds), str(number)]
        command = [chosen.python, __file__, "--inside", *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=env)
        told += json.loads(done.stdout.splitlines()[-1])
        print(f"{len(told)} pairs", flush=True)
    print(f"on {machine()}, {chosen.workload}, {len(told)} pairs in {chosen.processes} processes")
    for place, name in enumerate(("wall", "CPU")):
        pairs = [Pair(ours=ours[place], theirs=theirs[place]) for ours, theirs in told]
        # `compare` reads throughputs: more is better.
        found = compare(
            [1 / pair.theirs for pair in pairs], [1 / pair.ours for pair in pairs], paired=True, margin=0.01
        )
        print(f"{name}, ms a step, ours   : {spread([1e3 * pair.ours for pair in pairs])}")
        print(f"{name}, ms a step, theirs : {spread([1e3 * pair.theirs for pair in pairs])}")
        interval = (
            f"{1 / found.high:.4f} to {1 / found.low:.4f}" if found.low and found.high else "no interval"
        )
        print(f"{name}, ours / theirs     : {1 / found.ratio:.4f} ({interval}), {found.verdict}")
        if place == 0:
            save(pairs, chosen.save)


def hand_written(torch: Any, name: str) -> tuple[Any, Callable[[int], None]]:
    """(model, loop of so many steps) as somebody writes them who has never heard of envkit."""
    nn, functional = torch.nn, torch.nn.functional

    class Language(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(1000, 64)
            self.lstm = nn.LSTM(64, 64, 1, batch_first=True)
            self.lstm.bias_hh_l0.requires_grad_(False)
            self.head = nn.Linear(64, 1000)

        def forward(self, tokens: Any) -> Any:
            return self.head(self.lstm(self.embedding(tokens))[0]).flatten(0, 1)

    if name == "mlp":
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    elif name == "cnn":
        model = nn.Sequential(
            *(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(4096, 256), nn.ReLU(), nn.Linear(256, 10)),
        )
    else:
        model = Language()
    if name == "rnn":
        inputs = [torch.randint(1000, (16, 32)) for _ in range(4)]
        targets = [torch.randint(1000, (16 * 32,)) for _ in range(5)]
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1)
    else:
        shape = (64, 784) if name == "mlp" else (100, 3, 32, 32)
        inputs = [torch.randn(shape) for _ in range(4)]
        targets = [torch.randint(10, (shape[0],)) for _ in range(5)]
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def loop(steps: int) -> None:
        for number in range(steps):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(inputs[number % 4]), targets[number % 5])
            loss.backward()
            optimizer.step()

    return model, loop


def inside(name: str, count: int, seconds: float, number: int) -> None:
    """In the target: `count` pairs of seconds a step, ours and theirs, as JSON."""
    import time

    sys.path.insert(0, str(PAYLOAD))
    import torch
    from _envkit_payload import bench, bench_torch, emit, interrupt, measure
    from _envkit_payload.steptimer import StepTimer

    job = dict(bench.DEFAULTS, device="cpu", scale="quick", seed=number)
    backend = bench_torch.Backend(job, bench.World({}))
    makers = {"loop": lambda: hand_written(torch, name), "work": lambda: backend.work(name, None, "quick")}
    rng, made, between = random.Random(number), {}, []
    for side in sorted(makers, reverse=number % 2 == 1):
        # Where the tensors lie in memory is worth percents: other places in each process.
        between.append([torch.empty(rng.randrange(1, 60000)) for _ in range(20)])
        made[side] = makers[side]()
    (model, loop), work = made["loop"], made["work"]
    with torch.no_grad():  # pooling and ReLU take longer or shorter with other numbers
        for parameter, same in zip(model.parameters(), work.model.parameters(), strict=True):
            parameter.copy_(same)
    asked, told = interrupt.Interrupt(), emit.Emitter(os.open(os.devnull, os.O_WRONLY))

    def ours(steps: int, step: float) -> tuple[float, float]:
        stretch = measure.Stretch(told, name, work, StepTimer(), step, 0.0, asked)
        stretch.total = steps
        start = time.process_time()
        measure.run(work, stretch)
        end = stretch.end()
        return end["seconds"] / steps, (time.process_time() - start) / steps

    def theirs(steps: int, step: float) -> tuple[float, float]:
        start, wall = time.process_time(), time.perf_counter()
        loop(steps)
        return (time.perf_counter() - wall) / steps, (time.process_time() - start) / steps

    for side in (ours, theirs):  # warm-up
        side(30, 0.01)
    step, _ = theirs(30, 0.01)
    steps = max(10, int(seconds / step))
    found = []
    for turn in range(count):
        order = (ours, theirs) if turn % 2 else (theirs, ours)
        taken = {side.__name__: side(steps, step) for side in order}
        found.append((taken["ours"], taken["theirs"]))
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
    else:
        main()
