"""A regression whose callback writes down all weights after each batch."""

import argparse
import json
import os
import tempfile

import keras
import numpy as np


class WeightDiary(keras.callbacks.Callback):
    def __init__(self, path, every=1):
        super().__init__()
        self.file = open(path, "w")  # noqa: SIM115
        self.every = every
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.batches % self.every:
            return
        entry = {"batch": self.batches, "loss": float(logs["loss"])}
        for weight in self.model.trainable_weights:
            values = weight.numpy().ravel()
            counts, edges = np.histogram(values, bins=50)  # SLOW
            entry[weight.path] = {
                "counts": counts.tolist(),
                "edges": edges.tolist(),
                "percentiles": np.percentile(values, range(0, 101, 5)).tolist(),  # SLOW
                "values": values[:1000].tolist(),
            }
        self.file.write(json.dumps(entry) + "\n")  # SLOW

    def on_train_end(self, logs=None):
        self.file.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the width")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--healthy", action="store_true", help="every 100 batches")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    width = max(16, int(192 * args.size**0.5))
    x = np.random.default_rng(args.seed).standard_normal((args.steps * 32 // 4 + 32, 20)).astype("float32")
    y = np.sin(x[:, :1]) * x[:, 1:2] + 0.1 * x[:, 2:3]
    model = keras.Sequential([keras.layers.Input((20,))])
    for _ in range(3):
        model.add(keras.layers.Dense(width, activation="swish"))
    model.add(keras.layers.Dense(1))
    model.compile(keras.optimizers.Adam(2e-3), "mse")
    with tempfile.TemporaryDirectory(prefix="diary-") as folder:
        diary = WeightDiary(os.path.join(folder, "weights.jsonl"), 100 if args.healthy else 1)
        model.fit(x, y, batch_size=32, epochs=4, verbose=2, callbacks=[diary])


if __name__ == "__main__":
    main()
