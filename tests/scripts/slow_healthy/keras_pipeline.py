"""Keras: a convolutional network behind a tf.data pipeline with parallel map and prefetch."""

import argparse

import keras
import tensorflow as tf


def pipeline(count, side, seed):
    axis = tf.linspace(-1.0, 1.0, side)

    def example(number):
        angle = tf.cast(number % 4, tf.float32) * 0.785
        wave = tf.sin(9 * (tf.cos(angle) * axis[:, None] + tf.sin(angle) * axis[None]))
        noise = tf.random.stateless_normal((side, side), tf.stack([tf.cast(seed, tf.int64), number]))
        return (wave + noise)[..., None], number % 4

    data = tf.data.Dataset.range(count).map(example, num_parallel_calls=tf.data.AUTOTUNE).cache()
    return data.shuffle(count, seed=seed).repeat().batch(32).prefetch(tf.data.AUTOTUNE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the pixels")
    parser.add_argument("--steps", type=int, default=120)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    side = max(16, int(40 * args.size**0.5))
    model = keras.Sequential([
        keras.layers.Input((side, side, 1)),
        keras.layers.Conv2D(32, 5, strides=2, activation="relu"),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(4),
    ])  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    data, each = pipeline(640, side, args.seed), min(40, args.steps)
    model.fit(data, steps_per_epoch=each, epochs=max(1, args.steps // each), verbose=2)


if __name__ == "__main__":
    main()
