"""Two rows at a time go into train_on_batch, in a loop of its own."""

import argparse

import keras
import numpy as np


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the rows of the table")
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--healthy", action="store_true", help="64 rows, as many in all")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.standard_normal((max(64, int(4000 * args.size)), 12)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] + np.abs(x[:, 2:3])).astype("float32")
    rows = 64 if args.healthy else 2  # SLOW
    steps = max(3, args.steps // 32) if args.healthy else args.steps
    model = keras.Sequential([
        keras.layers.Input((12,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(1),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(4e-3 if args.healthy else 1e-3), "mse")
    for step in range(1, steps + 1):
        pick = rng.integers(0, len(x), rows)
        loss = model.train_on_batch(x[pick], y[pick])  # SLOW
        if step % max(1, 640 // rows) == 0:
            print(f"step {step} loss {float(loss):.4f}", flush=True)


if __name__ == "__main__":
    main()
