"""Sequences of different length with a Masking layer; padding is -1 and never counts."""

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
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.random((args.size, 8, 2)).astype("float32")
    length = rng.integers(2, 9, args.size)
    inside = np.arange(8)[None] < length[:, None]
    y = (x[..., 0] * inside).sum(1) / length
    x[~inside] = -1
    model = keras.Sequential([keras.Input((8, 2)), layers.Masking(-1.0), layers.LSTM(12), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    epochs = -(-args.steps // (args.size // 40))
    model.fit(x, y, batch_size=40, epochs=epochs, verbose=0, callbacks=[Log(args.log_every)])


if __name__ == "__main__":
    main()
