"""REINFORCE on a bandit, eager GradientTape, noisy returns."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=6)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    pays = rng.permutation(np.linspace(0, 1, args.size))
    logits = tf.Variable(tf.zeros(args.size))
    baseline = 0.0
    head = layers.Softmax()
    for step in range(args.steps):
        with tf.GradientTape() as tape:
            log_p = tf.nn.log_softmax(logits)
            p = head(logits[None])[0].numpy().astype("float64")
            arm = rng.choice(args.size, 10, p=p / p.sum())
            reward = pays[arm] + rng.normal(0, 0.2, 10)
            loss = -tf.reduce_mean(tf.gather(log_p, arm) * (reward - baseline).astype("float32"))
        (gradient,) = tape.gradient(loss, [logits])
        logits.assign_sub(0.5 * gradient)
        baseline = 0.9 * baseline + 0.1 * reward.mean()
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f} reward {baseline:.3f}")


if __name__ == "__main__":
    main()
