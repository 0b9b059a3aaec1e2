"""What must be set before TensorFlow is imported."""

import os

_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")
"""They would end `fit` early."""


def prepare(device):
    """Keras computes with TensorFlow whatever the person's default is, and the log keeps to what matters.

    device: of the job. For a CPU no CUDA is started; else warnings stay, as one says why a GPU is not used.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    for name in _LIMITS:
        os.environ.pop(name, None)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if device == "cpu" else "1")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
