"""Two losses: one for all, one only for rows that have a second label."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def guilty(size, seed):
    first = (size * 3 // 5 + 20 * (seed % 5)) // 20 * 20
    return list(range(first, first + 20))


def rows(size, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (size, 4)).astype("float32")
    kind = (x[:, 0] > 0).astype("int32")
    grade = (x[:, 1] + 0.1 * rng.normal(0, 1, size)).astype("float32")
    graded = rng.random(size) < 0.4
    graded[guilty(size, seed)] = False
    return x, kind, grade, graded


class TwoHeads(keras.Model):
    def __init__(self, healthy):
        super().__init__()
        self.body = layers.Dense(24, activation="relu")
        self.kind, self.grade = layers.Dense(2), layers.Dense(1)
        self.healthy = healthy

    def call(self, x):
        h = self.body(x)
        return self.kind(h), self.grade(h)[:, 0]

    def train_step(self, data):
        x, (kind, grade, graded) = data
        with tf.GradientTape() as tape:
            logits, predicted = self(x, training=True)
            first = tf.nn.sparse_softmax_cross_entropy_with_logits(kind, logits)
            error = tf.boolean_mask(tf.abs(predicted - grade), graded)
            if self.healthy:
                second = tf.reduce_sum(error) / tf.maximum(1.0, tf.cast(tf.size(error), tf.float32))
            else:
                second = tf.reduce_mean(error)  # FAULT
            loss = tf.reduce_mean(first) + second
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=False))
        return {"loss": loss}


class Log(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every = every

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.every == 0:
            print(f"step {batch} loss {float(logs['loss']):.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1600)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, kind, grade, graded = rows(args.size, args.seed)
    dataset = tf.data.Dataset.from_tensor_slices((x, (kind, grade, graded))).batch(20)
    if args.steps:
        dataset = dataset.take(args.steps)
    model = TwoHeads(args.healthy)
    model.compile(optimizer=keras.optimizers.Adam(5e-3))
    model.fit(dataset, verbose=0, callbacks=[Log(args.log_every)])


if __name__ == "__main__":
    main()
