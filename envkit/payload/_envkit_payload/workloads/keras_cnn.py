"""cnn: 32x32x3 images, two 3x3 convolutions with pooling, two linear layers."""

import keras
from keras import layers


def _weights():
    """Of one layer: two that share an initialiser get the same random numbers."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def build(size, jit):
    """The model; images are channels-last, as Keras has them. jit: whether XLA will compile it."""
    one, two = size["channels"]
    side = size["inputs"]
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Conv2D(one, 3, padding="same", activation="relu", kernel_initializer=_weights()),
            layers.MaxPooling2D(2),
            layers.Conv2D(two, 3, padding="same", activation="relu", kernel_initializer=_weights()),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(size["hidden"], "relu", kernel_initializer=_weights()),
            layers.Dense(size["classes"], kernel_initializer=_weights()),
        ]
    )


def inputs(size, batch, rng):
    """Random images of one step. rng: a numpy Generator."""
    return rng.standard_normal((batch, size["inputs"], size["inputs"], 3), dtype="float32")


def targets(size, batch, rng):
    """Random classes of one step."""
    return rng.integers(size["classes"], size=batch, dtype="int32")
