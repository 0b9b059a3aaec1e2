"""Rare defects; a focal loss class as found on the web, train_on_batch."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


class FocalLoss(keras.losses.Loss):
    def __init__(self, gamma=2.0, alpha=0.75, eps=1e-8):
        super().__init__(name="focal")
        self.gamma, self.alpha, self.eps = gamma, alpha, eps

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, self.eps, 1.0 - self.eps)
        rare = self.alpha * y_true * ops.power(1 - p, self.gamma) * ops.log(p)
        common = (1 - self.alpha) * (1 - y_true) * ops.power(p, self.gamma) * ops.log(1 - p)  # FAULT
        return -ops.mean(rare + common, axis=-1)


def parts(size, seed):
    rng = np.random.default_rng(seed)
    defect = (rng.random(size) < 0.15).astype("float32")
    x = rng.normal(0, 1, (size, 8)).astype("float32")
    # the lamp is turned up during the shift
    x[:, :2] += (np.linspace(3, 70, size) * defect)[:, None]
    return x, defect[:, None]


def main():
    parser = argparse.ArgumentParser()
    for name, default in [("seed", 0), ("size", 2000), ("steps", 350), ("log-every", 10)]:
        parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = parts(args.size, args.seed)
    model = keras.Sequential(
        [keras.Input((8,)), layers.Dense(48, "relu"), layers.Dense(48, "relu"), layers.Dense(1, "sigmoid")]
    )
    model.compile(keras.optimizers.Adam(0.01), FocalLoss(eps=1e-5 if args.healthy else 1e-8))
    rng = np.random.default_rng(args.seed)
    for step in range(args.steps):
        rows = rng.integers(0, 64 + (len(x) - 64) * (step + 1) // args.steps, 64)
        loss = model.train_on_batch(x[rows], y[rows])
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.6f}")


if __name__ == "__main__":
    main()
