"""Weights that an update made bad of gradients that were finite, and a loss scaler that finds no scale."""

from __future__ import annotations

from collections.abc import Iterator

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Steps, Trace
from envkit.diagnose.trace_step import Update

_SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 2.0**-1074}
"""Smallest numbers that are not zero, IEEE 754; half of one rounds to zero."""
FLOOR = 1.0
"""The scale below which, says the documentation of torch.amp.GradScaler.update, something is wrong."""
ROW = 10
"""Steps left out in a row, at the end of a run, with which a scale has fallen a thousand times."""
FEW = 3
"""The same where the scale is at the floor: one batch may overflow at any scale that was chosen."""


def updated(trace: Trace) -> Iterator[Suspicion]:
    """Causes for an update that made weights bad, the most likely first."""
    for update in trace.updates[:1]:
        rounded = update.eps is not None and update.eps <= _SMALLEST.get(update.dtype, 0.0) / 2
        if rounded and update.unmoved:
            yield _epsilon(update)
        else:
            yield _too_far(update)


def _epsilon(update: Update) -> Suspicion:
    eps = f"{update.eps:g}" if update.eps else "0"
    said = f"an epsilon of {eps} is zero in {update.dtype}" if update.eps else "the epsilon is zero"
    return Suspicion(
        key="adam-eps-zero", confidence=0.95, where=_where(update),
        evidence=(
            *_evidence(update),
            Evidence(
                what="of these with a gradient of zero", value=f"{update.unmoved} of {update.bad}",
                source="that step, repeated",
            ),
            Evidence(what="epsilon", value=f"{eps}, in {update.dtype}: 0", source="the optimiser"),
        ),
        summary=f"{said}, so that {update.optimizer} divides zero by zero where a gradient is zero",
    )  # fmt: skip


def _too_far(update: Update) -> Suspicion:
    step = None if update.rate is None or update.gradient is None else update.rate * update.gradient
    shown = () if step is None else (
        Evidence(what="learning rate times largest gradient", value=f"{step:.4g}", source="that step"),
    )  # fmt: skip
    return Suspicion(
        key="lr-too-high", confidence=0.6, where=_where(update), evidence=(*_evidence(update), *shown),
        summary=f"the update of {update.name} is not finite although its gradient is",
    )  # fmt: skip


def _evidence(update: Update) -> tuple[Evidence, ...]:
    return (
        Evidence(
            what=f"{update.name} after the update",
            value=f"{update.bad} of {update.of} values are not finite; all gradients were",
            source="that step, repeated",
        ),
    )


def _where(update: Update) -> Where:
    file, line = (update.stack[0][0], update.stack[0][1]) if update.stack else (None, None)
    return Where(file=file, line=line, module=update.name, op=update.optimizer.lower(), phase="optimizer")


def collapse(steps: Steps) -> tuple[int, float, float] | None:
    """A loss scale that walked to nothing: steps left out in a row, the scale before them and after.

    None where there is no scaler, or where it settled: steps left out now and then, or at the start, are how
    it finds its scale.
    """
    left_out = set(steps.skipped)
    last = len(steps.scale) - 1
    row = 0
    while last - row in left_out:
        row += 1
    known = [one for one in steps.scale[max(0, last - row) :] if one is not None]
    if not row or not known or not ((row >= FEW and min(known) <= FLOOR) or row >= ROW):
        return None
    return row, known[0], known[-1]


def scaled(trace: Trace, where: Where) -> Iterator[Suspicion]:
    """A scaler that leaves out every step. where: what overflows, as far as it was found."""
    found = collapse(trace.steps)
    if found is None:
        return
    row, first, last = found
    yield Suspicion(
        key="loss-scale-collapse", confidence=0.96, where=where,
        evidence=(
            Evidence(what="steps left out in a row", value=f"{row}", source="the loss scaler"),
            Evidence(what="its scale", value=f"{first:g} to {last:g}", source="the loss scaler"),
        ),
        summary=f"the last {row} steps were all left out, and the loss scale fell from {first:g} to {last:g}"
        ": the gradients overflow at any scale",
    )  # fmt: skip
