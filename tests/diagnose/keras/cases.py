"""Small trainings with one fault each, in one process with TensorFlow, whose start takes long.

`python cases.py PAYLOAD FOLDER` writes FOLDER/<case>/1.jsonl, a trace as the watcher writes it, and prints a
JSON line for each case: its name, what is expected, and whether weights and output are those of a run
without the watcher.
"""

from __future__ import annotations

import inspect
import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, sys.argv[1])
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

CASES = []


def case(key, op=None, samples=(), phase=None):
    """A function that trains and gives what of it must not change. Its guilty line ends with FAULT."""

    def keep(function):
        lines, first = inspect.getsourcelines(function)
        line = next(
            (first + place for place, text in enumerate(lines) if text.rstrip().endswith("# FAULT")), None
        )
        expected = {
            "name": function.__name__,
            "key": key,
            "op": op,
            "samples": samples,
            "phase": phase,
            "line": line,
        }
        CASES.append((function, expected))
        return function

    return keep


def dense(*more, units=1, shape=6):
    return keras.Sequential([keras.Input((shape,)), layers.Dense(8, "tanh"), *more, layers.Dense(units)])


def table(rows=160, columns=6):
    x = np.random.default_rng(1).normal(size=(rows, columns)).astype("float32")
    return x, x[:, 0] * 2 + 1


@case("log-of-zero", "log", (97,), "forward")
def log_in_a_loss():
    x, _ = table()
    x[97] = 0

    def loss(y_true, y_pred):
        return tf.reduce_mean(-tf.math.log(tf.nn.relu(y_pred[:, 0])) * y_true)  # FAULT

    model = keras.Sequential(
        [keras.Input((6,)), layers.Lambda(lambda v: ops.sum(ops.square(v), -1, keepdims=True))]
    )
    model = keras.Sequential([*model.layers, layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(keras.optimizers.SGD(1e-4), loss)
    model.fit(x, np.ones(160, "float32"), batch_size=16, verbose=0)
    return model.get_weights()


class Distance(layers.Layer):
    def call(self, x):
        return ops.sqrt(ops.sum(ops.square(x), -1, keepdims=True))


@case("sqrt-at-zero", "sqrt", (120,), "backward")
def root_in_a_layer():
    x, y = table()
    x[120] = 0
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, use_bias=False), Distance(), layers.Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(x, y, batch_size=16, epochs=2, verbose=0, shuffle=True)
    return [*model.get_weights(), *[one.numpy() for one in model.optimizer.variables]]


@case("bad-sample", None, (131,), "data")
def hole_in_the_data():
    x, y = table()
    x[131, 2] = np.nan
    model = dense(layers.Dropout(0.2), layers.BatchNormalization())
    model.compile("rmsprop", "mse", steps_per_execution=2)
    model.fit(x, y, batch_size=16, verbose=0)  # FAULT
    return model.get_weights()


class Trapped(keras.Model):
    def __init__(self):
        super().__init__()
        self.layer = layers.Dense(1)

    def call(self, x):
        return self.layer(x)

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            scale = self.layer(x) * x[:, :1]
            part = tf.where(x[:, :1] == 0, 1.0, tf.sin(scale) / scale)  # FAULT
            loss = tf.reduce_mean(tf.square(part - y[:, None]))
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
        return {"loss": loss}


@case("where-gradient-trap", "divide", (70,), "backward")
def own_step():
    x, y = table()
    x[70, 0] = 0
    model = Trapped()
    model.compile("sgd")
    model.fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(16), verbose=0)
    return model.get_weights()


@case("division-by-zero", "divide", tuple(range(64, 80)), "forward")
def traced_loop():
    x, y = table()
    weight = np.ones(160, "float32")
    weight[64:80] = 0
    model, optimizer = dense(), keras.optimizers.Adam(1e-2)

    @tf.function
    def step(x, y, w):
        with tf.GradientTape() as tape:
            error = tf.square(model(x)[:, 0] - y) * w
            loss = tf.reduce_sum(error) / tf.reduce_sum(w)  # FAULT
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        return loss

    losses = [
        step(x[at : at + 16], y[at : at + 16], weight[at : at + 16]).numpy() for at in range(0, 160, 16)
    ]
    return [*model.get_weights(), np.array(losses)]


@case("sqrt-at-zero", "sqrt", (50,), "backward")
def eager_loop():
    x, _ = table()
    x[50] = 0
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4, use_bias=False)])
    optimizer = keras.optimizers.SGD(1e-3)
    for at in range(0, 160, 10):
        rows = slice(at, at + 10)
        with tf.GradientTape() as tape:
            length = tf.sqrt(tf.reduce_sum(model(x[rows]) ** 2, 1))  # FAULT
            loss = tf.reduce_mean(length)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
    return model.get_weights()


@case("adam-eps-zero", "adam", (), "optimizer")
def half_weights():
    keras.config.set_dtype_policy("float16")
    try:
        words = np.random.default_rng(0).integers(0, 9, (64, 4))
        model = keras.Sequential([layers.Embedding(40, 4), layers.Flatten(), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(1e-2, epsilon=1e-8), "mse")  # FAULT
        model.fit(words, words[:, :1].astype("float16") / 9, batch_size=16, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    return model.get_weights()


@case(None)
def correct():
    x, y = table()
    model = dense(layers.Dropout(0.3), layers.BatchNormalization())
    model.compile(keras.optimizers.Adam(1e-2, clipnorm=1.0), "mse")
    history = model.fit(x, y, batch_size=16, epochs=3, verbose=0, validation_split=0.2)
    return [*model.get_weights(), np.array(history.history["loss"])]


@case(None)
def correct_half():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        x, y = table()
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(1, dtype="float32")]
        )
        model.compile(keras.optimizers.SGD(1e-2), "mse")
        model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    return model.get_weights()


def main():
    """Each case without the watcher, then each with it."""
    plain = []
    for function, _ in CASES:
        keras.utils.set_random_seed(7)
        plain.append(function())
    from _envkit_payload.watch import keras_watch, record
    from _envkit_payload.watch.tf import watch as tensorflow_watch

    recorder = record.Recorder(sys.argv[2])
    watch = tensorflow_watch.install(tf, recorder)
    keras_watch.install(keras, recorder)
    for (function, expected), before in zip(CASES, plain, strict=True):
        folder = os.path.join(sys.argv[2], expected["name"])
        os.mkdir(folder)
        recorder.folder, recorder._fd = folder, None
        recorder("process", argv=[expected["name"]])
        watch.tripped, watch.last = None, None
        keras.utils.set_random_seed(7)
        after = function()
        watch.flush()
        same = len(before) == len(after) and all(map(same_bits, before, after))
        print(json.dumps(dict(expected, same=same, on=recorder.on)))


def same_bits(one, other):
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)


if __name__ == "__main__":
    main()
