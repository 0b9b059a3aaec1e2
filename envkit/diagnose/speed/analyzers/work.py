"""What the model's own work in a step is made of, as far as it can be told from outside. Pure.

Seconds of a usual step. A step costs what its operations compute, and beside that a fixed amount for each
operation, whatever its size: the interpreter, the dispatcher, a node of the graph, and the same again for its
gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

from envkit.diagnose.speed.view import View

NODE = (7e-6, 25e-6)
"""Seconds of a node of the loss's graph that computes next to nothing, forward and backward: lowest and
highest over small MLPs, recurrent cells and attention on a current CPU, one thread, torch 2.13."""
_BACKWARD = 60e-6
"""Seconds that any backward pass takes: it wakes another thread, and waits for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """Seconds of a usual step."""

    step: float
    model: float
    """Forward and backward."""
    optimizer: float
    nodes: int | None
    fixed: tuple[float, float] | None
    """Of `model`: for asking, lowest and highest; None = the operations are not counted."""

    @property
    def each(self) -> float | None:
        """Seconds of a node, forward and backward."""
        return self.model / self.nodes if self.nodes else None

    @property
    def vector(self) -> tuple[float, float]:
        """Seconds of `model` that are spent on values and not on asking, lowest and highest."""
        if self.fixed is None:
            return 0.0, self.model
        return max(0.0, self.model - self.fixed[1]), max(0.0, self.model - self.fixed[0])


def work(view: View) -> Work:
    """Of a view."""
    shares, step = view.shares, view.seconds / len(view.durations) if view.durations else 0.0
    model = step * (shares.get("forward", 0.0) + shares.get("backward", 0.0))
    nodes = view.settings.operations
    node = NODE
    if view.ceiling is not None and view.ceiling.node is not None:
        node = view.ceiling.node, view.ceiling.node * NODE[1] / NODE[0]
    fixed = None
    if nodes:
        fixed = min(model, nodes * node[0] + _BACKWARD), min(model, nodes * node[1] + 2 * _BACKWARD)
    return Work(
        step=step, model=model, optimizer=step * shares.get("optimizer", 0.0), nodes=nodes, fixed=fixed
    )


def took(seconds: float) -> str:
    """`45 us`, `3.2 ms`, `1.5 s`."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.2g} s"


def middle(pair: tuple[float, float]) -> float:
    """Of an interval."""
    return (pair[0] + pair[1]) / 2


def place(file: str, line: int) -> str:
    """`train.py:12`."""
    return f"{file.rsplit('/', 1)[-1]}:{line}"
