"""A CNN with batch normalisation, dropout and a learning rate that was chosen boldly."""

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
    parser.add_argument("--size", type=int, default=600)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    label = rng.integers(0, 2, args.size)
    x = rng.normal(0, 0.5, (args.size, 10, 10, 1))
    x[label == 1, 3:6, 3:6] += 1.5
    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            layers.Conv2D(8, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(0.3, momentum=0.5), keras.losses.BinaryCrossentropy(from_logits=True))
    epochs = -(-args.steps // (args.size // 30))
    model.fit(x, label[:, None], batch_size=30, epochs=epochs, verbose=0, callbacks=[Log(args.log_every)])


if __name__ == "__main__":
    main()
