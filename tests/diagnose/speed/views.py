"""Made-up views for tests of analyzers: complete, as a run would give them, and only as odd as the test says.

    view(step=0.02, wait=0.015, samples=[("wait", ["numpy/fft.py:3 rfft", "train.py:20 __getitem__"], 0.7)])

Frames are written `file:line function`, innermost first. A file is the person's own unless it lies in a
folder of packages or of the standard library (`site-packages/`, `lib/python`) or begins with one of
`LIBRARIES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from envkit.diagnose.speed.trace import (
    Compilation,
    Frame,
    Loader,
    Moment,
    Phase,
    Sample,
    Settings,
    SpeedTrace,
    StepTimes,
    Worker,
)
from envkit.diagnose.speed.view import View
from envkit.diagnose.trace import Steps, Trace
from envkit.target.conditions import Conditions
from envkit.target.conditions import Moment as MachineMoment

BEGAN = 1000.0
"""Instant at which the first step began."""
SCRIPT = "/home/me/train.py"
LIBRARIES = ("torch/", "numpy/", "keras/", "PIL/", "tensorflow/", "pandas/", "<frozen")
_PERIOD = 1.0
"""Seconds between moments."""
_LOOKS = 600
"""Looks at the main thread in a run."""
_LOOP = "train.py:30 <module>"
STACKS: dict[str, list[str]] = {
    "wait": ["torch/utils/data/dataloader.py:700 __next__", _LOOP],
    "forward": [
        "torch/nn/modules/linear.py:120 forward",
        "torch/nn/modules/module.py:1700 _call_impl",
        _LOOP,
    ],
    "backward": ["torch/autograd/graph.py:800 _engine_run_backward", "train.py:32 <module>"],
    "optimizer": ["torch/optim/adam.py:250 step", "train.py:33 <module>"],
}
"""What a look sees where a test says nothing."""

Amount = float | Sequence[float] | Callable[[int], float]
"""The same for each step, or one for each, or by its number."""
Rate = float | Callable[[float], float]
"""How far a counter goes in a second, or its value by the seconds since the beginning."""


def frame(text: str | Frame) -> Frame:
    """`file:line function` as a frame."""
    if isinstance(text, Frame):
        return text
    place, _, function = text.partition(" ")
    file, _, line = place.rpartition(":")
    library = file.startswith(LIBRARIES) or "site-packages/" in file or "lib/python" in file
    own = file if library or file.startswith("/") else f"/home/me/{file}"
    return Frame(file=own, line=int(line), function=function, users=not library)


def stack(frames: Iterable[str | Frame]) -> tuple[Frame, ...]:
    """Innermost first."""
    return tuple(frame(one) for one in frames)


def loader(workers: int | None = 0, **fields: Any) -> Loader:
    """A torch DataLoader over a dataset of files or arrays; `made` = the line that made it."""
    made = fields.pop("made", "train.py:25 <module>")
    usual: dict[str, Any] = {
        "number": 0, "kind": "torch", "workers": workers, "batch_size": 16, "pin_memory": False,
        "persistent": False, "prefetch": 2 if workers else None, "drop_last": False, "dataset": "Images",
        "length": 10_000, "streams": False, "context": "fork" if workers else None, "stack": stack([made]),
        "epochs": 1,
    }  # fmt: skip
    return Loader(**{**usual, **fields})


def view(
    *,
    steps: int = 200,
    step: Amount = 0.02,
    wait: Amount | None = None,
    backward: Amount | None = 0.0,
    optimizer: Amount | None = 0.0,
    samples: Sequence[tuple[Phase, Sequence[str | Frame], float]] = (),
    worker_samples: Sequence[tuple[Sequence[str | Frame], float]] = (),
    loaders: Sequence[Loader] | None = None,
    workers: Sequence[Worker] = (),
    settings: Mapping[str, Any] | None = None,
    moments: Mapping[str, Rate] | None = None,
    conditions: Mapping[str, Any] | None = None,
    cpus: float | None = 2.0,
    files: Mapping[str, str] | None = None,
    loss: Sequence[float | None] | None = None,
    compilations: Sequence[Compilation] = (),
    blind: Sequence[str] = (),
    trace: Mapping[str, Any] | None = None,
) -> View:
    """A view of one process.

    step, wait, backward, optimizer: seconds of each step, the phases within them; None = not known.
    samples: (phase, frames, share of the time); what is left is a forward pass, and phases that are timed and
    not told here get a usual stack.
    worker_samples: (frames, share of the workers' time).
    loaders: None = one without workers that all of `wait` is of.
    moments: rates of the process's counters, over a quiet process that computes on one CPU; `rss` and
    `threads` are values. conditions: rates of the machine's counters, and fields of Conditions.
    cpus: that may be used; None = there are no conditions. trace: further fields of Trace.
    """
    durations = _each(step, steps)
    ended = _sums(durations)
    waits = None if wait is None and backward is None else _each(wait or 0.0, steps)
    times = StepTimes()
    if waits is not None and backward is not None and optimizer is not None:
        times = StepTimes(wait=waits, backward=_each(backward, steps), optimizer=_each(optimizer, steps))
    whole = sum(durations)
    stacks, looks = _looks(_filled(samples, times, whole), ended, whole)
    theirs: list[Sample] = []
    for frames, share in worker_samples:
        stacks.append(stack(frames))
        row = Sample(step=1, phase="wait", stack=len(stacks) - 1, seconds=share * whole)
        theirs.append(row)
    if loaders is None:
        waited = sum(waits or ())
        loaders = [loader(batches=steps, waited=waited)] if wait is not None else []
    speed = SpeedTrace(
        times=times, stacks=tuple(stacks), samples=tuple(looks), worker_samples=tuple(theirs),
        moments=_moments(moments or {}, ended), loaders=tuple(loaders), workers=tuple(workers),
        settings=Settings(**{"threads": int(cpus or 2), "device": "cpu", "batch": 16, **(settings or {})}),
        compilations=tuple(compilations), looking=0.01, training_from=BEGAN, blind=tuple(blind),
    )  # fmt: skip
    made = Trace(
        framework="torch", steps=Steps(loss=tuple(loss or [1.0] * steps), ended=ended), speed=speed,
        whole=True, pid=100, began=BEGAN - 2, **(trace or {}),
    )  # fmt: skip
    return View(
        trace=made, traces=(made,), files=dict(files or {}),
        conditions=None if cpus is None else _conditions(cpus, conditions or {}, whole),
    )  # fmt: skip


def _each(amount: Amount, steps: int) -> tuple[float, ...]:
    if callable(amount):
        return tuple(float(amount(number)) for number in range(steps))
    if isinstance(amount, int | float):
        return (float(amount),) * steps
    return tuple(amount)


def _sums(durations: Sequence[float]) -> tuple[float, ...]:
    ended, now = [], BEGAN
    for one in durations:
        now += one
        ended.append(now)
    return tuple(ended)


def _filled(
    samples: Sequence[tuple[Phase, Sequence[str | Frame], float]], times: StepTimes, whole: float
) -> list[tuple[Phase, Sequence[str | Frame], float]]:
    """With usual stacks for the rest of each phase that was timed, and a forward pass for what is left."""
    found = list(samples)
    phases: tuple[Phase, ...] = ("wait", "backward", "optimizer")
    for phase in phases:
        timed = sum(getattr(times, phase) or ()) / whole
        told = sum(share for name, _, share in samples if name == phase)
        if timed - told > 1e-6:
            found.append((phase, STACKS[phase], timed - told))
    left = 1 - sum(share for _, _, share in found)
    return [*found, ("other", STACKS["forward"], left)] if left > 1e-6 else found


def _looks(
    samples: Sequence[tuple[Phase, Sequence[str | Frame], float]], ended: Sequence[float], whole: float
) -> tuple[list[tuple[Frame, ...]], list[Sample]]:
    """Looks evenly over the run, each kind as often as its share says."""
    stacks = [stack(frames) for _, frames, _ in samples]
    found, owed = [], [0.0] * len(samples)
    for number in range(_LOOKS):
        for place, (_, _, share) in enumerate(samples):
            owed[place] += share
        place = max(range(len(samples)), key=owed.__getitem__)
        owed[place] -= 1
        at = BEGAN + (number + 0.5) * whole / _LOOKS
        done = (
            sum(1 for one in ended if one <= at) if len(ended) < 2000 else int(number / _LOOKS * len(ended))
        )
        phase = samples[place][0]
        row = Sample(step=done, phase=phase, stack=place, seconds=whole / _LOOKS)
        found.append(row)
    return stacks, found


def _moments(rates: Mapping[str, Rate], ended: Sequence[float]) -> tuple[Moment, ...]:
    quiet: dict[str, Rate] = {
        "user": 0.95, "system": 0.02, "children": 0.0, "ran": 0.97, "queued": 0.005, "minor_faults": 200,
        "major_faults": 0, "switched": 5, "read_bytes": 0, "read_calls": 5, "read_chars": 20_000,
        "blocked": 0.0, "collected": 0.002, "collections": 0.1,
    }  # fmt: skip
    values: dict[str, Rate] = {"rss": 500e6, "threads": 4}
    every = {**quiet, **values, **rates}
    found = []
    for number in range(max(2, int((ended[-1] - BEGAN) / _PERIOD) + 2)):
        passed = number * _PERIOD
        at = BEGAN + passed
        fields: dict[str, Any] = {}
        for name, rate in every.items():
            value = rate(passed) if callable(rate) else rate if name in values else rate * passed
            whole = name in ("rss", "threads", "minor_faults", "major_faults", "switched", "collections") or (
                name.startswith("read_")
            )
            fields[name] = int(value) if whole else float(value)
        found.append(Moment(at=at, step=sum(1 for one in ended if one <= at), **fields))
    return tuple(found)


def _conditions(cpus: float, given: Mapping[str, Any], whole: float) -> Conditions:
    """Moments of the machine; `given` mixes their rates with fields of Conditions."""
    own = {name: value for name, value in given.items() if name in Conditions.__dataclass_fields__}
    rates: dict[str, Any] = {"busy": 1.0, "own": 0.98, "steal": 0.0, "load": 1.0, "available": 8_000_000_000}
    rates.update((name, value) for name, value in given.items() if name not in own)
    gauges = ("load", "available", "clock", "temperature", "gpus")
    found = []
    for number in range(max(3, int(whole) + 4)):
        passed = number * _PERIOD
        fields = {
            name: rate(passed) if callable(rate) else rate if name in gauges else rate * passed
            for name, rate in rates.items()
        }
        found.append(MachineMoment(at=BEGAN - 1 + passed, **fields))
    made: dict[str, Any] = {"cpus": cpus, "counted": max(1, round(cpus)), "moments": tuple(found), **own}
    return Conditions(**made)
