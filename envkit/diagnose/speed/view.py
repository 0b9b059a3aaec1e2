"""What analyzers look at: a run's steady steps, where their time went, and on which lines. Pure."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from envkit.diagnose.speed.model import MachineCeiling
from envkit.diagnose.speed.trace import Frame, Loader, Moment, Sample, Settings, SpeedTrace
from envkit.diagnose.trace import Trace
from envkit.stats import median
from envkit.target.conditions import Conditions

LEAST_STEPS = 12
"""Steps that something can be said of."""
LEAST_SECONDS = 1.0
_WARM = 3
"""First steps that are looked at apart: caches are cold, memory is new, compilers run."""
_FORWARD = (
    ("torch/nn/modules/module.py", "_call_impl"),
    ("keras/src/layers/layer.py", "__call__"),
)
"""Frames below which a model computes."""
_OF_KERAS = ("fit", "train_on_batch", "evaluate", "test_on_batch", "predict")
_OF_FRAMEWORK = ("/keras/", "/tensorflow/", "/torch/", "/numpy/", "lib/python")
_FOR_CALLBACKS = ("callback_list.py", "callback.py", "history.py", "progbar_logger.py")
NAMES = {
    "wait": "waiting for data",
    "forward": "forward",
    "backward": "backward",
    "optimizer": "optimizer",
    "own": "own code",
}
"""Parts of a step, as people say them."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the person's own code, with the part of the time that it, or what it called, took."""

    file: str
    line: int
    function: str
    share: float
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class View:
    """One process of a run. Shares are of the seconds of its steady steps."""

    trace: Trace
    traces: Sequence[Trace] = ()
    """Of all processes."""
    conditions: Conditions | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    ceiling: MachineCeiling | None = None
    """What the machine gave right after the run, where that was measured."""

    @property
    def speed(self) -> SpeedTrace:
        """What was seen of its time."""
        return self.trace.speed

    @property
    def settings(self) -> Settings:
        """As far as they are known."""
        return self.speed.settings or Settings()

    @property
    def gpu(self) -> bool:
        """Whether it trains on one."""
        return (self.settings.device or "cpu") not in ("cpu", "meta")

    @cached_property
    def cpus(self) -> float | None:
        """CPUs that may be used: affinity and quota."""
        return None if self.conditions is None else self.conditions.cpus

    @cached_property
    def first(self) -> int:
        """The first steady step: it and those after it are looked at."""
        count = len(self.trace.steps.ended)
        return min(_WARM, max(1, count // 8)) if count else 0

    @cached_property
    def durations(self) -> tuple[float, ...]:
        """Seconds of each steady step, from the end of the one before it."""
        ended = self.trace.steps.ended
        return tuple(ended[i] - ended[i - 1] for i in range(max(1, self.first), len(ended)))

    @cached_property
    def seconds(self) -> float:
        """Of all steady steps."""
        return sum(self.durations)

    @cached_property
    def enough(self) -> bool:
        """Whether there are steps enough to say something."""
        return len(self.durations) >= LEAST_STEPS and self.seconds >= LEAST_SECONDS

    @cached_property
    def step(self) -> float:
        """Seconds of a usual step."""
        return median(self.durations) if self.durations else 0.0

    def column(self, name: str) -> tuple[float, ...]:
        """Seconds of `wait`, `backward` or `optimizer` in each steady step; () where they are not known."""
        found: tuple[float, ...] | None = getattr(self.speed.times, name)
        return () if found is None else found[len(found) - len(self.durations) :] if self.durations else ()

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """Looks during steady steps, those while the watcher repeated a step left out."""
        last = len(self.trace.steps.ended)
        return tuple(
            one for one in self.speed.samples
            if max(1, self.first) <= one.step < last and one.phase not in ("replay", "start", "end")
        )  # fmt: skip

    @cached_property
    def sampled(self) -> float:
        """Seconds that the looks stand for."""
        return sum(one.seconds for one in self.samples)

    def stack(self, sample: Sample) -> tuple[Frame, ...]:
        """Innermost first."""
        return self.speed.stacks[sample.stack]

    def part(self, sample: Sample) -> str:
        """Which part of a step it belongs to: a name of `NAMES`."""
        if sample.phase in ("wait", "backward", "optimizer", "forward"):
            return sample.phase
        stack = self.stack(sample)
        return "forward" if any(_is_forward(frame) for frame in stack) or of_keras(stack) else "own"

    @cached_property
    def shares(self) -> dict[str, float]:
        """Of each part of a step, together 1: phases as they were timed, the rest divided as looks fell."""
        if not self.seconds:
            return {}
        found: dict[str, float] = {}
        for name in ("wait", "backward", "optimizer"):
            if column := self.column(name):
                found[name] = min(1.0, sum(column) / self.seconds)
        rest = max(0.0, 1.0 - sum(found.values()))
        looks: dict[str, float] = defaultdict(float)
        for one in self.samples:
            name = self.part(one)
            if name not in found:
                looks[name] += one.seconds
        whole = sum(looks.values())
        for name, seconds in looks.items():
            found[name] = rest * seconds / whole
        if not whole and rest:
            found["own"] = rest
        return found

    def share(self, wanted: Callable[[Sample, tuple[Frame, ...]], bool]) -> float:
        """Part of the steady time in looks that `wanted` takes."""
        if not self.sampled:
            return 0.0
        return sum(one.seconds for one in self.samples if wanted(one, self.stack(one))) / self.sampled

    def lines(
        self, wanted: Callable[[Sample, tuple[Frame, ...]], bool] | None = None, *, inner: bool = True
    ) -> list[Line]:
        """The person's lines, the dearest first. inner: the innermost one of each stack, else all of them."""
        return lines_of(self.samples, self.speed.stacks, self.files, self.sampled, wanted, inner=inner)

    def worker_lines(self) -> list[Line]:
        """The same of data workers, as shares of what they did."""
        theirs = self.speed.worker_samples
        whole = sum(one.seconds for one in theirs)
        return lines_of(theirs, self.speed.stacks, self.files, whole)

    def text(self, file: str, line: int) -> str:
        """A line of the person's file, stripped; empty where it is not at hand."""
        rows = self.files.get(file, "").splitlines()
        return rows[line - 1].strip() if 0 < line <= len(rows) else ""

    @property
    def training_loaders(self) -> list[Loader]:
        """Loaders whose batches are trained on, the one most waited for first."""
        found = [one for one in self.speed.loaders if one.training]
        return sorted(found, key=lambda one: -one.waited)

    @cached_property
    def moments(self) -> tuple[Moment, ...]:
        """Of the process, during its steady steps, with the first one after them."""
        ended = self.trace.steps.ended
        last = ended[-1] if ended else 0.0
        found = [one for one in self.speed.moments if one.step >= self.first]
        inside = sum(one.at <= last for one in found)
        return tuple(found[: inside + 1])

    def counted(self, name: str) -> float | None:
        """How far a counter of the process went for each second, over the steady steps."""
        known = [(one.at, value) for one in self.moments if (value := getattr(one, name)) is not None]
        if len(known) < 2 or known[-1][0] <= known[0][0]:
            return None
        # What children used is summed over those that live: a sum falls when one ends.
        went = sum(max(0, after - before) for (_, before), (_, after) in pairwise(known))
        return float(went / (known[-1][0] - known[0][0]))

    @cached_property
    def losses(self) -> tuple[float | None, ...]:
        """Of all steps."""
        return self.trace.steps.loss


def _is_forward(frame: Frame) -> bool:
    return any(frame.function == name and frame.file.endswith(file) for file, name in _FORWARD)


def of_keras(stack: tuple[Frame, ...]) -> bool:
    """Whether it is Keras' own loop that runs: no callback of the person's and no other library in it."""
    for frame in stack:
        if frame.function in _OF_KERAS and "/keras/" in frame.file and frame.file.endswith("trainer.py"):
            return True
        if frame.users or not any(one in frame.file for one in _OF_FRAMEWORK):
            return False
        if "/keras/src/callbacks/" in frame.file and not frame.file.endswith(_FOR_CALLBACKS):
            return False
    return False


def lines_of(
    samples: Iterable[Sample],
    stacks: Sequence[tuple[Frame, ...]],
    files: Mapping[str, str],
    whole: float,
    wanted: Callable[[Sample, tuple[Frame, ...]], bool] | None = None,
    *,
    inner: bool = True,
) -> list[Line]:
    """See `View.lines`."""
    found: dict[tuple[str, int, str], float] = defaultdict(float)
    for one in samples:
        stack = stacks[one.stack]
        if wanted is not None and not wanted(one, stack):
            continue
        users = [(frame.file, frame.line, frame.function) for frame in stack if frame.users]
        for place in users[:1] if inner else dict.fromkeys(users):
            found[place] += one.seconds
    lines = [
        Line(file, line, function, seconds / whole if whole else 0.0, _text(files, file, line))
        for (file, line, function), seconds in found.items()
    ]
    return sorted(lines, key=lambda one: -one.share)


def _text(files: Mapping[str, str], file: str, line: int) -> str:
    rows = files.get(file, "").splitlines()
    return rows[line - 1].strip() if 0 < line <= len(rows) else ""


def calls(text: str) -> tuple[str, ...]:
    """Names of what a line calls, `print`, `loss.item`, as far as it can be read alone."""
    for candidate in (text, text + " pass", text + "\n pass", text.rstrip(",(") + ")"):
        try:
            tree = ast.parse(candidate)
        except (SyntaxError, ValueError):
            continue
        return tuple(ast.unparse(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call))
    return ()
