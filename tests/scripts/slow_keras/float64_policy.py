"""Option prices from a network, in float64 throughout, because the reference code is."""

import argparse

import keras
import numpy as np


def payoffs(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 2.0, (count, 10))
    return x, np.maximum(x[:, :5].sum(1) - x[:, 5:].sum(1), 0)[:, None]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the weights")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--healthy", action="store_true", help="float32")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    if not args.healthy:
        keras.config.set_floatx("float64")
        keras.config.set_dtype_policy("float64")  # SLOW
    width = max(16, int(640 * args.size**0.5))
    x, y = payoffs(args.steps * 256 // 3 + 256, args.seed)
    if args.healthy:
        x, y = x.astype("float32"), y.astype("float32")
    inputs = keras.Input((10,))
    h = inputs
    for _ in range(4):
        h = keras.layers.Dense(width, activation="relu")(h)
    model = keras.Model(inputs, keras.layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    model.fit(x, y, batch_size=256, epochs=3, verbose=2)


if __name__ == "__main__":
    main()
