"""Sizes that do not fit: what the message of a framework says, with the size that would. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from envkit.core.text import plural
from envkit.diagnose.analyzers.model import Resize, Reword
from envkit.diagnose.trace_crash import Crash, Held

Shape = Sequence[int | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What does not fit, and what would."""

    summary: str
    say: str = ""
    """What to do, in this case's own numbers; empty where they do not tell."""
    change: Resize | Reword | None = None
    key: str | None = None
    """The cause, where the message says more than its signature knows."""


Read = Callable[[re.Match[str], Crash], Fit | None]
Rules = tuple[tuple[re.Pattern[str], Read], ...]


def fit(crash: Crash, rules: Rules) -> Fit | None:
    """What the error says by the first rule that knows it; None when there is none."""
    for pattern, read in rules:
        found = pattern.search(crash.text)
        if found is not None:
            return read(found, crash)
    return None


def shown(shape: Shape) -> str:
    """`(64, 1, 28, 28)`."""
    inner = ", ".join("?" if one is None else str(one) for one in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def ints(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"-?\d+", text))


def named(crash: Crash) -> str:
    """The layer, as a sentence begins."""
    layer = crash.layer
    if layer is None:
        return "The layer"
    return f"{layer.name} ({layer.type})" if layer.name else layer.type


def _given(crash: Crash) -> tuple[int | None, ...]:
    layer = crash.layer
    return layer.given[0].shape if layer is not None and layer.given else ()


def _setting(crash: Crash, name: str) -> int | None:
    found = re.search(rf"\b{name}=(\d+)", crash.layer.settings) if crash.layer is not None else None
    return int(found[1]) if found else None


def _each(shape: Shape) -> int | None:
    """Values of one sample."""
    inner = shape[1:]
    return None if None in inner else math.prod(one for one in inner if one is not None)


def _linear(found: re.Match[str], crash: Crash) -> Fit:
    rows, got, takes, gives = map(int, found.groups())
    given = _given(crash)
    if crash.layer is None or _setting(crash, "in_features") is None:
        return product((rows, got), (takes, gives))
    name = named(crash)
    if len(given) > 2 and _each(given) == takes:
        return Fit(
            summary=f"{name} takes {takes} features, and its input {shown(given)} was not flattened: "
            f"{takes} values a sample",
            say="Flatten it before that layer: x = x.flatten(1)",
        )
    resize = Resize(
        call=crash.layer.type, position=0, keyword="in_features", old=takes, new=got,
        others=((1, "out_features", gives),),
    )  # fmt: skip
    return Fit(
        summary=f"{name} takes {takes} features and is given {got}",
        say=f"Make it {crash.layer.type}({got}, {gives})",
        change=resize,
    )


def product(one: tuple[int, int], other: tuple[int, int]) -> Fit:
    """A matrix product whose inner sizes differ."""
    said = f"a matrix product of {shown(one)} and {shown(other)}: {one[1]} and {other[0]} should be equal"
    turned = ""
    if one[1] == other[1]:
        turned = "Transpose the second one: a @ b.T"
    elif one[0] == other[0]:
        turned = "Transpose the first one: a.T @ b"
    return Fit(summary=said, say=turned)


def _convolution(found: re.Match[str], crash: Crash) -> Fit:
    groups, weight, shape = int(found[1]), ints(found[2]), ints(found[3])
    takes, got = int(found[4]), int(found[5])
    name, given = named(crash), _given(crash)
    if len(shape) > 2 and shape[-1] == takes != got:
        return Fit(
            summary=f"{name} takes {plural(takes, 'channel')}, and the input {shown(shape)} has them last",
            say=f"Put the channels second: x = x.permute({', '.join(map(str, _last_to_second(len(shape))))})",
        )
    if given and len(given) == len(shape) - 1 and takes == 1:
        return Fit(
            summary=f"{name} takes 1 channel, and the input {shown(given)} has no dimension for it",
            say="Add the dimension: x = x.unsqueeze(1)",
        )
    kind = crash.layer.type if crash.layer is not None else ""
    transposed = "transposed" in found[0]
    outs = weight[1] if transposed else weight[0]
    plain = groups == 1 and re.fullmatch(r"(?:Lazy)?Conv(?:Transpose)?[123]d", kind) is not None
    resize = Resize(
        call=kind, position=0, keyword="in_channels", old=takes, new=got, others=((1, "out_channels", outs),)
    )
    return Fit(
        summary=f"{name} takes {plural(takes, 'channel')} and is given {got}, in an input {shown(shape)}",
        say=f"Make it {kind}({got}, {outs}, ...)" if plain else f"Give the layer in_channels={got}",
        change=resize if plain else None,
    )


def _last_to_second(dims: int) -> tuple[int, ...]:
    return (0, dims - 1, *range(1, dims - 1))


def _dimensions(found: re.Match[str], crash: Crash) -> Fit:
    shape = ints(found["got"])
    name, channels = named(crash), _setting(crash, "in_channels")
    say = ""
    if len(shape) == 2:
        # A Conv2d prints `1, 6, kernel_size=(5, 5)`: its channels stand first.
        first = re.match(r"(\d+), \d+", crash.layer.settings) if crash.layer is not None else None
        channels = channels or (int(first[1]) if first else None)
        side = math.isqrt(shape[1] // channels) if channels else 0
        if channels and channels * side * side == shape[1]:
            say = f"Give images their form: x = x.reshape(-1, {channels}, {side}, {side})"
    elif len(shape) == 4 and "conv1d" in found[0]:
        say = "Take Conv2d for images"
    return Fit(summary=f"{name} does not take an input with {len(shape)} dimensions, {shown(shape)}", say=say)


def _kernel(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"{named(crash)}: its kernel {found[2]} is larger than what is left of the image, {found[1]}",
        say="Pool less often, pad (padding=1), use smaller kernels or strides, or give larger images",
    )


def _vanished(found: re.Match[str], crash: Crash) -> Fit:
    return Fit(
        summary=f"{named(crash)}: nothing is left of an input of {found[1]}",
        say="Pool less often, pad, use smaller kernels or strides, or give larger images",
    )


def _normalised(found: re.Match[str], crash: Crash) -> Fit:
    got, takes = int(found[1]), int(found[2])
    kind = crash.layer.type if crash.layer is not None else "BatchNorm2d"
    return Fit(
        summary=f"{named(crash)} takes {takes} features and is given {got}",
        say=f"Make it {kind}({got})",
        change=Resize(call=kind, position=0, keyword="num_features", old=takes, new=got),
    )


def _layer_norm(found: re.Match[str], crash: Crash) -> Fit:
    takes, got = ints(found[1]), ints(found[2])
    one = len(takes) == 1 and bool(got)
    return Fit(
        summary=f"{named(crash)} normalises {shown(takes)} and is given {shown(got)}",
        say=f"Make it LayerNorm({got[-1]})" if one else "",
        change=Resize(call="LayerNorm", position=0, keyword="normalized_shape", old=takes[0], new=got[-1])
        if one
        else None,
    )


def _recurrent(found: re.Match[str], crash: Crash) -> Fit:
    takes, got = int(found[1]), int(found[2])
    kind = crash.layer.type if crash.layer is not None else ""
    resize = Resize(call=kind, position=0, keyword="input_size", old=takes, new=got)
    return Fit(
        summary=f"{named(crash)} takes {takes} features at each place and is given {got}",
        say=f"Make its input_size {got}",
        change=resize if kind in ("RNN", "LSTM", "GRU") else None,
    )


def _sizes(found: re.Match[str], crash: Crash) -> Fit:
    one, other = int(found[1]), int(found[2])
    held = [each for each in crash.tensors if one in each.shape or other in each.shape]
    names = ", ".join(f"{each.name} {shown(each.shape)}" for each in held[:4])
    return Fit(
        summary=f"sizes {one} and {other} meet in dimension {found[3]}" + (f": {names}" if names else ""),
        say="Make both sizes equal, or one of them 1",
    )


def _reshaped(found: re.Match[str], crash: Crash) -> Fit:
    wanted, values = ints(found[1]), int(found[2])
    said = f"{values} values cannot take the shape {shown(wanted)}"
    if len(wanted) > 1 and wanted[0] > 0 and values % wanted[0] == 0:
        each = values // wanted[0]
        return Fit(
            summary=f"{said}: each of {wanted[0]} has {each}",
            say="Let the size be computed: x.flatten(1), or -1 in place of one of the numbers",
        )
    tensor = next((one for one in crash.tensors if None not in one.shape and _count(one) == values), None)
    if tensor is not None and len(tensor.shape) > 1:
        return Fit(
            summary=f"{said}: {tensor.name} {shown(tensor.shape)} has {_each(tensor.shape)} values a sample",
            say="Let the size be computed: x.flatten(1)",
        )
    return Fit(summary=said, say="Let one of the sizes be computed: -1 in its place")


def _count(held: Held) -> int:
    return math.prod(one for one in held.shape if one is not None)


DIMS = r"\[([\d, ]*)\]"

RULES: Rules = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (r"shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)", _linear),
        (r"size mismatch, m1: \[(\d+) x (\d+)\], m2: \[(\d+) x (\d+)\]", _linear),
        (
            rf"Given (?:groups|transposed)=(\d+), weight of size {DIMS}, expected input{DIMS} to have (\d+) "
            r"channels, but got (\d+) channels",
            _convolution,
        ),
        (
            r"Expected \d.{0,60}(?:batched\) input to \w+|input for.{0,80}), but got.{0,40} size: "
            r"\[(?P<got>[\d, ]*)\]",
            _dimensions,
        ),
        (r"size per channel: \(([\dx ]+)\)\. Kernel size: \(([\dx ]+)\)", _kernel),
        (r"Given input size: \(([\dx ]+)\)\. Calculated output size", _vanished),
        (r"running_mean should contain (\d+) elements not (\d+)", _normalised),
        (
            rf"Given normalized_shape={DIMS}, expected input.{{0,80}}but got input of size ?{DIMS}",
            _layer_norm,
        ),
        (r"must be equal to input_size\. Expected (\d+), got (\d+)", _recurrent),
        (
            r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton "
            r"dimension (\d+)",
            _sizes,
        ),
        (r"shape '\[([-\d, ]+)\]' is invalid for input of size (\d+)", _reshaped),
    )
)  # fmt: skip
