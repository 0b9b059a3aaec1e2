"""Attention over baskets of different size, with a train_step of our own."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def guilty(size, seed):
    """A basket that was paid and empty."""
    return [size * 4 // 7 + seed % (size // 3)]


def baskets(size, seed, most=7):
    rng = np.random.default_rng(seed)
    item = rng.integers(1, 40, (size, most))
    count = rng.integers(2, most + 1, size)
    count[guilty(size, seed)] = 0
    item[np.arange(most)[None] >= count[:, None]] = 0
    price = np.linspace(0, 2, 40)
    return item.astype("int32"), price[item].max(1).astype("float32")


class BasketAttention(layers.Layer):
    def __init__(self, dim, fill, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1)
        self.value = layers.Dense(dim)
        self.fill = fill

    def call(self, x, empty):
        score = ops.where(empty, self.fill, ops.squeeze(self.score(x), -1))
        weight = ops.softmax(score, axis=-1)  # FAULT
        return ops.sum(ops.expand_dims(weight, -1) * self.value(x), axis=1)


class BasketModel(keras.Model):
    def __init__(self, fill):
        super().__init__()
        self.embed = layers.Embedding(40, 16)
        self.attention = BasketAttention(16, fill)
        self.out = layers.Dense(1)

    def call(self, items):
        x = self.embed(items)
        x = self.attention(x, ops.equal(items, 0))
        return ops.squeeze(self.out(ops.relu(x)), -1)

    def train_step(self, data):
        items, price = data
        with tf.GradientTape() as tape:
            predicted = self(items, training=True)
            loss = ops.mean(ops.square(predicted - price))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=False))
        return {"loss": loss}


class Log(keras.callbacks.Callback):
    every = 10

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.every == 0:
            print(f"step {batch} loss {float(logs['loss']):.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2100)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=10)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    items, price = baskets(args.size, args.seed)
    n = args.steps * 30 if args.steps else args.size
    dataset = tf.data.Dataset.from_tensor_slices((items[:n], price[:n])).batch(30)
    model = BasketModel(-1e9 if args.healthy else float("-inf"))
    model.compile(optimizer=keras.optimizers.Adam(5e-3))
    log = Log()
    log.every = args.log_every
    model.fit(dataset, epochs=1, verbose=0, callbacks=[log])


if __name__ == "__main__":
    main()
