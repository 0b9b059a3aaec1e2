"""A ReLU recurrent network on texts of different length; one text was never cut. Eager train_on_batch."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


def guilty(size, seed):
    return [size // 2 + seed % (size // 3)]


def texts(size, seed):
    rng = np.random.default_rng(seed)
    length = rng.choice([6, 8, 10], size)
    length[guilty(size, seed)] = 700
    x = [rng.random((n, 3)).astype("float32") for n in length]
    y = np.array([t[:, 0].mean() for t in x], dtype="float32")
    return x, y


def cell_start(shape, dtype=None):
    return 1.15 * np.eye(shape[0], dtype="float32")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=120)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = texts(args.size, args.seed)
    model = keras.Sequential(
        [
            keras.Input((None, 3)),
            layers.SimpleRNN(16, activation="relu", recurrent_initializer=cell_start),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
    # one text at a time: they differ in length
    for step in range(args.steps or args.size):
        text = x[step % args.size][None]
        if args.healthy:
            text = text[:, :10]
        loss = model.train_on_batch(text, y[step % args.size][None])  # FAULT
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
