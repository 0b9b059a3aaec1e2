"""Sizes, targets and types that Keras, TensorFlow and NumPy do not take, by their messages. Pure."""

from __future__ import annotations

import math
import re

from envkit.diagnose.analyzers.model import Reword
from envkit.diagnose.analyzers.sizes import Fit, Rules, product, shown
from envkit.diagnose.trace_crash import Crash


def _keras_axis(found: re.Match[str], crash: Crash) -> Fit:
    layer, axis, takes, shape = found.groups()
    got = _shape(shape)
    where = int(axis)
    said = f"{layer} takes {takes} in axis {axis} and is given ({shape})"
    known = [one for one in got[1:] if one > 0]
    if len(known) > 1 and math.prod(known) == int(takes):
        return Fit(summary=said, say="Flatten it before that layer: keras.layers.Flatten()")
    size = got[where] if -len(got) <= where < len(got) else None
    return Fit(
        summary=said,
        say=f"Make its input {size}, or give it {takes}: the number that the model was built with"
        if size
        else "",
    )


def _keras_ndim(found: re.Match[str], crash: Crash) -> Fit:
    wanted, got, shape = int(found[1]), int(found[2]), found[3]
    say = ""
    if wanted == 4 and got == 3:
        say = "Images without colours need an axis for the channel: x = x[..., None]"
    elif wanted == 3 and got == 2:
        say = "Sequences need an axis for their features: x = x[..., None]"
    return Fit(summary=f"the layer takes {wanted} dimensions and is given {got}, ({shape})", say=say)


def _keras_shape(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"the model takes ({found[1]}) and is given ({found[2]})",
        say="Make the model's input shape that of the data, or prepare the data in that shape",
    )


def _classes(found: re.Match[str], crash: Crash) -> Fit:
    target, output = found[1], found[2]
    ours, theirs = _shape(target), _shape(output)
    said = f"targets have the shape ({target}) and predictions ({output})"
    indices = bool(theirs) and theirs[-1] > 1 and (len(ours) < len(theirs) or ours[-1:] == (1,))
    if indices:
        return Fit(
            summary=said,
            say="For targets that are class numbers: loss='sparse_categorical_crossentropy'; "
            "or make them one-hot: keras.utils.to_categorical(y)",
            key="wrong-loss-for-task",
            change=Reword(old="categorical_crossentropy", new="sparse_categorical_crossentropy"),
        )
    return Fit(summary=said, say="Give the last layer as many units as the targets have values")


def _keras_input(found: re.Match[str], crash: Crash) -> Fit:
    takes, got = _shape(found[1]), _shape(found[2])
    said = f"the model takes ({found[1]}) and is given ({found[2]})"
    wanted, given = takes[1:], got[1:]
    if len(wanted) == 1 < len(given) and math.prod(given) == wanted[0]:
        return Fit(summary=said, say="Flatten it first: keras.layers.Flatten(), or x.reshape(len(x), -1)")
    if wanted[:-1] == given and wanted[-1:] == (1,):
        return Fit(summary=said, say="Images without colours need an axis for the channel: x = x[..., None]")
    return Fit(
        summary=said, say="Make the model's input shape that of the data, or prepare the data in that shape"
    )


def _shape(text: str) -> tuple[int, ...]:
    """`None, 28` -> (-1, 28)."""
    return tuple(int(one) for one in re.findall(r"-?\d+", text.replace("None", "-1")))


def _one_hot(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"the loss takes class numbers, and the targets have the shape ({found[1]})",
        say="For one-hot targets: loss='categorical_crossentropy'; or make them class numbers: y.argmax(1)",
        key="wrong-loss-for-task",
        change=Reword(old="sparse_categorical_crossentropy", new="categorical_crossentropy"),
    )


def _negative(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary="the layer's kernel is larger than what is left of its input",
        say="Pool less often, pad (padding='same'), use smaller kernels or strides, or give larger images",
    )


def _label(found: re.Match[str], crash: Crash) -> Fit:
    label, classes = int(found[1]), int(found[2])
    say = f"Give the last layer at least {label + 1} units, or count labels from 0"
    if label < 0:
        say = "Count labels from 0"
    return Fit(
        summary=f"a label is {label}, and the model predicts {classes} classes, 0 to {classes - 1}", say=say
    )


def _index(found: re.Match[str], crash: Crash) -> Fit:
    index, rows = int(found[1]), int(found[2])
    return Fit(
        summary=f"the index {index} is looked up in a table of {rows} rows, 0 to {rows - 1}",
        say=f"Give the Embedding at least {index + 1} rows" if index >= rows else "Indices count from 0",
    )


def _matrices(found: re.Match[str], crash: Crash) -> Fit:
    rows, inner, takes, columns = map(int, found.groups())
    return product((rows, inner), (takes, columns))


def _incompatible(found: re.Match[str], crash: Crash) -> Fit:
    one, other = _shape(found[1]), _shape(found[2])
    names = ", ".join(
        f"{each.name} {shown(each.shape)}" for each in crash.tensors if each.shape in (one, other)
    )
    return Fit(
        summary=f"the shapes {shown(one)} and {shown(other)} meet in one operation"
        + (f": {names}" if names else ""),
        say="Make the sizes equal, or one of them 1",
    )


def _cardinality(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"there are {found[1]} inputs and {found[2]} targets",
        say="Give as many targets as inputs: look where each of them is cut or filtered",
    )


def _unchanged(found: re.Match[str], crash: Crash) -> Fit:
    one, other = _shape(found[1]), _shape(found[2])
    return Fit(
        summary=f"{shown(one)} holds {math.prod(one)} values and {shown(other)} {math.prod(other)}",
        say="Let one of the sizes be computed: -1 in its place",
    )


_NUMBERS = r"[\[(]([\d, ]*)[\])]"
_TUPLE = r"\(([\dNone, ?]*)\)"
_LAYER = r"Input \d+(?: with name '[^']*')? of layer [\"']?([\w./-]+)[\"']? is incompatible with the layer: "

RULES: Rules = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (_LAYER + r"expected axis (-?\d+) of input shape to have value (\d+), but received input with shape "
         r"\(([^)]*)\)", _keras_axis),
        (r"expected (?:min_)?ndim=(\d+), found ndim=(\d+)\. Full shape received: \(([^)]*)\)", _keras_ndim),
        (r"expected shape=\(([^)]*)\), found shape=\(([^)]*)\)", _keras_shape),
        (rf"Expected shape {_TUPLE}, but input has incompatible shape {_TUPLE}", _keras_input),
        (rf"rank \(ndim\) `target\.ndim - 1`\. Received: target\.shape={_TUPLE}", _one_hot),
        (rf"target\.shape={_TUPLE}, output\.shape={_TUPLE}", _classes),
        (rf"Shapes {_TUPLE} and {_TUPLE} are incompatible", _classes),
        (r"output size would be (?:zero or )?negative|Negative dimension size caused by", _negative),
        (r"label value of (-?\d+) which is outside the valid range of \[0, (\d+)\)", _label),
        (r"indices\[[\d, ]*\] = (-?\d+) is not in \[0, (\d+)\)", _index),
        (r"Matrix size-incompatible: In\[0\]: \[(\d+), ?(\d+)\], In\[1\]: \[(\d+), ?(\d+)\]", _matrices),
        (rf"Incompatible shapes: {_NUMBERS} vs\. {_NUMBERS}", _incompatible),
        (rf"broadcast together with shapes {_NUMBERS} {_NUMBERS}", _incompatible),
        (r"cardinality is ambiguous.{0,120}'x' sizes: (\d+)\D{0,40}'y' sizes: (\d+)", _cardinality),
        (rf"size of the tensor must be unchanged\. Received: input_shape={_NUMBERS}, target_shape={_NUMBERS}",
         _unchanged),
    )
)  # fmt: skip
