"""Mistakes that end a Keras program, run one after another: prints what the watcher would write of each."""

import json
import os
import sys
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")
sys.path.insert(0, str(Path(__file__).parents[3] / "envkit" / "payload"))

import keras
import numpy as np
import tensorflow as tf
from _envkit_payload.watch.ending import crash
from keras import layers

X, Y = np.zeros((8, 28, 28), "float32"), np.zeros((8,), "int64")


def model(*inner, shape=(28, 28), loss="sparse_categorical_crossentropy"):
    made = keras.Sequential([layers.Input(shape), *inner, layers.Dense(10, activation="softmax")])
    made.compile("sgd", loss=loss)
    return made


def dense_axis():
    made = keras.Sequential([layers.Input((784,)), layers.Dense(10)])
    made.compile("sgd", loss="mse")
    made.fit(X, Y, verbose=0)


def conv_dimensions():
    made = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10)])
    made.compile("sgd", loss="mse")
    made.fit(X, Y, verbose=0)


def input_shape():
    made = keras.Sequential([layers.Input((32, 32, 3)), layers.Flatten(), layers.Dense(10)])
    made(np.zeros((8, 28, 28, 1), "float32"))


def labels_for_one_hot():
    model(layers.Flatten(), loss="categorical_crossentropy").fit(X, Y, verbose=0)


def one_hot_for_labels():
    model(layers.Flatten()).fit(X, np.zeros((8, 10), "float32"), verbose=0)


def shrunk_away():
    keras.Sequential([layers.Input((4, 4, 1)), layers.Conv2D(4, 5)])


def concatenated():
    a, b = layers.Input((4, 3)), layers.Input((5, 3))
    layers.Concatenate(axis=-1)([a, b])


def reshaped():
    keras.Sequential([layers.Input((28, 28)), layers.Reshape((10, 10))])


def cardinality():
    model(layers.Flatten()).fit(X, Y[:5], verbose=0)


def label_range():
    model(layers.Flatten()).fit(X, Y + 10, verbose=0)


def own_product():
    a, b = tf.zeros((8, 3)), tf.zeros((5, 3))
    a @ b


def own_sum():
    a, b = tf.zeros((8, 3)), tf.zeros((8, 5))
    a + b


def float64():
    a, b = tf.zeros((3, 3)), tf.zeros((3, 3), tf.float64)
    a @ b


def embedding():
    made = keras.Sequential([layers.Embedding(10, 4), layers.Flatten(), layers.Dense(1)])
    made(np.array([[3, 12]]))


def not_compiled():
    keras.Sequential([layers.Input((3,)), layers.Dense(1)]).fit(np.zeros((4, 3)), np.zeros(4), verbose=0)


def no_gradient():
    weight = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        loss = tf.constant(float(weight.numpy()) ** 2)
    keras.optimizers.SGD().apply_gradients([(tape.gradient(loss, weight), weight)])


CASES = {
    name: value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == "__main__" and name not in ("model",)
}


def main():
    for name in sys.argv[1:] or CASES:
        try:
            CASES[name]()
        except Exception as error:
            print(json.dumps({"case": name, **crash.seen(error)}))
        else:
            print(json.dumps({"case": name, "error_type": None}))


if __name__ == "__main__":
    main()
