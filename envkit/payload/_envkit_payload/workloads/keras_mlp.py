"""mlp: 784-128-10 with ReLU, the smallest training that there is."""

import keras


def _weights():
    """Of one layer: two that share an initialiser get the same random numbers."""
    return keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal")


def build(size, jit):
    """The model. jit: whether XLA will compile it."""
    return keras.Sequential(
        [
            keras.Input((size["inputs"],)),
            keras.layers.Dense(size["hidden"], "relu", kernel_initializer=_weights()),
            keras.layers.Dense(size["classes"], kernel_initializer=_weights()),
        ]
    )


def inputs(size, batch, rng):
    """Random inputs of one step. rng: a numpy Generator."""
    return rng.standard_normal((batch, size["inputs"]), dtype="float32")


def targets(size, batch, rng):
    """Random classes of one step."""
    return rng.integers(size["classes"], size=batch, dtype="int32")
