"""What `envkit diagnose` costs a Keras `fit`: CPU time of the same training with and without the watcher.

    python benchmarks/diagnose_overhead_keras.py --python .venv-tensorflow/bin/python --runs 12

Each run is a process of its own; arms take turns in random order: `plain`, `watched`, and
`check_numerics` (`tf.debugging.enable_check_numerics()`, what TensorFlow itself offers). CPU time is taken
after a first epoch, in which graphs are traced, so that start-up is not part of it. Printed:
milliseconds a step, and the ratio to `plain` with the range of the middle half of the runs.
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

ROOT = Path(__file__).resolve().parents[1]
ARMS = ("plain", "watched", "check_numerics")


def main() -> None:
    """Run the arms and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True, help="an interpreter that has TensorFlow")
    parser.add_argument("--model", choices=("mlp", "cnn"), default="cnn")
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--steps", type=int, default=600)
    chosen = parser.parse_args()
    found: dict[str, list[float]] = {arm: [] for arm in ARMS}
    order = [arm for arm in ARMS for _ in range(chosen.runs)]
    random.Random(0).shuffle(order)
    for arm in order:
        found[arm].append(run(chosen.python, arm, chosen.model, chosen.steps))
    plain = statistics.median(found["plain"])
    for arm in ARMS:
        low, middle, high = statistics.quantiles(found[arm], n=4)
        print(
            f"{arm:15} {middle:.3f} ms of CPU a step, {middle / plain - 1:+.1%} "
            f"({low / plain - 1:+.1%} to {high / plain - 1:+.1%}), {len(found[arm])} runs"
        )


def run(python: str, arm: str, model: str, steps: int) -> float:
    """Milliseconds of CPU time a step of one process."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        if arm == "watched":
            env |= {
                "PYTHONPATH": str(ROOT / "envkit" / "payload" / "_envkit_inject"),
                "ENVKIT_WATCH_DIR": folder,
            }
        command = [python, __file__, "--inside", arm, model, str(steps)]
        told = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return float(json.loads(told.stdout.splitlines()[-1]))


def inside(arm: str, model: str, steps: int) -> None:
    """The training, in a process with TensorFlow."""
    import time

    import keras
    import numpy
    import tensorflow as tf
    from keras import layers

    if arm == "check_numerics":
        tf.debugging.enable_check_numerics()
    keras.utils.set_random_seed(0)
    shape = (784,) if model == "mlp" else (28, 28, 1)
    body = [layers.Dense(128, "relu"), layers.Dense(64, "relu")]
    if model == "cnn":
        body = [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(),
                layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]  # fmt: skip
    net = keras.Sequential([keras.Input(shape), *body, layers.Dense(10)])
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x = numpy.random.default_rng(0).normal(size=(32 * steps, *shape)).astype("float32")
    y = numpy.random.default_rng(1).integers(0, 10, 32 * steps)
    net.fit(x[: 32 * 50], y[: 32 * 50], batch_size=32, verbose=0)
    before = time.process_time()
    net.fit(x, y, batch_size=32, verbose=0)
    print(json.dumps(1e3 * (time.process_time() - before) / steps))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
