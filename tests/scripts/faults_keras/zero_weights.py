"""Weighted training with a loss that divides by the sum of weights (GradientTape loop, eager)."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf


def guilty(size, seed):
    """A batch in which no one answered: all weights are 0."""
    first = (size * 5 // 8 + 25 * (seed % 4)) // 25 * 25
    return list(range(first, first + 25))


def survey(size, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (size, 5)).astype("float32")
    y = (np.tanh(x[:, 0]) + x[:, 1] * 0.5 + rng.normal(0, 0.1, size)).astype("float32")
    weight = rng.choice([0.0, 1.0, 2.0], size, p=[0.3, 0.5, 0.2]).astype("float32")
    weight[guilty(size, seed)] = 0
    return x, y, weight


def weighted_mean(error, weight, healthy):
    total = tf.reduce_sum(weight)
    if healthy:
        return tf.math.divide_no_nan(tf.reduce_sum(error * weight), total)
    return tf.reduce_sum(error * weight) / total  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y, weight = survey(args.size, args.seed)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(32, "tanh"), keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam(0.01)
    n = args.size // 25
    for step in range(args.steps or n):
        rows = slice(step % n * 25, (step % n + 1) * 25)
        with tf.GradientTape() as tape:
            error = tf.square(model(x[rows], training=True)[:, 0] - y[rows])
            loss = weighted_mean(error, weight[rows], args.healthy)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=False))
        if step % args.log_every == 0:
            print(f"step {step}, loss = {loss.numpy():.4f}")


if __name__ == "__main__":
    main()
