"""Keras: dense layers on a table, with fit()."""

import argparse

import keras
import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=240)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    width = max(32, int(640 * args.size**0.5))
    rng = np.random.default_rng(args.seed)
    x = rng.standard_normal((args.steps * 256 // 4 + 256, 32)).astype("float32")
    y = np.tanh(x[:, :1] * x[:, 1:2]) + 0.1 * x[:, 2:3]
    model = keras.Sequential([keras.layers.Input((32,))])
    for _ in range(3):
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.SGD(0.02, momentum=0.9), "mse")
    model.fit(x, y, batch_size=256, epochs=4, verbose=2)


if __name__ == "__main__":
    main()
