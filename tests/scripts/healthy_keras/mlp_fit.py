"""A classifier on two rings, fit with validation."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


class Log(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every, self.step = every, 0

    def on_train_batch_end(self, batch, logs=None):
        if self.step % self.every == 0:
            print(f"step {self.step} loss {float(logs['loss']):.4f}")
        self.step += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=75)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    label = rng.integers(0, 2, args.size)
    angle = rng.uniform(0, 6.28, args.size)
    x = np.stack([np.cos(angle), np.sin(angle)], 1) * (1 + label[:, None]) + rng.normal(
        0, 0.15, (args.size, 2)
    )
    model = keras.Sequential([keras.Input((2,)), layers.Dense(32, "relu"), layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    epochs = -(-args.steps // (args.size * 4 // 5 // 32))
    model.fit(x, label, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[Log(args.log_every)])


if __name__ == "__main__":
    main()
