"""A hand-written `fit` beside the workload that `bench` runs: the same model, data and steps, interleaved.

    python benchmarks/bench_overhead_keras.py --python .venv-tensorflow/bin/python --workload cnn --pairs 24

Each pair is two `fit` calls of one process, one after the other, in turns the one or the other first; both
have been traced and warmed up before. Seconds of the whole call, with its begin and end: by the clock, and of
CPU time, which other programs of a shared machine change less. The pairs are shared among `--processes`. The
ratio is ours / theirs, with the interval of envkit.stats over pairs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pairs import Pair, machine, options, save, spread

PAYLOAD = Path(__file__).parents[1] / "envkit" / "payload"


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--python", required=True, help="an interpreter that has TensorFlow")
    parser.add_argument("--workload", choices=("mlp", "cnn"), default="cnn")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one side of a pair, about")
    parser.add_argument("--processes", type=int, default=4)
    chosen = parser.parse_args()
    each = -(-chosen.pairs // chosen.processes)
    walls: list[Pair] = []
    cpus: list[Pair] = []
    for _ in range(chosen.processes):
        arguments = [chosen.workload, str(each), str(chosen.seconds)]
        command = [chosen.python, __file__, "--inside", *arguments]
        told = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True
        )
        for ours, theirs in json.loads(told.stdout.splitlines()[-1]):
            walls.append(Pair(ours=ours[0], theirs=theirs[0]))
            cpus.append(Pair(ours=ours[1], theirs=theirs[1]))
        print(f"{len(walls)} pairs", flush=True)
    save(walls + cpus, chosen.save)
    print(f"on {machine()}, {chosen.workload}, {len(walls)} pairs in {chosen.processes} processes")
    shown("wall", walls)
    shown("CPU", cpus)


def shown(kind: str, pairs: list[Pair]) -> None:
    """Print both sides and their ratio."""
    from envkit.stats import compare

    # `compare` reads rates: more is better.
    rates = [[1 / pair.theirs for pair in pairs], [1 / pair.ours for pair in pairs]]
    found = compare(*rates, paired=True, margin=0.01)
    interval = f"{1 / found.high:.4f} to {1 / found.low:.4f}" if found.low and found.high else "no interval"
    print(f"{kind} ms a step, ours   : {spread([1e3 * pair.ours for pair in pairs])}")
    print(f"{kind} ms a step, theirs : {spread([1e3 * pair.theirs for pair in pairs])}")
    print(f"{kind} ours / theirs     : {1 / found.ratio:.4f} ({interval}), {found.verdict}")


def hand_written(keras: Any, tf: Any, name: str, seed: int, batch: int) -> tuple[Any, Any]:
    """(model, dataset) as somebody writes them who has never heard of envkit."""
    import numpy

    layers = keras.layers
    if name == "mlp":
        shape = (784,)
        body = [layers.Dense(128, activation="relu"), layers.Dense(10)]
    else:
        shape = (32, 32, 3)
        body = [
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(10),
        ]
    model = keras.Sequential([keras.Input(shape), *body])
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = numpy.random.default_rng(seed)
    images = tf.data.Dataset.from_tensor_slices(rng.standard_normal((4, batch, *shape), dtype="float32"))
    classes = tf.data.Dataset.from_tensor_slices(rng.integers(10, size=(5, batch), dtype="int32"))
    return model, tf.data.Dataset.zip((images.repeat(), classes.repeat())).prefetch(tf.data.AUTOTUNE)


def inside(name: str, count: int, seconds: float) -> None:
    """In the target: `count` pairs of seconds a step, ours and theirs, as JSON."""
    import time

    sys.path.insert(0, str(PAYLOAD))
    from _envkit_payload import bench, bench_keras_environ, emit, interrupt, measure

    bench_keras_environ.prepare("cpu")
    import keras
    import tensorflow as tf
    from _envkit_payload import bench_keras
    from _envkit_payload.steptimer import StepTimer

    job = dict(bench.DEFAULTS, framework="tensorflow", device="cpu", scale="quick")
    backend = bench_keras.Backend(job, bench.World({}))
    work = backend.work(name, None, "quick")
    model, dataset = hand_written(keras, tf, name, job["seed"], work.facts["batch_size"])
    asked, told = interrupt.Interrupt(), emit.Emitter(os.open(os.devnull, os.O_WRONLY))

    Side = Callable[[int, float], int]

    def ours(steps: int, step: float) -> int:
        stretch = measure.Stretch(told, name, work, StepTimer(), step, steps * step, asked)
        measure.run(work, stretch)
        return stretch.end()["steps"] + 1  # `fit` makes one more, which nobody counts

    def theirs(steps: int, step: float) -> int:
        model.fit(dataset, epochs=1, steps_per_epoch=steps, verbose=0)
        return steps

    def taken(side: Side, steps: int, step: float) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        made = side(steps, step)
        return (time.perf_counter() - wall) / made, (time.process_time() - cpu) / made

    for side in (ours, theirs):  # tracing, warm-up
        side(5, 0.01)
    step = taken(theirs, 20, 0.01)[0]
    found = []
    for number in range(count):
        steps = max(10, int(seconds / step))
        both = {side: taken(side, steps, step) for side in ((ours, theirs) if number % 2 else (theirs, ours))}
        step = min(wall for wall, _ in both.values())
        found.append((both[ours], both[theirs]))
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        main()
