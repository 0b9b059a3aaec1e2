"""mixed_float16 with a feed-forward block whose inputs are counts; one document is a book."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def guilty(size, seed):
    return [size * 4 // 7 + (seed * 5) % (size // 4)]


def counts(size, seed):
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, 2, size)
    x = rng.poisson(np.where(topic[:, None] == 0, [4, 1, 2, 1, 1, 3], [1, 4, 2, 3, 1, 1])).astype("float32")
    x[guilty(size, seed)] *= 900
    return x, topic


class Gated(layers.Layer):
    def __init__(self, units, dtype):
        super().__init__(dtype=dtype)
        self.gate = layers.Dense(units, activation="relu", dtype=dtype)
        self.up = layers.Dense(units, dtype=dtype)

    def call(self, x):
        return self.gate(x) * self.up(x)  # FAULT


class Net(keras.Model):
    def __init__(self, dtype):
        super().__init__()
        self.gated = Gated(32, dtype)
        self.norm = layers.LayerNormalization(dtype="float32")
        self.out = layers.Dense(2, dtype="float32")

    def call(self, x):
        return self.out(self.norm(self.gated(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1400)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, topic = counts(args.size, args.seed)
    model = Net("mixed_bfloat16" if args.healthy else "mixed_float16")
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    n = args.size // 20
    for step in range(args.steps or n):
        rows = slice(step % n * 20, (step % n + 1) * 20)
        with tf.GradientTape() as tape:
            loss = loss_fn(topic[rows], model(x[rows], training=True))
            loss = loss + 1e-5 * ops.sum(ops.square(model.out.kernel))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=False))
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
