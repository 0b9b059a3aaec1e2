"""rnn: a language model of LSTM layers, trained on whole sequences with a fresh state."""

import keras
from keras import layers


def build(size, jit):
    """The model. jit: XLA cannot compile the kernels of cuDNN, so that the layers go without them."""
    width = size["width"]

    def uniform():
        return keras.initializers.RandomUniform(-(width**-0.5), width**-0.5)

    def lstm():
        return layers.LSTM(
            width,
            kernel_initializer=uniform(),
            recurrent_initializer=uniform(),
            unit_forget_bias=False,
            return_sequences=True,
            **({"use_cudnn": False} if jit else {}),
        )

    return keras.Sequential(
        [
            keras.Input((size["length"],), dtype="int32"),
            layers.Embedding(
                size["vocabulary"], width, embeddings_initializer=keras.initializers.RandomNormal(stddev=0.1)
            ),
            *[lstm() for _ in range(size["layers"])],
            layers.Dense(size["vocabulary"], kernel_initializer=uniform()),
        ]
    )


def inputs(size, batch, rng):
    """Random tokens of one step. rng: a numpy Generator."""
    return rng.integers(size["vocabulary"], size=(batch, size["length"]), dtype="int32")


targets = inputs
