"""The options of `envkit bench`, and those of one side of a comparison as they stand in --vs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from envkit.core.errors import UsageError

_DEVICE = re.compile(r"auto|cpu|mps|cuda(?::\d+)?|xpu(?::\d+)?")
_ENDPOINT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+):\d{1,5}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FRAMEWORKS = {
    "auto": None, "torch": "torch", "pytorch": "torch",
    "tensorflow": "tensorflow", "tf": "tensorflow", "keras": "tensorflow",
}  # fmt: skip
_PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
_COMPILE = ("off", "default", "reduce-overhead", "max-autotune", "xla")

WorkloadsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORKLOAD]...", help="What to measure, see --list; `history` shows what was recorded."
    ),
]
FrameworkOption = Annotated[
    str | None,
    typer.Option("--framework", metavar="torch|tensorflow", help="Default: the one that is installed."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:N]|mps|xpu", help="What to compute on.")
]
PrecisionOption = Annotated[
    str, typer.Option("--precision", metavar="|".join(_PRECISIONS), help="Of the arithmetic.")
]
CompileOption = Annotated[
    str,
    typer.Option(
        "--compile", metavar="|".join(_COMPILE), help="Mode of torch.compile, or xla for TensorFlow."
    ),
]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Of one process. Default: the workload's own.")
]
ChannelsOption = Annotated[
    bool, typer.Option("--channels-last/--no-channels-last", help="Images with the channels last.")
]
FusedOption = Annotated[bool, typer.Option("--fused/--no-fused", help="The optimiser as one kernel.")]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=0, max=1024, help="Worker processes of `dataloader`.")
]
NprocOption = Annotated[
    str, typer.Option("--nproc", metavar="N[,N...]", help="Processes that train together, by torchrun.")
]
NnodesOption = Annotated[int, typer.Option("--nnodes", min=1, max=100_000, help="Machines of a run.")]
RankOption = Annotated[int, typer.Option("--node-rank", min=0, help="Which of them this one is, from 0.")]
EndpointOption = Annotated[
    str | None, typer.Option("--rdzv-endpoint", metavar="HOST:PORT", help="Where the machines meet.")
]
ScalingOption = Annotated[
    str,
    typer.Option(
        "--scaling", metavar="weak|strong|both", help="With several --nproc: each its batch, or one for all."
    ),
]
RepeatOption = Annotated[
    int | None,
    typer.Option(
        "--repeat", min=1, max=1000, help="Processes of each side: 3 with --quick, else 5, --full 11."
    ),
]
QuickOption = Annotated[bool, typer.Option("--quick", help="Small sizes, about a minute.")]
FullOption = Annotated[bool, typer.Option("--full", help="Large sizes, long stretches.")]
SecondsOption = Annotated[
    float | None,
    typer.Option("--seconds", min=0.05, max=3600, help="To measure of each workload in each process."),
]
LimitOption = Annotated[
    float | None, typer.Option("--limit", min=1, max=864_000, help="Seconds that one process may take.")
]
ImageOption = Annotated[
    str | None, typer.Option("--image", metavar="NAME", help="Run in this container image.")
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME=VALUE", help="Set this for the measuring processes; repeatable."),
]
VsOption = Annotated[
    str | None,
    typer.Option(
        "--vs",
        metavar="OPTIONS",
        help="Compare with a side B, which differs in these options, in turns: --vs '--precision bf16'.",
    ),
]
CompareOption = Annotated[
    tuple[str, str] | None,
    typer.Option("--compare", metavar="A B", help="Compare two files of --save or --json; exit 1 if slower."),
]
AaOption = Annotated[
    bool, typer.Option("--aa", help="Compare this with itself: how often is a difference seen that is none?")
]
RecordOption = Annotated[bool, typer.Option("--record", help="Add the result to the local history.")]
TensorboardOption = Annotated[
    Path | None, typer.Option("--tensorboard", metavar="DIR", help="Write the result for TensorBoard.")
]
AnywayOption = Annotated[
    bool,
    typer.Option(
        "--anyway", help="Compare what was measured on different machines; measure on a GPU that is in use."
    ),
]
FromOneOption = Annotated[
    str | None, typer.Option("--from", metavar="FILE|-", help="Judge what --save wrote.")
]
SaveSamplesOption = Annotated[
    Path | None, typer.Option("--save", metavar="FILE", help="Save what was measured, step by step.")
]
ListWorkloadsOption = Annotated[bool, typer.Option("--list", help="List the workloads and stop.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One side as typed: everything that --vs may change."""

    python: str | None = None
    image: str | None = None
    framework: str | None = None
    """None = the one that is installed."""
    device: str = "auto"
    precision: str = "fp32"
    compile: str | None = None
    batch_size: int | None = None
    channels_last: bool = False
    fused: bool = False
    workers: int | None = None
    env: tuple[tuple[str, str], ...] = ()


def checked(values: dict[str, Any]) -> Choice:
    """A side of options as the command line gave them. Raises UsageError."""
    return Choice(
        python=_named("--python", values["python"], "a path, an environment or a version: --python 3.12"),
        image=_named("--image", values["image"], "the name of an image: docker image ls"),
        framework=_framework(values["framework"]),
        device=_device(values["device"]),
        precision=_one_of("--precision", values["precision"], _PRECISIONS),
        compile=_compile(values["compile"]),
        batch_size=values["batch_size"],
        channels_last=values["channels_last"],
        fused=values["fused"],
        workers=values["workers"],
        env=tuple(_variable(text) for text in values["env"] or ()),
    )


def versus(text: str, base: Choice) -> Choice:
    """Side B: `base` with the options of --vs over it. Raises UsageError for what --vs does not know."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"--vs cannot be read: {error}", todo="put its options in one pair of quotes"
        ) from error
    if not words:
        raise UsageError("--vs names nothing", todo="name what differs: --vs '--precision bf16'")
    found: Choice = base
    changes: dict[str, Any]
    while words:
        name, equals, value = words.pop(0).partition("=")
        if name in _SWITCHES and not equals:
            field, state = _SWITCHES[name]
            changes = {field: state}
            found = replace(found, **changes)
            continue
        if name not in _VALUES:
            known = ", ".join((*_VALUES, *_SWITCHES))
            raise UsageError(f"--vs does not know {name!r}", todo=f"it knows {known}")
        if not equals:
            if not words:
                raise UsageError(f"--vs: {name} needs a value", todo=f"give one: --vs '{name} VALUE'")
            value = words.pop(0)
        field, read = _VALUES[name]
        made = read(value)
        if field == "env":
            made = (*(pair for pair in found.env if pair[0] != made[0]), made)
        changes = {field: made}
        found = replace(found, **changes)
    if found.image is not None and base.image is None and base.python is not None and "--python" not in text:
        found = replace(found, python=None)  # the interpreter of this machine is none of the image's
    if found == base:
        raise UsageError("--vs changes nothing: both sides would be the same", todo="use --aa for that")
    return found


def numbers(text: str) -> tuple[int, ...]:
    """`1,2,4` of --nproc. Raises UsageError."""
    try:
        found = tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(1 <= number <= 4096 for number in found):
        raise UsageError(f"--nproc {text!r} is no list of numbers", todo="give one like 2, or 1,2,4")
    return found


def modes(text: str) -> tuple[str, ...]:
    """`weak`, `strong` or both. Raises UsageError."""
    _one_of("--scaling", text, ("weak", "strong", "both"))
    return ("weak", "strong") if text == "both" else (text,)


def endpoint(text: str | None) -> str | None:
    """`host:port`. Raises UsageError."""
    if text is not None and not _ENDPOINT.fullmatch(text):
        raise UsageError(f"--rdzv-endpoint {text!r} is not HOST:PORT", todo="give one like node0:29400")
    return text


def changed(choice: Choice) -> tuple[str, ...]:
    """Names of the options that are not as they are when nothing is said."""
    plain = Choice()
    return tuple(
        "--" + field.name.replace("_", "-")
        for field in fields(Choice)
        if getattr(choice, field.name) != getattr(plain, field.name)
    )


def _named(name: str, value: str | None, todo: str) -> str | None:
    if value is not None and not value.strip():
        raise UsageError(f"{name} names nothing", todo=f"give {todo}")
    return value


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageError(f"{name} does not know {value!r}", todo=f"it knows {', '.join(known)}")
    return value


def _framework(value: str | None) -> str | None:
    return None if value is None else _FRAMEWORKS[_one_of("--framework", value, tuple(_FRAMEWORKS))]


def _device(value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise UsageError(
            f"--device does not know {value!r}", todo="it knows auto, cpu, cuda, cuda:1, mps, xpu"
        )
    return value


def _compile(value: str) -> str | None:
    return None if _one_of("--compile", value, _COMPILE) == "off" else value


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not _NAME.fullmatch(name) or "\0" in value:
        raise UsageError(f"--env {text!r} is not NAME=VALUE", todo="give one like OMP_NUM_THREADS=1")
    return name, value


def _whole(name: str, least: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or int(value) < least:
            raise UsageError(f"--vs: {name} {value!r} is no number from {least}", todo="give a whole number")
        return int(value)

    return read


_SWITCHES = {
    "--channels-last": ("channels_last", True),
    "--no-channels-last": ("channels_last", False),
    "--fused": ("fused", True),
    "--no-fused": ("fused", False),
}
_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--python": ("python", lambda text: _named("--python", text, "a path, an environment or a version")),
    "--image": ("image", lambda text: _named("--image", text, "the name of an image")),
    "--framework": ("framework", _framework),
    "--device": ("device", _device),
    "--precision": ("precision", lambda text: _one_of("--precision", text, _PRECISIONS)),
    "--compile": ("compile", _compile),
    "--batch-size": ("batch_size", _whole("--batch-size", 1)),
    "--workers": ("workers", _whole("--workers", 0)),
    "--env": ("env", _variable),
}
