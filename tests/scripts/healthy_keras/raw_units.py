"""Regression in raw units with a Normalization layer that was adapted."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=900)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = np.stack([rng.normal(1800, 400, args.size), rng.normal(5e4, 2e4, args.size)], 1).astype("float32")
    y = (0.02 * x[:, 0] + 3e-4 * x[:, 1] + rng.normal(0, 1, args.size)).astype("float32")
    scale = layers.Normalization()
    scale.adapt(x)
    model = keras.Sequential([keras.Input((2,)), scale, layers.Dense(32, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mae")
    for step in range(args.steps):
        rows = rng.integers(0, args.size, 32)
        loss = model.train_on_batch(x[rows], y[rows])
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
