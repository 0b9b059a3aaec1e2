"""Stripes or checks; a CNN with SGD and momentum."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


def textures(size, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, size)
    grid = np.indices((10, 10))
    stripes, checks = grid[0] % 2, grid.sum(0) % 2
    x = np.where(label[:, None, None] == 0, stripes, checks) + rng.normal(0, 0.4, (size, 10, 10))
    return x[..., None].astype("float32"), x.mean((1, 2)).astype("float32") + label


class Show(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every, self.seen = every, 0

    def on_train_batch_end(self, batch, logs=None):
        if self.seen % self.every == 0:
            print(f"step {self.seen} loss {logs['loss']:.5g}")
        self.seen += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=75)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = textures(args.size, args.seed)
    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    rate = 0.003 if args.healthy else 0.9
    model.compile(keras.optimizers.SGD(learning_rate=rate, momentum=0.9), "mse")  # FAULT
    epochs = -(-args.steps // (args.size // 32))
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0, callbacks=[Show(args.log_every)])  # FAULT


if __name__ == "__main__":
    main()
