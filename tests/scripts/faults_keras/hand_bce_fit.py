"""Spam or not, on made-up counts; binary cross-entropy as a function of our own, with fit."""

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
from keras import layers, ops


def mails(size, seed):
    rng = np.random.default_rng(seed)
    spam = rng.integers(0, 2, size)
    rate = np.where(spam[:, None] == 1, [6.0, 0.5, 4.0, 1.0], [0.5, 5.0, 1.0, 3.0])
    return rng.poisson(rate).astype("float32"), spam.astype("float32")[:, None]


def cross_entropy(y_true, y_pred):
    return -ops.mean(y_true * ops.log(y_pred) + (1 - y_true) * ops.log(1 - y_pred))  # FAULT


class Printer(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every, self.step = every, 0

    def on_train_batch_end(self, batch, logs=None):
        if self.step % self.every == 0:
            print(f"step {self.step} loss {logs['loss']:.5f}")
        self.step += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, y = mails(args.size, args.seed)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation=None if args.healthy else "sigmoid"),
        ]
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True) if args.healthy else cross_entropy
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss=loss)
    batch = 32
    epochs = -(-args.steps // (args.size // batch))
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=[Printer(args.log_every)])


if __name__ == "__main__":
    main()
