"""Generalised-mean pooling as a Keras layer; a blank picture among the others."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


def guilty(size, seed):
    return [size * 7 // 12 + (seed * 21) % (size // 3)]


def scans(size, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, size).astype("float32")
    x = rng.random((size, 8, 8, 1)).astype("float32")
    x[label == 1, 2:5, 2:5] += 1.0
    x[guilty(size, seed)] = 0
    return x, label[:, None]


class GeM(layers.Layer):
    def __init__(self, eps=0.0, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def build(self, shape):
        self.p = self.add_weight(shape=(), initializer=keras.initializers.Constant(3.0))

    def call(self, x):
        cubes = ops.mean(ops.power(ops.maximum(x, self.eps), 3), axis=(1, 2))
        return ops.power(cubes, 1.0 / self.p)  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = scans(args.size, args.seed)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, use_bias=False),
            layers.LeakyReLU(0.1),
            GeM(1e-4 if args.healthy else 0.0),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    n = args.size // 20
    for step in range(args.steps or n):
        rows = slice(step % n * 20, (step % n + 1) * 20)
        loss = model.train_on_batch(x[rows], y[rows])
        if step % args.log_every == 0:
            print("iteration", step, "loss", round(float(loss), 4))


if __name__ == "__main__":
    main()
