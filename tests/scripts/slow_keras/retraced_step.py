"""A tf.function that takes the step and the learning rate as Python numbers, so that it is traced again."""

import argparse

import keras
import numpy as np
import tensorflow as tf


def build(width):
    return keras.Sequential([
        keras.layers.Input((16,)),
        keras.layers.Dense(width, activation="tanh"),
        keras.layers.Dense(width, activation="tanh"),
        keras.layers.Dense(1),
    ])  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the width")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--healthy", action="store_true", help="pass tensors")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.standard_normal((4096, 16)).astype("float32")
    y = np.cos(x[:, :1] + x[:, 1:2]).astype("float32")
    model = build(max(8, int(128 * args.size**0.5)))
    weights = model.trainable_weights
    velocity = [tf.Variable(tf.zeros_like(weight)) for weight in weights]

    @tf.function
    def train_step(inputs, targets, rate):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(inputs, training=True) - targets) ** 2)
        gradients = tape.gradient(loss, weights)
        for weight, change, gradient in zip(weights, velocity, gradients, strict=False):
            change.assign(0.9 * change + gradient)
            weight.assign_sub(rate * change)
        return loss

    for step in range(args.steps):
        rate = 0.05 * (1 - step / args.steps)
        pick = rng.integers(0, len(x), 128)
        inputs, targets = tf.constant(x[pick]), tf.constant(y[pick])
        loss = train_step(inputs, targets, tf.constant(rate) if args.healthy else rate)  # SLOW
        if step % 10 == 0:
            tf.print("step", step, "loss", loss)


if __name__ == "__main__":
    main()
