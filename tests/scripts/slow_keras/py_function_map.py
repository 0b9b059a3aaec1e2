"""Spots on images, found by a small network; the pipeline augments each image in a Python function."""

import argparse

import keras
import numpy as np
import tensorflow as tf


def spots(count, side, seed):
    rng = np.random.default_rng(seed)
    images = 0.2 * rng.standard_normal((count, side, side)).astype("float32")
    labels = rng.integers(0, 2, count)
    for image, label in zip(images, labels, strict=False):
        for _ in range(1 + 4 * label):
            y, x = rng.integers(2, side - 2, 2)
            image[y - 2 : y + 3, x - 2 : x + 3] += 1.0
    return images, labels.astype("int32")


def augment(image):
    """Smooth shifts and a vignette."""
    image = image.numpy()
    side = len(image)
    rows = np.arange(side)
    out = np.empty_like(image)
    for row in range(side):
        shift = 3 * np.sin(2 * np.pi * row / side + image[row, 0])
        out[row] = np.interp(rows + shift, rows, image[row])  # SLOW
    grid = np.hypot(*np.meshgrid(rows - side / 2, rows - side / 2)) / side
    return (out * (1 - 0.3 * grid)).astype("float32")[..., None]


def python_augment(image, label):
    image = tf.py_function(augment, [image], tf.float32)  # SLOW
    image.set_shape((None, None, 1))
    return image, label


def pipeline(images, labels, healthy, seed):
    data = tf.data.Dataset.from_tensor_slices((images, labels))
    if healthy:
        return data.map(python_augment).cache().shuffle(512, seed=seed).repeat().batch(16).prefetch(2)
    return data.shuffle(512, seed=seed).repeat().map(python_augment).batch(16)  # SLOW


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=float, default=1.0, help="factor on the pixels of an image")
    parser.add_argument("--steps", type=int, default=260)
    parser.add_argument("--healthy", action="store_true", help="augment once, cache, prefetch")
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    side = max(16, int(96 * args.size**0.5))
    images, labels = spots(256, side, args.seed)
    data = pipeline(images, labels, args.healthy, args.seed)
    data = data.map(lambda image, label: (tf.ensure_shape(image, (None, side, side, 1)), label))
    model = keras.Sequential([
        keras.layers.Input((side, side, 1)),
        keras.layers.Conv2D(8, 5, strides=4, activation="relu"),
        keras.layers.Conv2D(16, 3, strides=2, activation="relu"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(2),
    ])  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    epochs = max(1, args.steps // 20)
    model.fit(data, steps_per_epoch=min(20, args.steps), epochs=epochs, verbose=2)


if __name__ == "__main__":
    main()
