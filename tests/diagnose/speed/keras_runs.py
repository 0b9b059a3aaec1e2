"""Trainings with Keras on TensorFlow for tests of what is seen of their time. `python keras_runs.py NAME`."""

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
import numpy as np
import tensorflow as tf
from keras import layers

SLEEP = 0.004
BATCH = 8
ROWS = 320


def data():
    x = np.random.default_rng(0).normal(size=(ROWS, 32)).astype("float32")
    return x, x[:, :1] * 2


def model():
    return keras.Sequential([keras.Input((32,)), layers.Dense(16, "relu"), layers.Dense(1)])


def slow(row):
    time.sleep(SLEEP)  # WAIT
    return row


def read(x, y):
    x = tf.py_function(slow, [x], tf.float32)
    x.set_shape((32,))
    return x, y


class Burns(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        until = time.perf_counter() + 0.02
        while time.perf_counter() < until:
            sum(range(200))  # BURN


def pipeline():
    """A slow map in Python, and a callback that works for 20 ms."""
    net = model()
    net.compile("adam", "mse")
    rows = tf.data.Dataset.from_tensor_slices(data()).map(read).batch(BATCH)  # MADE
    net.fit(rows, epochs=3, verbose=0, callbacks=[Burns()])
    return net.get_weights()


def several():
    """Eight steps in each call of a graph."""
    net = model()
    net.compile("sgd", "mse", steps_per_execution=8)
    net.fit(tf.data.Dataset.from_tensor_slices(data()).map(read).batch(BATCH), verbose=0)
    return net.get_weights()


def generated():
    """Batches that Python makes in another thread, holding its lock."""

    def batches():
        x, y = data()
        while True:
            for _ in range(400):
                sum(range(400))  # MAKES
            yield x[:BATCH], y[:BATCH]

    net = model()
    net.compile("sgd", "mse")
    net.fit(batches(), steps_per_epoch=150, epochs=2, verbose=0)
    return net.get_weights()


def traced():
    """A function that is traced for each number, and then a tape in eager mode."""
    x, y = data()
    net, optimizer = model(), keras.optimizers.SGD(0.01)

    @tf.function
    def step(x, y, number):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(x) - y) ** 2) * (1.0 + 0 * number)
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))

    for number in range(6):
        step(x[:BATCH], y[:BATCH], number)
    for rows, wanted in tf.data.Dataset.from_tensor_slices((x, y)).map(read).batch(BATCH).take(20):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((net(rows) - wanted) ** 2)
        gradients = tape.gradient(loss, net.trainable_variables)
        optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
    return net.get_weights()


def compiled():
    """By XLA, which the watcher does not look into."""
    net = model()
    net.compile("adam", "mse", jit_compile=True)
    net.fit(*data(), batch_size=BATCH, verbose=0)
    return net.get_weights()


def main():
    for name in sys.argv[1:]:
        keras.utils.set_random_seed(3)
        weights = globals()[name]()
        print(name, [float(one.sum()) for one in weights])


if __name__ == "__main__":
    main()
