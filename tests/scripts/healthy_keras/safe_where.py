"""Zero-inflated amounts; ops.where inside and outside of the logarithm."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


def log_amount_error(y_true, y_pred):
    wet = y_true > 0
    inner = ops.log(ops.where(wet, y_true, 1.0))
    return ops.mean(ops.where(wet, ops.square(y_pred - inner), 0.0))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.normal(0, 1, (args.size, 4)).astype("float32")
    y = np.where(rng.random(args.size) < 0.4, 0, np.exp(x[:, 0])).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(24, "tanh"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), log_amount_error)
    for step in range(args.steps):
        rows = rng.integers(0, args.size, 40)
        loss = model.train_on_batch(x[rows], y[rows])
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
