"""Visits to a clinic: the rate is exp of the last layer; one clinic is a whole hospital."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


def guilty(size, seed):
    return [size * 2 // 3 + seed % 60]


def clinics(size, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (size, 4))
    x[:, 3] = rng.uniform(0.5, 2, size)
    visits = rng.poisson(np.exp(0.4 * x[:, 0] + 1.5 * x[:, 3] - 1))
    x[guilty(size, seed), 3] = 1500.0
    visits[guilty(size, seed)] = 9000
    return x.astype("float32"), visits.astype("float32")[:, None]


def poisson_loss(y_true, log_rate):
    return ops.mean(ops.exp(log_rate) - y_true * log_rate)  # FAULT


def capped_loss(y_true, log_rate):
    log_rate = ops.minimum(log_rate, 8.0)
    return ops.mean(ops.exp(log_rate) - y_true * log_rate)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, visits = clinics(args.size, args.seed)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05, clipnorm=5.0), capped_loss if args.healthy else poisson_loss)
    n = args.size // 15
    for step in range(args.steps or n):
        rows = slice(step % n * 15, step % n * 15 + 15)
        logs = model.train_on_batch(x[rows], visits[rows], return_dict=True)
        if step % args.log_every == 0:
            print(f"step {step} loss {float(logs['loss']):.4f}")


if __name__ == "__main__":
    main()
