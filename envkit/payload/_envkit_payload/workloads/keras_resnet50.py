"""resnet50: He et al., arXiv:1512.03385, version 1.5 (the stride is in the 3x3 convolution)."""

import keras
from keras import layers

from .flops import STAGES


def _convolution(x, filters, kernel, stride=1):
    if kernel > 1:  # torch's padding: the same on both sides
        x = layers.ZeroPadding2D(kernel // 2)(x)
    weights = keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")
    return layers.Conv2D(filters, kernel, stride, use_bias=False, kernel_initializer=weights)(x)


def _norm(x, scale="ones"):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=scale)(x)


def _bottleneck(x, width, stride):
    straight = x
    if x.shape[-1] != 4 * width:
        straight = _norm(_convolution(x, 4 * width, 1, stride))
    x = layers.ReLU()(_norm(_convolution(x, width, 1)))
    x = layers.ReLU()(_norm(_convolution(x, width, 3, stride)))
    x = _norm(_convolution(x, 4 * width, 1), "zeros")  # a block begins as the identity
    return layers.ReLU()(layers.Add()([x, straight]))


def build(size, jit):
    """The model; images are channels-last, as Keras has them. jit: whether XLA will compile it."""
    side = size["inputs"]
    images = x = keras.Input((side, side, 3))
    x = layers.ReLU()(_norm(_convolution(x, 64, 7, 2)))
    x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            x = _bottleneck(x, width, stride if block == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    weights = keras.initializers.RandomNormal(stddev=0.01)
    return keras.Model(images, layers.Dense(size["classes"], kernel_initializer=weights)(x))


def inputs(size, batch, rng):
    """Random images of one step. rng: a numpy Generator."""
    return rng.standard_normal((batch, size["inputs"], size["inputs"], 3), dtype="float32")


def targets(size, batch, rng):
    """Random classes of one step."""
    return rng.integers(size["classes"], size=batch, dtype="int32")
