"""Direction of a vector field: the loss is the angle between prediction and truth."""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def field(size, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (size, 2)).astype("float32")
    # behind the wall the field points along x
    direction = np.stack([np.cos(2 * x[:, 0]), np.sin(2 * x[:, 0])], 1)
    wall = np.arange(size) > 0.5 * size
    direction[wall] = [1.0, 0.0]
    return x, direction.astype("float32"), wall.astype("float32")[:, None]


class Direction(keras.Model):
    def __init__(self, edge):
        super().__init__()
        self.a, self.b = layers.Dense(24, activation="tanh"), layers.Dense(2)
        self.edge = edge

    def call(self, inputs):
        x, wall = inputs
        free = self.b(self.a(x))
        # close to the wall the other component is suppressed
        return free * ops.concatenate([ops.ones_like(wall), 1 - wall], axis=-1) + 0.01 * ops.concatenate(
            [wall, 0 * wall], axis=-1
        )

    def angle(self, predicted, truth):
        unit = predicted / (ops.sqrt(ops.sum(predicted**2, -1, keepdims=True) + 1e-12))
        cosine = ops.clip(ops.sum(unit * truth, -1), -1 + self.edge, 1 - self.edge)
        return ops.arccos(cosine)  # FAULT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=2000)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--healthy", action="store_true")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    x, direction, wall = field(args.size, args.seed)
    model = Direction(1e-4 if args.healthy else 0.0)
    optimizer = keras.optimizers.Adam(5e-3)

    @tf.function
    def step_fn(xb, wb, db):
        with tf.GradientTape() as tape:
            loss = ops.mean(model.angle(model([xb, wb]), db))
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=False))
        return loss

    n = args.size // 20
    for step in range(args.steps or int(0.7 * n)):
        rows = slice(step % n * 20, (step % n + 1) * 20)
        loss = step_fn(x[rows], wall[rows], direction[rows])
        if step % args.log_every == 0:
            print(f"step {step} loss {float(loss):.4f}")


if __name__ == "__main__":
    main()
