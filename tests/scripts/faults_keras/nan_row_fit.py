"""Energy use of buildings, ten thousand rows, one of them with a hole."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


def guilty(size, seed):
    return [int(np.random.default_rng(seed + 50).integers(size * 6 // 10, size))]


def buildings(size, seed, healthy):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (size, 6))
    y = x[:, 0] * 2 + np.maximum(x[:, 1], 0) - 0.5 * x[:, 2] * x[:, 3] + rng.normal(0, 0.2, size)
    if not healthy:
        x[guilty(size, seed), 4] = np.nan
    return x.astype("float32"), y.astype("float32")


class StepLog(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every = every

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.every == 0:
            print("step", batch, "loss", round(float(logs["loss"]), 4))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = buildings(args.size, args.seed, args.healthy)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(48, activation="tanh"),
            layers.Dense(24, activation="tanh"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse", metrics=["mae"])
    n = args.steps * 50 if args.steps else args.size
    log = StepLog(args.log_every)
    model.fit(x[:n], y[:n], batch_size=50, shuffle=False, verbose=0, callbacks=[log])  # FAULT


if __name__ == "__main__":
    main()
