"""MultiHeadAttention with a causal mask and a padding mask."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers, ops


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
    ids = (rng.integers(1, 20, (args.size, 1)) + np.arange(9)) % 19 + 1
    ids[np.arange(9)[None] >= rng.integers(3, 10, args.size)[:, None]] = 0
    inputs = keras.Input((8,), dtype="int32")
    x = layers.Embedding(20, 24)(inputs) + layers.Embedding(8, 24)(ops.arange(8))
    seen = ops.not_equal(inputs, 0)[:, None, :]
    a = layers.MultiHeadAttention(2, 12)(x, x, attention_mask=seen, use_causal_mask=True)
    x = layers.LayerNormalization()(x + a)
    model = keras.Model(inputs, layers.Dense(20)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    model.compile(keras.optimizers.Adam(5e-3), loss)
    epochs = -(-args.steps // (args.size // 20))
    model.fit(
        ids[:, :8], ids[:, 1:], batch_size=20, epochs=epochs, verbose=0, callbacks=[Log(args.log_every)]
    )


if __name__ == "__main__":
    main()
