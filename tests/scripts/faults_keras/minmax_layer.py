"""Pictures are stretched to 0..1 by a layer of the model; one of them is grey throughout."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


def guilty(size, seed):
    return [size // 2 + (17 * seed + 3) % (size // 2)]


def pictures(size, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, size)
    x = rng.uniform(40, 90, (size, 8, 8))
    for k, rows in enumerate([slice(0, 3), slice(3, 6), slice(5, 8)]):
        x[label == k, rows] += 40
    x[guilty(size, seed)] = 77
    return x[..., None].astype("float32"), label


class Stretch(layers.Layer):
    def __init__(self, tiny=0.0, **kwargs):
        super().__init__(**kwargs)
        self.tiny = tiny

    def call(self, x):
        low = ops.min(x, axis=(1, 2, 3), keepdims=True)
        high = ops.max(x, axis=(1, 2, 3), keepdims=True)
        return (x - low) / (high - low + self.tiny)  # FAULT


class EveryN(keras.callbacks.Callback):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.n == 0:
            norm = np.linalg.norm(self.model.get_weights()[0])
            print(f"batch {batch}: loss={logs['loss']:.4f} weight norm={norm:.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, label = pictures(args.size, args.seed)
    inputs = keras.Input((8, 8, 1))
    h = Stretch(1e-3 if args.healthy else 0.0)(inputs)
    h = layers.Conv2D(8, 3, activation="relu")(h)
    h = layers.Flatten()(h)
    outputs = layers.Dense(3, activation="softmax")(h)
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    n = args.steps * 20 if args.steps else args.size
    model.fit(x[:n], label[:n], batch_size=20, shuffle=False, verbose=0, callbacks=[EveryN(args.log_every)])


if __name__ == "__main__":
    main()
