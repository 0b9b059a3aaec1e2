"""Made-up looks at the lines of a made-up script, for tests of what a person's own lines cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from textwrap import dedent
from typing import Any

from envkit.diagnose.speed.analyzers import host, loop
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Sample
from envkit.diagnose.speed.view import View
from tests.diagnose.speed import views

NUMBERS = (*loop.ANALYZERS, *host.ANALYZERS)


class Script:
    """A script of the person; lines are found by their text."""

    def __init__(self, text: str) -> None:
        self.text = dedent(text).strip() + "\n"

    def at(self, text: str, function: str = "main") -> str:
        """The frame of the line that holds this text."""
        rows = enumerate(self.text.splitlines(), 1)
        (number,) = [place for place, row in rows if text in row and not row.lstrip().startswith("def ")]
        return f"train.py:{number} {function}"

    def line(self, text: str) -> int:
        """Its number."""
        return int(self.at(text).split()[0].rpartition(":")[2])

    def view(self, samples: Sequence[tuple[Any, Sequence[str], float]] = (), **fields: Any) -> View:
        """A run of it with these looks, and its own lines in each phase that is timed."""
        fields.setdefault("backward", 0.004)
        fields.setdefault("optimizer", 0.002)
        usual: list[tuple[Any, Sequence[str], float]] = [
            ("backward", ["torch/autograd/graph.py:800 _engine_run_backward", self.at(".backward()")], 0.2),
            ("optimizer", ["torch/optim/adam.py:250 step", self.at("optimizer.step()")], 0.1),
        ]
        return views.view(samples=[*samples, *usual], files={"/home/me/train.py": self.text}, **fields)


def told(view: View) -> dict[str, Slow]:
    """What the analyzers of the loop and of the host say."""
    return {slow.key: slow for look in NUMBERS for slow in look(view)}


def with_looks(
    view: View, frames: Iterable[str], steps: Sequence[int], seconds: float, phase: Any = "other"
) -> View:
    """With a further stack that was seen in these steps, ten times in each, and nothing else in them."""
    stacks = (*view.speed.stacks, views.stack(frames))
    more = [
        Sample(step=step, phase=phase, stack=len(stacks) - 1, seconds=seconds / 10)
        for step in steps for _ in range(10)
    ]  # fmt: skip
    kept = [one for one in view.speed.samples if one.step not in set(steps)]
    samples = tuple(sorted((*kept, *more), key=lambda one: one.step))
    trace = replace(view.trace, speed=replace(view.speed, stacks=stacks, samples=samples))
    return replace(view, trace=trace, traces=(trace,))
