"""Ask for more memory than there is; print what the backend makes of it, and that it still trains."""

import json
import sys

sys.path.insert(0, sys.argv[1])
from _envkit_payload import bench_keras_environ

bench_keras_environ.prepare("cpu")
import numpy  # noqa: E402
import tensorflow as tf  # noqa: E402
from _envkit_payload import bench, bench_keras, measure  # noqa: E402
from _envkit_payload.steptimer import StepTimer  # noqa: E402

TOO_MANY = 1 << 45
"""Numbers: 128 TiB, which no machine's kernel promises."""

job = dict(bench.DEFAULTS, framework="tensorflow", device="cpu", scale="quick", check=False)
backend = bench_keras.Backend(job, bench.World({}))
ways = {
    "one op": lambda: tf.zeros((TOO_MANY,)),
    "a traced step": lambda: tf.function(tf.zeros)(tf.constant([TOO_MANY], tf.int64)),
    "batches": lambda: backend.work("mlp", 1 << 36, "quick"),
    "another error": lambda: tf.zeros((2, 3)) @ tf.zeros((2, 3)),
}
seen = {}
for way, ask in ways.items():
    try:
        ask()
    except Exception as error:
        seen[way] = bench.failure("mlp", error, backend)["failure"]
    backend.release()
work = backend.work("mlp", None, "quick")
first = measure.First(work, StepTimer())
measure.run(work, first)
print(json.dumps({"seen": seen, "loss": work.loss() if numpy.isfinite(work.loss()) else None}))
