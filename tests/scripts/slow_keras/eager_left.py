"""A text classifier that was compiled with run_eagerly=True, to step through its call()."""

import argparse

import keras
import numpy as np


def texts(count, length, seed):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, count)
    words = rng.integers(1, 600, (count, length))
    loaded = rng.random((count, length)) < 0.25
    words[loaded] = words[loaded] // 3 * 3 % 597 + np.repeat(label, length).reshape(count, length)[loaded]
    return words.astype("int32"), label.astype("int32")


class Gated(keras.layers.Layer):
    def __init__(self, width):
        super().__init__()
        self.value = keras.layers.Dense(width)
        self.gate = keras.layers.Dense(width, activation="sigmoid")
        self.norm = keras.layers.LayerNormalization()

    def call(self, x):
        return self.norm(x + self.gate(x) * keras.ops.tanh(self.value(x)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the length of a text")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    words, label = texts(args.steps * 16 // 2 + 16, max(4, int(24 * args.size)), args.seed)
    model = keras.Sequential([keras.layers.Embedding(600, 32), *(Gated(32) for _ in range(4))])
    model.add(keras.layers.GlobalAveragePooling1D())
    model.add(keras.layers.Dense(3))
    model.compile(  # SLOW
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=not args.healthy,  # SLOW
    )
    model.fit(words, label, batch_size=16, epochs=2, verbose=2)


if __name__ == "__main__":
    main()
