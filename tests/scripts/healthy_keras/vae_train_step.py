"""A VAE with a train_step of its own and metrics."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


class Log(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every, self.step = every, 0

    def on_train_batch_end(self, batch, logs=None):
        if self.step % self.every == 0:
            print(f"step {self.step} loss {float(logs['loss']):.4f}")
        self.step += 1


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential([layers.Dense(24, "relu"), layers.Dense(4)])
        self.decoder = keras.Sequential([layers.Dense(24, "relu"), layers.Dense(10)])
        self.seeds = keras.random.SeedGenerator(1)

    def call(self, x):
        mean, log_variance = ops.split(self.encoder(x), 2, axis=-1)
        z = mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seeds)
        return self.decoder(z), mean, log_variance

    def train_step(self, x):
        with tf.GradientTape() as tape:
            rebuilt, mean, log_variance = self(x)
            kl = -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), -1)
            loss = ops.mean(ops.sum(ops.square(rebuilt - x), -1) + 0.1 * kl)
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=False))
        return {"loss": loss}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    z = rng.normal(0, 1, (args.size, 2))
    x = (np.tanh(z @ rng.normal(0, 1, (2, 10))) + rng.normal(0, 0.05, (args.size, 10))).astype("float32")
    model = VAE()
    model.compile(keras.optimizers.Adam(5e-3))
    epochs = -(-args.steps // (args.size // 40))
    dataset = (
        tf.data.Dataset.from_tensor_slices(x)
        .shuffle(args.size, seed=args.seed)
        .batch(40, drop_remainder=True)
    )
    model.fit(dataset, epochs=epochs, verbose=0, callbacks=[Log(args.log_every)])


if __name__ == "__main__":
    main()
