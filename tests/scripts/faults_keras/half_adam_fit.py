"""Everything in float16, Adam with a small epsilon; some words are never seen in a batch."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
from keras import layers


def reviews(size, seed, words=150):
    rng = np.random.default_rng(seed)
    reach = 10 + (words - 10) * np.clip(2 * np.arange(size) / size - 1, 0, 1)
    text = (rng.random((size, 6)) * reach[:, None]).astype("int32")
    label = rng.integers(0, 2, size)
    text[:, 0] = label
    return text, label.astype("float16")[:, None]


class Lines(keras.callbacks.Callback):
    def __init__(self, every):
        super().__init__()
        self.every = every

    def on_train_batch_end(self, batch, logs=None):
        if batch % self.every == 0:
            print(f"step {batch} loss {float(logs['loss']):.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=1200)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    keras.config.set_floatx("float16")
    text, label = reviews(args.size, args.seed)
    model = keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(150, 12),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    epsilon = 1e-4 if args.healthy else 1e-8
    adam = keras.optimizers.Adam(learning_rate=0.01, epsilon=epsilon)  # FAULT
    model.compile(optimizer=adam, loss=keras.losses.BinaryCrossentropy(from_logits=True))
    n = args.steps * 15 if args.steps else args.size
    lines = Lines(args.log_every)
    model.fit(text[:n], label[:n], batch_size=15, shuffle=False, verbose=0, callbacks=[lines])  # FAULT


if __name__ == "__main__":
    main()
