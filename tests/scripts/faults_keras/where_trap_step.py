"""Radial profile with a Bessel-like kernel; ops.where hides the 0/0 at the centre."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import ops


def guilty(size, seed):
    return [int(np.random.default_rng(seed).integers(size * 2 // 3, size))]  # the ray through the centre


def rays(size, seed):
    rng = np.random.default_rng(seed + 1)
    r = rng.uniform(0.05, 4, size)
    r[guilty(size, seed)] = 0.0
    y = np.sinc(r) * 2 + 0.5 * np.sinc(2 * r) + rng.normal(0, 0.02, size)
    return r.astype("float32"), y.astype("float32")


class Profile(keras.Model):
    def __init__(self, terms, healthy):
        super().__init__()
        self.frequency = self.add_weight(
            shape=(terms,), initializer=keras.initializers.RandomUniform(0.5, 7.0)
        )
        self.amplitude = self.add_weight(shape=(terms,), initializer="zeros")
        self.healthy = healthy

    def kernel(self, phase):
        at_zero = ops.equal(phase, 0.0)
        if self.healthy:
            phase = ops.where(at_zero, 1.0, phase)
        return ops.where(at_zero, 1.0, ops.sin(phase) / phase)  # FAULT

    def call(self, r):
        return ops.sum(self.kernel(r[:, None] * self.frequency) * self.amplitude, axis=-1)


@tf.function
def train_step(model, optimizer, r, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(r) - y))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=False))
    return loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    r, y = rays(args.size, args.seed)
    model = Profile(20, args.healthy)
    optimizer = keras.optimizers.Adam(0.02)
    dataset = tf.data.Dataset.from_tensor_slices((r, y)).batch(15).repeat()
    for step, (rb, yb) in enumerate(dataset.take(args.steps or args.size // 15 + 5)):
        loss = train_step(model, optimizer, rb, yb)
        if step % args.log_every == 0:
            tf.print("step", step, "loss", loss)


if __name__ == "__main__":
    main()
