"""Train the mlp from batches of tf.data, and from batches that lie on the device: print both losses."""

import json
import sys

sys.path.insert(0, sys.argv[1])
from _envkit_payload import bench_keras_environ

bench_keras_environ.prepare("cpu")
import keras  # noqa: E402
import numpy  # noqa: E402
from _envkit_payload import bench_keras  # noqa: E402
from _envkit_payload.workloads import keras_mlp, shapes  # noqa: E402

size, found = shapes.size("mlp", "quick"), {}
for way in ("piped", "resident"):
    keras.utils.set_random_seed(3)
    rng = numpy.random.default_rng(3)
    inputs = keras_mlp.inputs(size, 4 * 16, rng).reshape(4, 16, -1)
    targets = keras_mlp.targets(size, 5 * 16, rng).reshape(5, 16)
    model = keras_mlp.build(size, False)
    bench_keras.compiled(model, shapes.OPTIMISERS["mlp"], False)
    if way == "piped":
        dataset = bench_keras.piped(inputs, targets)
    else:
        dataset = bench_keras.resident(model, inputs, targets, "/CPU:0")
    told = model.fit(dataset, epochs=12, steps_per_epoch=1, verbose=0, shuffle=False)
    found[way] = told.history["loss"]
print(json.dumps(found))
