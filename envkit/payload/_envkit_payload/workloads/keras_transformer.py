"""transformer: a decoder in the form of GPT-2, with tied embeddings and no dropout."""

import keras
from keras import layers, ops


def _normal(deviation):
    return keras.initializers.RandomNormal(stddev=deviation)


def _built(layer, width):
    """The layer with its weights, which it would else get in the first call."""
    layer.build((None, None, width))
    return layer


def _dense(inputs, outputs, deviation=0.02):
    return _built(layers.Dense(outputs, kernel_initializer=_normal(deviation)), inputs)


def _norm(width):
    return _built(layers.LayerNormalization(epsilon=1e-5), width)


def _embedding(number, width):
    return _built(layers.Embedding(number, width, embeddings_initializer=_normal(0.02)), width)


class Block(layers.Layer):
    def __init__(self, size):
        super().__init__()
        self.width, self.heads = size["width"], size["heads"]
        into_stream = 0.02 / (2 * size["layers"]) ** 0.5
        self.before_attention = _norm(self.width)
        self.qkv = _dense(self.width, 3 * self.width)
        self.attended = _dense(self.width, self.width, into_stream)
        self.before_mlp = _norm(self.width)
        self.up = _dense(self.width, 4 * self.width)
        self.down = _dense(4 * self.width, self.width, into_stream)

    def attention(self, x):
        length = x.shape[1]
        parts = ops.reshape(self.qkv(x), (-1, length, 3, self.heads, self.width // self.heads))
        query, key, value = ops.unstack(ops.transpose(parts, (2, 0, 3, 1, 4)), 3)
        scores = ops.matmul(query * (self.width // self.heads) ** -0.5, ops.transpose(key, (0, 1, 3, 2)))
        mask = ops.tril(ops.ones((length, length), dtype="bool"))
        # Small enough for a weight of 0, and still a number of fp16.
        scores = ops.where(mask, scores, ops.cast(-3e4, scores.dtype))
        mixed = ops.matmul(ops.softmax(scores), value)
        return self.attended(ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (-1, length, self.width)))

    def call(self, x):
        x = x + self.attention(self.before_attention(x))
        return x + self.down(ops.gelu(self.up(self.before_mlp(x)), approximate=True))


class Model(keras.Model):
    def __init__(self, size):
        super().__init__()
        self.tokens = _embedding(size["vocabulary"], size["width"])
        self.positions = _embedding(size["length"], size["width"])
        self.blocks = [Block(size) for _ in range(size["layers"])]
        self.last = _norm(size["width"])

    def call(self, tokens):
        x = self.tokens(tokens) + self.positions(ops.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return ops.matmul(self.last(x), ops.transpose(self.tokens.embeddings))


def build(size, jit):
    """The model. jit: whether XLA will compile it."""
    return Model(size)


def inputs(size, batch, rng):
    """Random tokens of one step. rng: a numpy Generator."""
    return rng.integers(size["vocabulary"], size=(batch, size["length"]), dtype="int32")


targets = inputs
