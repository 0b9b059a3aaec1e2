"""A GAN in a hand-written loop with two optimisers."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    generator = keras.Sequential([keras.Input((3,)), layers.Dense(16, "relu"), layers.Dense(2)])
    critic = keras.Sequential([keras.Input((2,)), layers.Dense(16, "relu"), layers.Dense(1)])
    opt_g, opt_d = keras.optimizers.Adam(1e-3, beta_1=0.5), keras.optimizers.Adam(1e-3, beta_1=0.5)
    bce = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def step_fn(real, noise):
        with tf.GradientTape() as td, tf.GradientTape() as tg:
            fake = generator(noise)
            on_real, on_fake = critic(real), critic(fake)
            d = bce(ops.ones_like(on_real), on_real) + bce(ops.zeros_like(on_fake), on_fake)
            g = bce(ops.ones_like(on_fake), on_fake)
        opt_d.apply_gradients(
            zip(td.gradient(d, critic.trainable_variables), critic.trainable_variables, strict=False)
        )
        opt_g.apply_gradients(
            zip(tg.gradient(g, generator.trainable_variables), generator.trainable_variables, strict=False)
        )
        return d, g

    for step in range(args.steps):
        real = rng.normal(1, 0.4, (args.size, 2)).astype("float32")
        d, g = step_fn(real, rng.normal(0, 1, (args.size, 3)).astype("float32"))
        if step % args.log_every == 0:
            print(f"step {step} d_loss {float(d):.4f} g_loss {float(g):.4f}")


if __name__ == "__main__":
    main()
