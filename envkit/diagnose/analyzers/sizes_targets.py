"""Predictions, targets, indices and batches that do not fit each other, by torch's messages. Pure."""

from __future__ import annotations

import math
import re

from envkit.diagnose.analyzers.sizes import DIMS, Fit, Rules, ints, named, shown
from envkit.diagnose.trace_crash import Crash, Held


def _pairs(crash: Crash) -> tuple[Held, ...]:
    """Predictions and targets of a loss, or what else the innermost function was given."""
    return crash.layer.given if crash.layer is not None and len(crash.layer.given) > 1 else crash.tensors


def _batches(found: re.Match[str], crash: Crash) -> Fit:
    predicted, wanted = int(found[1]), int(found[2])
    return Fit(
        summary=f"there are predictions for {predicted} samples and targets for {wanted}",
        say="Keep the batch apart where tensors are reshaped: x.flatten(1) or x.view(x.size(0), -1), "
        "not x.view(-1, N) with an N that is not the size of one sample",
    )


def _target(found: re.Match[str], crash: Crash) -> Fit:
    target, given = ints(found[1]), ints(found[2])
    say = "Make both shapes equal"
    if math.prod(target) == math.prod(given):
        say = "Give the targets the shape of the predictions: y.view_as(prediction)"
        if given == (*target, 1):
            say = "Give the targets the shape of the predictions: y.unsqueeze(1)"
    return Fit(summary=f"predictions have the shape {shown(given)} and targets {shown(target)}", say=say)


def _label(found: re.Match[str], crash: Crash) -> Fit:
    label = int(found[1])
    held = _pairs(crash)
    classes = next((each.shape[1] for each in held if len(each.shape) > 1 and "float" in each.dtype), None)
    labels = next((each for each in held if each.least is not None and "int" in each.dtype), None)
    if classes is None or labels is None or labels.least is None or labels.most is None:
        return Fit(summary=f"a label is {label}, and there is no class of that number")
    said = (
        f"labels of this batch run from {labels.least} to {labels.most}, and the model predicts "
        f"{classes} classes, 0 to {classes - 1}"
    )
    if labels.least >= 1 and labels.most == classes:
        return Fit(summary=said, say="Count labels from 0: y - 1")
    if labels.least < 0:
        return Fit(summary=said, say=f"Leave out what has no class: ignore_index={labels.least}")
    return Fit(summary=said, say=f"Give the last layer at least {labels.most + 1} outputs")


def _index(found: re.Match[str], crash: Crash) -> Fit:
    layer = crash.layer
    rows = re.match(r"(\d+), (\d+)", layer.settings) if layer is not None else None
    if layer is None or rows is None or not layer.given or layer.given[0].most is None:
        return Fit(summary="an index lies outside of the table")
    least, most = layer.given[0].least or 0, layer.given[0].most
    if least < 0:
        return Fit(summary=f"{named(crash)} is given the index {least}", say="Indices count from 0")
    return Fit(
        summary=f"{named(crash)} has {rows[1]} rows, 0 to {int(rows[1]) - 1}, and is given the index {most}",
        say=f"Give it as many rows as there are different indices, at least {most + 1}: "
        f"{layer.type}({most + 1}, {rows[2]})",
    )


def _stacked(found: re.Match[str], crash: Crash) -> Fit:
    one, other = ints(found[1]), ints(found[3])
    said = f"samples of one batch differ in shape: {shown(one)} at {found[2]}, {shown(other)} at {found[4]}"
    if len(one) == len(other) == 3 and one[1:] == other[1:]:
        return Fit(summary=said, say="Read all images with the same colours: Image.open(path).convert('RGB')")
    if len(one) == len(other) == 3:
        return Fit(summary=said, say="Bring all images to one size: transforms.Resize((224, 224))")
    return Fit(
        summary=said,
        say="Pad them in a collate_fn: torch.nn.utils.rnn.pad_sequence(samples, batch_first=True)",
    )


RULES: Rules = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"Expected input batch_size \((\d+)\) to match target batch_size \((\d+)\)", _batches),
        (rf"[Tt]arget size \(torch\.Size\({DIMS}\)\).{{0,80}}input size \(torch\.Size\({DIMS}\)\)", _target),
        (r"Target (-?\d+) is out of bounds", _label),
        (r"index out of range in self", _index),
        (rf"equal size, but got {DIMS} at entry (\d+) and {DIMS} at entry (\d+)", _stacked),
    )
)  # fmt: skip
