"""What watching a training loop costs, beside other ways to watch one: process CPU time, in randomised order.

    python benchmarks/diagnose_overhead.py --python .venv-torch/bin/python

Arms: `plain` the script alone; `envkit` under the watcher of `envkit diagnose`; `anomaly` with torch's
detect_anomaly; `dispatch` with a dispatch mode that looks at the result of each operation, as debug modes do;
`modules` with a forward hook on each module that looks at its output. Loops: an MLP of about 1 ms a step, a
small CNN, a small transformer. Each process runs one arm: first steps apart (imports and start-up are told as
milliseconds of the whole process), then many stretches. A round is one process of each arm in random order,
and the ratio of an arm is taken within its round; the interval is that of envkit.stats over rounds.
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
from pathlib import Path
from typing import Any

from pairs import machine

INJECT = Path(__file__).parents[1] / "envkit" / "payload" / "_envkit_inject"
ARMS = ("plain", "envkit", "anomaly", "dispatch", "modules")
LOOPS = ("mlp", "cnn", "transformer")
_STEPS = {"mlp": 400, "cnn": 30, "transformer": 20}
"""Of one stretch: about half a second."""
_SLOW = 8
"""Arms that take several times as long run a smaller part of the stretches."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--python", required=True, help="an interpreter that has torch")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--stretches", type=int, default=16, help="of a process, about half a second each")
    parser.add_argument("--loops", default=",".join(LOOPS))
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="write the raw seconds here, after each round")
    chosen = parser.parse_args()
    rng, told = random.Random(chosen.seed), []
    print(f"on {machine()}", flush=True)
    for number in range(chosen.rounds):
        for loop in chosen.loops.split(","):
            arms = chosen.arms.split(",")
            rng.shuffle(arms)
            for arm in arms:
                told.append({"round": number, "load": os.getloadavg()[0], **run(chosen, loop, arm)})
                print("{round} {loop:12} {arm:9} {step_ms:8.3f} ms a step".format(**told[-1]), flush=True)
        if chosen.save is not None:
            chosen.save.write_text(json.dumps(told, indent=1) + "\n")
    summary(told)


def run(chosen: argparse.Namespace, loop: str, arm: str) -> dict[str, Any]:
    """One process: CPU milliseconds of a step, of its start, and of the whole."""
    env = dict(os.environ, OMP_NUM_THREADS="1")
    stretches = chosen.stretches if arm in ("plain", "envkit") else max(2, chosen.stretches // _SLOW)
    with tempfile.TemporaryDirectory() as folder:
        if arm == "envkit":
            env.update(PYTHONPATH=str(INJECT), ENVKIT_WATCH_DIR=folder)
        command = [chosen.python, __file__, "--inside", loop, arm, str(stretches)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=env)
        found = json.loads(done.stdout.splitlines()[-1])
        said = watched(Path(folder)) if arm == "envkit" else {}
    stretch = found["stretches"]
    return {
        "loop": loop, "arm": arm, "step_ms": 1e3 * sum(stretch) / len(stretch) / _STEPS[loop],
        "start_ms": 1e3 * found["start"], "stretches": stretch, **said,
    }  # fmt: skip


def watched(folder: Path) -> dict[str, Any]:
    """What the watcher says of itself."""
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    found = [json.loads(line) for line in lines]
    assert not any(one["kind"] in ("watcher-fault", "trip") for one in found), found
    last = next(one for one in found if one["kind"] == "watched")
    return {"said": last["own_seconds"] / (last["seconds"] - last["own_seconds"]), "watched": last}


def summary(told: list[dict[str, Any]]) -> None:
    """Ratios to plain, within rounds."""
    from envkit.stats import compare

    rounds = sorted({one["round"] for one in told})
    for loop in dict.fromkeys(one["loop"] for one in told):
        by = {(one["round"], one["arm"]): one for one in told if one["loop"] == loop}
        plain = [by[number, "plain"] for number in rounds]
        alone, loads = statistics.median(one["step_ms"] for one in plain), [one["load"] for one in plain]
        print(f"\n{loop}: {alone:.3f} ms a step alone, load {min(loads):.1f} to {max(loads):.1f}")
        for arm in sorted({one["arm"] for one in told} - {"plain"}):
            ours = [by[number, arm] for number in rounds]
            # `compare` reads throughputs: more is better.
            found = compare(
                [1 / one["step_ms"] for one in plain], [1 / one["step_ms"] for one in ours],
                paired=True, margin=0.03,
            )  # fmt: skip
            known = found.low is not None and found.high is not None
            span = f"{1 / found.high:.3f} to {1 / found.low:.3f}" if known else "no interval"
            more = statistics.median(
                one["start_ms"] - other["start_ms"] for one, other in zip(ours, plain, strict=True)
            )
            print(f"  {arm:9} x {1 / found.ratio:.3f} ({span}); start {more:+.0f} ms", end="")
            said = [one["said"] for one in ours if "said" in one]
            print(f"; it says {statistics.median(said):.1%} itself" if said else "")


def made(torch: Any, name: str) -> tuple[Any, Any]:
    """(model, one step), as somebody writes them who has never heard of envkit."""
    nn, functional = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    if name == "mlp":
        model = nn.Sequential(
            *(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()),
            *(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)),
        )
        inputs, targets = torch.randn(64, 256), torch.randint(10, (64,))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    elif name == "cnn":
        model = nn.Sequential(
            *(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(2048, 10)),
        )
        inputs, targets = torch.randn(32, 3, 32, 32), torch.randint(10, (32,))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    else:
        layer = nn.TransformerEncoderLayer(64, 4, 256, batch_first=True, dropout=0.0)
        model = nn.Sequential(nn.Embedding(500, 64), nn.TransformerEncoder(layer, 2), nn.Linear(64, 500))
        inputs, targets = torch.randint(500, (16, 32)), torch.randint(500, (16 * 32,))
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(inputs).flatten(0, -2), targets)
        loss.backward()
        optimizer.step()

    return model, step


def looking(torch: Any, arm: str, model: Any) -> Any:
    """Another way to watch, on from here; what is returned must be kept."""
    if arm == "anomaly":
        return torch.autograd.set_detect_anomaly(True)
    if arm == "modules":

        def hook(module: Any, given: Any, out: Any) -> None:
            if isinstance(out, torch.Tensor) and not torch.isfinite(out).all():
                raise FloatingPointError(type(module).__name__)

        return [one.register_forward_hook(hook) for one in model.modules()]
    if arm == "dispatch":
        from torch.utils._python_dispatch import TorchDispatchMode

        class Look(TorchDispatchMode):  # type: ignore[misc]
            def __torch_dispatch__(
                self, function: Any, types: Any, args: Any = (), kwargs: Any = None
            ) -> Any:
                out = function(*args, **(kwargs or {}))
                for one in out if isinstance(out, (tuple, list)) else (out,):
                    if isinstance(one, torch.Tensor) and one.is_floating_point():
                        assert torch.isfinite(one).all()
                return out

        mode = Look()
        mode.__enter__()
        return mode
    return None


def inside(loop: str, arm: str, count: int) -> None:
    """In the target: CPU seconds until training begins, and of each stretch, as JSON."""
    import time

    import torch

    torch.set_num_threads(1)
    model, step = made(torch, loop)
    start = time.process_time()
    kept = looking(torch, arm, model)
    for _ in range(_STEPS[loop] // 4):
        step()
    stretches = []
    for _ in range(count):
        begin = time.process_time()
        for _ in range(_STEPS[loop]):
            step()
        stretches.append(time.process_time() - begin)
    print(json.dumps({"start": start, "stretches": stretches, "kept": kept is not None}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
