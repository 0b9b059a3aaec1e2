"""Sizes of the training workloads: one table for every framework.

`batch` is for a CPU, `batch_accelerator` for a GPU, where a small batch measures the launching of kernels.
"""

_LSTM = {"unit": "tokens", "vocabulary": 10000}
_GPT = {"unit": "tokens"}
_IMAGES = {"unit": "samples", "inputs": 224, "classes": 1000}

_MLP = {"unit": "samples", "inputs": 784, "hidden": 128, "classes": 10, "batch": 64, "batch_accelerator": 64}
_CNN = {
    "unit": "samples",
    "inputs": 32,
    "channels": (32, 64),
    "hidden": 256,
    "classes": 10,
    "batch": 100,
    "batch_accelerator": 100,
}

SIZES = {
    "mlp": {"quick": _MLP, "default": _MLP, "full": _MLP},
    "cnn": {"quick": _CNN, "default": _CNN, "full": _CNN},
    # default and full: "small" and "large" of Zaremba, Sutskever and Vinyals, arXiv:1409.2329.
    "rnn": {
        "quick": dict(_LSTM, vocabulary=1000, width=64, layers=1, length=32, batch=16, batch_accelerator=64),
        "default": dict(_LSTM, width=200, layers=2, length=20, batch=20, batch_accelerator=128),
        "full": dict(_LSTM, width=1500, layers=2, length=35, batch=20, batch_accelerator=128),
    },
    # full: GPT-2 of 124 million parameters, with the batch that nanoGPT trains it with.
    "transformer": {
        "quick": dict(
            _GPT, vocabulary=256, width=128, layers=4, heads=4, length=64, batch=8, batch_accelerator=32
        ),
        "default": dict(
            _GPT, vocabulary=256, width=384, layers=6, heads=6, length=256, batch=4, batch_accelerator=64
        ),
        "full": dict(
            _GPT, vocabulary=50257, width=768, layers=12, heads=12, length=1024, batch=1, batch_accelerator=12
        ),
    },
    "resnet50": {
        "quick": dict(_IMAGES, batch=4, batch_accelerator=64),
        "default": dict(_IMAGES, batch=8, batch_accelerator=128),
        "full": dict(_IMAGES, batch=16, batch_accelerator=256),
    },
}

OPTIMISERS = {
    "mlp": {"name": "sgd", "rate": 0.01, "momentum": 0.9},
    "cnn": {"name": "sgd", "rate": 0.01, "momentum": 0.9},
    "resnet50": {"name": "sgd", "rate": 0.01, "momentum": 0.9},
    "rnn": {"name": "adamw", "rate": 3e-4, "betas": (0.9, 0.95), "decay": 0.1},
    "transformer": {"name": "adamw", "rate": 3e-4, "betas": (0.9, 0.95), "decay": 0.1},
}

INITIAL = {
    "mlp": "weights normal with variance 2 / inputs of the unit, biases 0",
    "cnn": "weights normal with variance 2 / inputs of the unit, biases 0",
    "resnet50": "convolutions normal with variance 2 / (k*k*outputs), last scale of a block 0",
    "rnn": "embedding normal 0.1; the rest uniform in +-1/sqrt(width), biases 0",
    "transformer": "normal 0.02, into the residual stream 0.02/sqrt(2 layers), biases 0",
}
"""How the weights start, in every framework."""


def size(name, scale):
    """Sizes of a workload: a dict of the names above."""
    return SIZES[name][scale]


def batch(name, scale, accelerator):
    """Its own batch size for one process."""
    return SIZES[name][scale]["batch_accelerator" if accelerator else "batch"]


def items(size, batch):
    """Samples or tokens of one step."""
    return batch * size.get("length", 1)
