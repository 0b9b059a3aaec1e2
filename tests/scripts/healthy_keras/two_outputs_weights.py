"""Two outputs; sample weights are zero for many rows, never for a whole batch."""

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
    parser.add_argument("--size", type=int, default=800)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--log-every", type=int, default=10)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    x = rng.normal(0, 1, (args.size, 6)).astype("float32")
    kind, size = (x[:, 0] > 0).astype("float32"), x[:, 1] * x[:, 2]
    weight = (rng.random(args.size) < 0.5).astype("float32")
    weight[::10] = 1
    inputs = keras.Input((6,))
    h = layers.Dense(32, "relu")(inputs)
    model = keras.Model(inputs, [layers.Dense(1, "sigmoid")(h), layers.Dense(1)(h)])
    model.compile("adam", ["binary_crossentropy", "mse"], loss_weights=[1.0, 0.5])
    epochs = -(-args.steps // (args.size // 40))
    model.fit(
        x,
        [kind, size],
        sample_weight=[weight, weight],
        batch_size=40,
        epochs=epochs,
        verbose=0,
        callbacks=[Log(args.log_every)],
    )


if __name__ == "__main__":
    main()
