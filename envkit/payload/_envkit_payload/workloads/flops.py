"""Floating-point operations of one training step by closed form.

The convention is that of torch.utils.flop_counter: a multiply and an add are two; only matrix products,
convolutions and attention count; forward and backward. The backward of a layer is two products of the
forward's size (for its weights and for its inputs), but the first layer needs none for the data.
Attention counts all length x length scores although half of them are masked, and the backward counts no
recomputation of the scores: 3 times the forward, as Chowdhery et al. (PaLM, arXiv:2204.02311, appendix B)
count for MFU.
"""


def linear(inputs, outputs):
    """Forward, one row."""
    return 2.0 * inputs * outputs


def convolution(side, channels, filters, kernel):
    """Forward, one image; side: of the output."""
    return 2.0 * side * side * filters * channels * kernel * kernel


def mlp(size):
    """One sample, forward and backward."""
    first = linear(size["inputs"], size["hidden"])
    return 2 * first + 3 * linear(size["hidden"], size["classes"])


def cnn(size):
    """One sample: two 3x3 convolutions, each followed by 2x2 pooling, and two linear layers."""
    side = size["inputs"]
    one, two = size["channels"]
    first = convolution(side, 3, one, 3)
    rest = convolution(side // 2, one, two, 3)
    rest += linear(two * (side // 4) ** 2, size["hidden"]) + linear(size["hidden"], size["classes"])
    return 2 * first + 3 * rest


def rnn(size):
    """One sequence. The first state is a constant: no gradient flows into it."""
    width, length = size["width"], size["length"]
    layer = linear(2 * width, 4 * width)
    constant = linear(width, 4 * width)
    head = linear(width, size["vocabulary"])
    return 3 * length * (size["layers"] * layer + head) - size["layers"] * constant


def transformer(size):
    """One sequence: 12 width^2 weights a layer, scores and their product with the values, the head."""
    width, length = size["width"], size["length"]
    layer = linear(width, 12 * width) + 2 * linear(width, length)
    return 3 * length * (size["layers"] * layer + linear(width, size["vocabulary"]))


STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Of ResNet-50: width of the bottleneck, blocks, stride of the first block."""


def resnet50(size):
    """One sample; version 1.5: the stride is in the 3x3 convolution."""
    side = size["inputs"] // 2
    first = convolution(side, 3, 64, 7)
    side //= 2
    rest, channels = 0.0, 64
    for width, blocks, stride in STAGES:
        for block in range(blocks):
            rest += convolution(side, channels, width, 1)
            if block == 0:
                side //= stride
                rest += convolution(side, channels, 4 * width, 1)
            rest += convolution(side, width, width, 3) + convolution(side, width, 4 * width, 1)
            channels = 4 * width
    rest += linear(channels, size["classes"])
    return 2 * first + 3 * rest


FORMULAS = {"mlp": mlp, "cnn": cnn, "rnn": rnn, "transformer": transformer, "resnet50": resnet50}


def step(name, size, batch):
    """Floating-point operations of one step of `batch` samples or sequences."""
    return batch * FORMULAS[name](size)
