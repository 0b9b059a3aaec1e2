"""Which of two instruments is louder? Statistics over time, pooled by our own layer."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


def guilty(size, seed):
    """A track with nothing on it."""
    return [size * 3 // 5 + (seed * 9) % (size // 3)]


def tracks(size, seed, length=10):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (size, length, 6)).astype("float32")
    y = rng.integers(0, 2, size)
    x[y == 1, :, 0] *= 2.5
    x[y == 0, :, 1] *= 2.5
    x[guilty(size, seed)] = 0
    return x, y


class StatsPool(layers.Layer):
    """Mean and standard deviation over time, as in speaker networks."""

    def __init__(self, safe, **kwargs):
        super().__init__(**kwargs)
        self.safe = safe

    def call(self, x):
        mean = ops.mean(x, axis=1)
        variance = ops.mean(ops.square(x - mean[:, None]), axis=1)
        if self.safe:
            return ops.concatenate([mean, ops.sqrt(variance + 1e-6)], axis=-1)
        std = ops.sqrt(variance)  # FAULT
        return ops.concatenate([mean, std], axis=-1)


class Progress(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every, self.step = every, 0

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.every == 0:
            print(f"step {self.step} loss {logs['loss']:.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = tracks(args.size, args.seed)
    inputs = keras.Input((10, 6))
    h = layers.Dense(16, use_bias=False)(inputs)
    h = StatsPool(args.healthy)(h)
    h = layers.Dense(16, activation="gelu")(h)
    outputs = layers.Dense(2)(h)
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss)
    n = args.steps * 20 if args.steps else args.size
    model.fit(x[:n], y[:n], batch_size=20, shuffle=False, verbose=0, callbacks=[Progress(args.log_every)])


if __name__ == "__main__":
    main()
