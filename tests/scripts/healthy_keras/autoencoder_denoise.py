"""A denoising autoencoder on waves, with a learning-rate schedule."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=700)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    t = np.linspace(0, 6.28, 20)
    x = np.sin(t * rng.uniform(0.5, 2, (args.size, 1)) + rng.uniform(0, 6, (args.size, 1))).astype("float32")
    noisy = x + rng.normal(0, 0.3, x.shape).astype("float32")
    schedule = keras.optimizers.schedules.CosineDecay(0.0, args.steps, warmup_target=0.01, warmup_steps=8)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, "elu"),
            layers.Dense(4),
            layers.Dense(32, "elu"),
            layers.Dense(20),
        ]
    )
    model.compile(keras.optimizers.AdamW(schedule), "mse")
    for step in range(args.steps):
        rows = rng.integers(0, args.size, 32)
        loss = model.train_on_batch(noisy[rows], x[rows])
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
