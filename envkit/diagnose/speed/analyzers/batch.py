"""Batches too small for the fixed cost of a step. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.work import Work, middle, took, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

_MOST = 8
"""Rows up to which a batch counts as small: no more than a vector register has places for float32 (AVX2), so
that even the arithmetic of a step is that of a larger batch."""
_FIXED = 0.6
"""Share of the step that must be the same for any batch, at the least."""
_TIMES = 4
"""How much larger the batch is that is proposed: further away, the prediction is worth less."""
_EPOCH = 64
"""Batches of an epoch that a dataset has at least: below it, everything is over in a moment."""
_BANDWIDTH = (20e9, 5e9)
"""Bytes a second at which weights are read, highest and lowest: once a step, whatever the batch."""
_SLOWEST = 2e9
"""Floating-point operations a second that even products of few rows reach: no more of the time than they need
at that rate depends on the batch."""
_TINY = 40e-6
"""Seconds of an operation up to which it cannot do much beside its products."""
_QUICK = 5e-3
"""Seconds of a step up to which, where its operations are not counted (a graph), it has nothing large beside
its products."""
_WEIGHT_BYTES = 12
"""Of each value: read forward, read backward, gradient written."""


def too_small(view: View) -> Iterable[Slow]:
    """S9: T(B) = a + b B, where a is most of it."""
    rows, found = view.settings.batch, work(view)
    if not rows or rows > _MOST or not found.step or view.gpu:
        return
    loaders = view.training_loaders
    if loaders and loaders[0].length is not None and loaders[0].length < _EPOCH * rows:
        return
    low, high = fixed(view, found) or (0.0, 0.0)
    if low < _FIXED:
        return
    gain = tuple(_TIMES / (one + _TIMES * (1 - one)) - 1 for one in (low, high))
    share = middle((gain[0] / (1 + gain[0]), gain[1] / (1 + gain[1])))
    larger = rows * _TIMES
    yield Slow(
        key="batch-too-small",
        share=share,
        confidence=0.8 if rows <= _MOST // 2 else 0.6,
        summary=f"a step of {_rows(rows)} takes {took(found.step)}, and {low:.0%} to {high:.0%} of that "
        "would be the same for a larger batch",
        evidence=(
            Evidence(what="rows of a batch", value=str(rows), source="the model's inputs"),
            *_counted(view, found),
            Evidence(
                what="fixed cost of a step",
                value=f"{took(low * found.step)} to {took(high * found.step)} of {took(found.step)}",
                source="arithmetic of a step" if found.fixed is None else "operations, weights and update",
            ),
        ),
        where=_where(view),
        fix=(
            FixStep(
                say=f"Batches of {larger} rows give about {1 + gain[0]:.1f} to {1 + gain[1]:.1f} times the "
                "rows a second; that changes what is learnt with each step, so tune the learning rate again"
            ),
        ),
        gains=(
            Gain(
                fix=f"batches of {larger} rows (rows a second)", predicted=(gain[0], gain[1]),
                change=Change(name="batch", value=str(larger)), free=False,
            ),
        ),
    )  # fmt: skip


def _counted(view: View, found: Work) -> Iterable[Evidence]:
    if found.nodes is not None:
        yield Evidence(what="operations of a step", value=str(found.nodes), source="the loss's graph")
    if view.shares.get("optimizer"):
        yield Evidence(what="update of the weights", value=f"{took(found.optimizer)} a step", source="timed")
    if found.fixed is None and view.settings.flops:
        each = f"{view.settings.flops / 1e6:.2g} MFLOP"
        yield Evidence(what="arithmetic of a step", value=each, source="shapes of the weights")


def fixed(view: View, found: Work) -> tuple[float, float] | None:
    """Share of a step that does not depend on the batch, lowest and highest; None where it is not known."""
    if found.fixed is None:
        return _of_graph(view, found)
    values = (view.settings.values or 0) * _WEIGHT_BYTES * (2 if _is_wide(view) else 1)
    low, high = (
        min(found.model, asked + values / rate) for asked, rate in zip(found.fixed, _BANDWIDTH, strict=True)
    )
    if view.settings.flops is not None and (found.each or 1.0) <= _TINY:
        low = max(low, found.model - view.settings.flops / _SLOWEST)
    return _with_rest(view, found, low, high)


def _of_graph(view: View, found: Work) -> tuple[float, float] | None:
    """The same where the framework runs a graph: all but what the arithmetic takes at the slowest."""
    if view.settings.flops is None or view.settings.eager or found.step > _QUICK:
        return None
    low = found.model - view.settings.flops / _SLOWEST
    return _with_rest(view, found, max(0.0, 0.85 * low), found.model)


def _with_rest(view: View, found: Work, low: float, high: float) -> tuple[float, float]:
    """low, high: seconds of forward and backward that are fixed."""
    own = view.shares.get("own", 0.0) * found.step
    wait = view.shares.get("wait", 0.0) * found.step
    low, high = low + found.optimizer + 0.7 * own + 0.3 * wait, high + found.optimizer + own + 0.8 * wait
    return min(0.9, low / found.step), min(0.98, max(low, high) / found.step)


def _is_wide(view: View) -> bool:
    return "float64" in view.settings.dtypes


def _rows(number: int) -> str:
    return "one row" if number == 1 else f"{number} rows"


def _where(view: View) -> Where:
    """Where the batches are made."""
    frames = view.training_loaders[0].stack if view.training_loaders else ()
    return Where(file=frames[0].file, line=frames[0].line, phase="data") if frames else Where(phase="data")
