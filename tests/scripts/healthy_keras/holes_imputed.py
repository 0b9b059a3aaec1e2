"""Rows with holes: NaN is replaced in a tf.data pipeline before the model sees it."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers


class Log(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every, self.step = every, 0

    def on_train_batch_end(self, batch, logs=None):
        if self.step % self.every == 0:
            print(f"step {self.step} loss {float(logs['loss']):.4f}")
        self.step += 1


def impute(x, y):
    return tf.where(tf.math.is_nan(x), tf.zeros_like(x), x), y


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.normal(0, 1, (args.size, 5)).astype("float32")
    y = (x[:, 0] - 2 * x[:, 1]).astype("float32")
    x[rng.random(x.shape) < 0.08] = np.nan
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).map(impute).batch(20).repeat().take(args.steps)
    model = keras.Sequential([keras.Input((5,)), layers.Dense(24, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "huber")
    model.fit(dataset, verbose=0, callbacks=[Log(args.log_every)])


if __name__ == "__main__":
    main()
