"""Siamese network with contrastive loss; the distance is a layer. fit on arrays, not shuffled."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


def guilty(size, seed):
    """A pair whose halves are one and the same picture."""
    return [size * 5 // 8 + (seed * 3) % (size // 4)]


def pairs(size, seed):
    rng = np.random.default_rng(seed)
    people = rng.normal(0, 1, (25, 16))
    who = rng.integers(0, 25, size)
    same = rng.integers(0, 2, size)
    other = np.where(same == 1, who, (who + 1 + rng.integers(0, 23, size)) % 25)
    a = people[who] + rng.normal(0, 0.4, (size, 16))
    b = people[other] + rng.normal(0, 0.4, (size, 16))
    for i in guilty(size, seed):
        b[i], same[i] = a[i], 1
    return a.astype("float32"), b.astype("float32"), same.astype("float32")[:, None]


@keras.saving.register_keras_serializable()
class Distance(layers.Layer):
    def __init__(self, eps=0.0, **kwargs):
        super().__init__(**kwargs)
        self.eps = eps

    def call(self, inputs):
        left, right = inputs
        squared = ops.sum(ops.square(left - right), axis=-1, keepdims=True)
        return ops.sqrt(squared + self.eps)  # FAULT


def contrastive(y_true, distance):
    return ops.mean(y_true * distance + (1 - y_true) * ops.relu(1.5 - distance))


class Log(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every = every

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.every == 0:
            print(f"step {batch} - loss: {logs['loss']:.4f}")


def build(eps):
    inner = keras.Sequential(
        [keras.Input((16,)), layers.Dense(32, activation="tanh"), layers.Dense(8)], name="embed"
    )
    left, right = keras.Input((16,)), keras.Input((16,))
    return keras.Model([left, right], Distance(eps)([inner(left), inner(right)]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    a, b, same = pairs(args.size, args.seed)
    model = build(1e-9 if args.healthy else 0.0)
    model.compile(optimizer="adam", loss=contrastive)
    n = args.steps * 20 if args.steps else args.size
    model.fit(
        [a[:n], b[:n]], same[:n], batch_size=20, shuffle=False, verbose=0, callbacks=[Log(args.log_every)]
    )


if __name__ == "__main__":
    main()
