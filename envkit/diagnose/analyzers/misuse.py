"""Types, targets and states that a function does not take: what a message says, and what would do. Pure."""

from __future__ import annotations

import re

from envkit.core.text import size
from envkit.diagnose.analyzers.sizes import Fit, Rules, shown
from envkit.diagnose.trace_crash import Crash, Held

_HALVES = ("half", "bfloat16", "float16")


def _held(crash: Crash) -> tuple[Held, ...]:
    given = crash.layer.given if crash.layer is not None else ()
    return (*crash.tensors, *given)


def _named(crash: Crash, dtype: str) -> str:
    """Tensors at hand of that type, as `x, y`."""
    kinds = {
        "double": "float64", "float": "float32", "half": "float16", "long": "int64", "int": "int32",
        "byte": "uint8", "unsigned char": "uint8",
    }  # fmt: skip
    wanted = kinds.get(dtype.lower(), dtype.lower())
    return ", ".join(dict.fromkeys(one.name for one in _held(crash) if one.dtype == wanted))


def _indices(found: re.Match[str], crash: Crash) -> Fit:
    got = found[1]
    return Fit(
        summary=f"the targets are of type {got}, and the loss takes class numbers as whole numbers",
        say="Make them whole numbers: y = y.long()"
        + (", or take a loss for numbers: mse_loss" if got.lower() in ("float", "double") else ""),
    )


def _two_types(found: re.Match[str], crash: Crash) -> Fit:
    one, other = found[1], found[2]
    said = f"one operation is given {one} and {other}"
    if "double" in (one.lower(), other.lower()):
        names = _named(crash, "double")
        return Fit(
            summary=said + (f": {names}" if names else ""),
            say="NumPy makes float64: convert it once, x.float() or torch.tensor(data, dtype=torch.float32)",
        )
    if any(half in (one + other).lower() for half in _HALVES):
        return Fit(
            summary=said, say="Run both forward pass and loss under torch.autocast, or bring both to one type"
        )
    whole = next((each for each in (one, other) if each.lower() not in ("float", "double")), other)
    names = _named(crash, whole)
    return Fit(
        summary=said + (f": {names}" if names else ""),
        say="Give values as floating-point numbers: x = x.float(), and divide bytes of images by 255",
    )


def _several_targets(found: re.Match[str], crash: Crash) -> Fit:
    target = next((one for one in _held(crash) if "int" in one.dtype and len(one.shape) == 2), None)
    if target is None:
        return Fit(
            summary="the loss takes one class number a sample, and is given several",
            say="Targets (N, 1): y.squeeze(1); one-hot targets: y.argmax(1), or y.float() as probabilities",
        )
    said = f"the loss takes one class number a sample, and {target.name} has the shape {shown(target.shape)}"
    if target.shape[1] == 1:
        return Fit(summary=said, say=f"Drop the dimension: {target.name}.squeeze(1)")
    return Fit(summary=said, say=f"Class numbers of one-hot targets: {target.name}.argmax(1)")


def _outside(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary="the loss takes probabilities, and is given values outside of 0 to 1",
        say="Compute it from logits: binary_cross_entropy_with_logits(output, target)",
    )


def _hidden(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"the state should have the shape ({found[1]}) and has ({found[2]})",
        say="Make the state for the batch at hand: torch.zeros(layers, x.size(0), hidden); the last batch of "
        "an epoch is smaller",
    )


def _normalisation(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"the layer takes {found[1]} dimensions and is given {found[2]}",
        say="BatchNorm1d is for features (N, C), BatchNorm2d for images (N, C, H, W)",
    )


def _checkpoint(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"{found[1]} has the shape ({found[2]}) in the checkpoint and ({found[3]}) in the model",
        say="Build the model with the sizes of the checkpoint, load it, and replace the last layer then; or "
        "leave out entries of another shape and load with strict=False",
    )


def _attention(found: re.Match[str], crash: Crash) -> Fit:
    takes, got = found[1], found[2]
    return Fit(
        summary=f"the attention takes {takes} features and is given {got}",
        say=f"Make it MultiheadAttention({got}, ...), or project the input to {takes}",
    )


def _one_value(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"a batch of shape ({found[1]}) has one value a channel, whose variance is none",
        say="Drop the last, smaller batch: DataLoader(..., drop_last=True); to predict, model.eval() first",
    )


def _tensorflow_types(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"{found[1]} is given {found[3]} and takes {found[2]}",
        say=f"Convert it: tf.cast(x, tf.{'float32' if found[2] == 'float' else found[2]})",
    )


def _asked(found: re.Match[str], crash: Crash) -> Fit:
    """Out of memory; what holds it stands in the evidence."""
    if found["bytes"]:
        return Fit(summary=f"an operation asked for {size(int(found['bytes']))} of memory at once")
    return Fit(summary=f"an operation asked for {found['amount']} more than there was")


_IMPORTS = {
    "np": "import numpy as np", "nn": "import torch.nn as nn", "F": "import torch.nn.functional as F",
    "optim": "import torch.optim as optim", "tf": "import tensorflow as tf", "keras": "import keras",
    "layers": "from keras import layers", "plt": "import matplotlib.pyplot as plt",
    "pd": "import pandas as pd", "torch": "import torch",
    "DataLoader": "from torch.utils.data import DataLoader",
    "transforms": "from torchvision import transforms", "datasets": "from torchvision import datasets",
}  # fmt: skip


def _import(found: re.Match[str], crash: Crash) -> Fit | None:
    said = _IMPORTS.get(found[1])
    if said is None:
        return None
    return Fit(summary=f"{found[1]} was not imported", say=f"Import it: {said}")


def _other_framework(found: re.Match[str], crash: Crash) -> Fit:
    """An object of one framework, used as that of the other."""
    like = "Keras" if found[2] in _KERAS else "PyTorch"
    here = "PyTorch" if like == "Keras" else "Keras"
    way = {
        "PyTorch": "optimizer.zero_grad(), loss.backward(), optimizer.step()",
        "Keras": "model.compile(optimizer, loss) and model.fit(x, y), or optimizer.apply_gradients(...)",
    }[here]
    return Fit(
        summary=f"{found[1]} is {here}'s and has no {found[2]}, which is {like}'s",
        say=f"The way of {here}: {way}; or take the other framework's throughout",
    )


_KERAS = ("apply_gradients", "minimize", "get_weights", "fit", "compile")


def _collated(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary="samples of one batch differ in shape",
        say="Bring all samples to one shape in the dataset, or pad them in a collate_fn: "
        "torch.nn.utils.rnn.pad_sequence(samples, batch_first=True)",
    )


RULES: Rules = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"^name '(\w+)' is not defined", _import),
        (r"'(\w+)' object has no attribute '(step|zero_grad|parameters|to|apply_gradients|minimize|"
         r"get_weights|fit|compile)'", _other_framework),
        (r"(?s)collate.{1,4000}resize storage that is not resizable", _collated),
        (r"(?:tried|Tried) to allocate (?:(?P<bytes>\d+) bytes|(?P<amount>[\d.]+ [KMGT]iB))", _asked),
        (r"expected target dtype to be Long.{0,20}, but got (\w+)", _indices),
        (r"expected scalar type Long but found (\w+)", _indices),
        (r"expected scalar type (\w+) but found (\w+)", _two_types),
        (r"to? have the same dtype, but got:? (\w+) (?:and|!=) (\w+)", _two_types),
        (r"Found dtype (\w+) but expected (\w+)", _two_types),
        (r"Input type \(([\w. ]+)\) and (?:weight|bias) type \(([\w. ]+)\) should be the same", _two_types),
        (r"multi-target not supported", _several_targets),
        (r"all elements of input should be between 0 and 1", _outside),
        (r"Expected hidden(?:\[\d\])? size \(([\d, ]+)\), got [\[(]([\d, ]+)[\])]", _hidden),
        (r"expected (\dD(?: or \dD)?) input \(got (\dD) input\)", _normalisation),
        (
            r"size mismatch for ([\w.]+): copying a param with shape torch\.Size\(\[([\d, ]*)\]\) from "
            r"checkpoint, the shape in current model is torch\.Size\(\[([\d, ]*)\]\)",
            _checkpoint,
        ),
        (r"expecting embedding dimension of (\d+), but got (\d+)", _attention),
        (r"more than 1 value per channel when training, got input size torch\.Size\(\[([\d, ]*)\]\)",
         _one_value),
        (r"cannot compute (\w+) as input #\d+.{0,40}expected to be an? (\w+) tensor but is an? (\w+)",
         _tensorflow_types),
    )
)  # fmt: skip
