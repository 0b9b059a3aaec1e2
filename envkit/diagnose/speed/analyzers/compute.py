"""The work itself: near what this machine gives, and what is left then. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain
from envkit.diagnose.speed.analyzers.attention import unfused
from envkit.diagnose.speed.analyzers.batch import too_small
from envkit.diagnose.speed.analyzers.ceilings import measured, other_devices, precision
from envkit.diagnose.speed.analyzers.few_threads import of_threads, too_few_threads
from envkit.diagnose.speed.analyzers.layout import convolving
from envkit.diagnose.speed.analyzers.optimiser import of_fused, slow_optimizer
from envkit.diagnose.speed.analyzers.rehearsed import predicted
from envkit.diagnose.speed.analyzers.tiny import launch_bound
from envkit.diagnose.speed.analyzers.work import NODE, Work, took, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_BOUND = 0.6
"""Share of the time in the model's own work from which nothing else can matter much."""
_BEYOND = 1.05
"""Share of the ceiling above which the ceiling was disturbed, and says nothing."""
_ASKING = 0.5
"""Share of the model's time from which it is mostly the asking, told as a note."""
_FASTER = 1.2
"""Ratio of two precisions from which the other one is worth a word."""
_CONVOLVING = 0.3
_DEVICES = 3
_MIXED = {
    "torch": "torch.autocast with bfloat16",
    "tensorflow": "keras.config.set_dtype_policy('mixed_bfloat16')",
}
HALF = Change(name="autocast", value="bfloat16")


def bound(view: View) -> Iterable[Slow]:
    """S32: nearly all of the time is the model's own work."""
    shares = view.shares
    share = min(1.0, sum(shares.get(name, 0.0) for name in ("forward", "backward", "optimizer")))
    if share < _BOUND:
        return
    found = work(view)
    reached = of_ceiling(view, found)
    yield Slow(
        key="compute-bound",
        share=share,
        summary=_summary(share, found, reached, view),
        evidence=_evidence(view, found, reached),
        fix=tuple(_steps(view)),
        gains=tuple(_left(view, found)),
    )


def of_ceiling(view: View, found: Work) -> float | None:
    """What part of the machine's best matrix product a step reaches; None = not known."""
    kind, flops = precision(view), view.settings.flops
    rate = view.ceiling.rates.get(kind) if view.ceiling is not None and kind else None
    if not rate or not flops or not found.step:
        return None
    part = flops / found.step / rate
    return None if part > _BEYOND else min(1.0, part)


def _summary(share: float, found: Work, reached: float | None, view: View) -> str:
    text = (
        f"{share:.0%} of the time is the model's own work, {took(found.model + found.optimizer)} of each step"
    )
    if reached is not None and view.settings.flops:
        rate = view.settings.flops / found.step / 1e9
        text += f"; it computes {rate:.3g} GFLOP/s, {reached:.0%} of what the best matrix product gives here"
    elif _is_small(found):
        text += (
            f"; {found.nodes} operations take {took(found.each or 0)} each, so that most of it is asking for "
            "them, as in any small model"
        )
    return text


def _is_small(found: Work) -> bool:
    if not found.nodes or not found.model:
        return False
    return found.nodes * (NODE[0] + NODE[1]) / 2 >= _ASKING * found.model


def _evidence(view: View, found: Work, reached: float | None) -> tuple[Evidence, ...]:
    shares = view.shares
    rows = [
        Evidence(
            what=name, value=f"{shares[name]:.0%} of the time, {took(shares[name] * found.step)} a step",
            source="timed",
        )
        for name in ("forward", "backward", "optimizer")
        if name in shares
    ]  # fmt: skip
    if found.nodes:
        text = f"{found.nodes}, {took(found.each or 0)} each with their gradients"
        rows.append(Evidence(what="operations of a step", value=text, source="the loss's graph"))
    if view.settings.flops and found.step:
        flops = view.settings.flops / 1e9
        text = f"{flops:.3g} GFLOP a step, {flops / found.step:.3g} GFLOP/s"
        rows.append(Evidence(what="products and convolutions", value=text, source="shapes"))
    kind = precision(view)
    if reached is not None and view.ceiling is not None and kind:
        text = f"{view.ceiling.rates[kind] / 1e9:.3g} GFLOP/s in {kind}"
        rows.append(
            Evidence(what="the best matrix product", value=text, source="measured right after the run")
        )
    return tuple(rows)


def _left(view: View, found: Work) -> Iterable[Gain]:
    """What would still make it faster, none of it a mistake of the script."""
    yield from _other_precision(view, found)
    _, fused = of_fused(view)
    if fused is not None:
        yield fused
    yield from of_threads(view)
    if view.settings.channels_last is False and convolving(view) >= _CONVOLVING:
        yield Gain(
            fix="model.to(memory_format=torch.channels_last)", change=Change(name="channels-last", value="1")
        )
    if view.gpu and not view.settings.compiled:
        yield Gain(fix="torch.compile(model)", change=Change(name="compile", value="1"))
    if found.step and found.fixed is not None:
        low, high = (one / found.step for one in found.vector)
        if high >= 0.3:
            # Values go down to a half, products of two widths to a quarter.
            yield Gain(
                fix="half the width of the model", predicted=of_share(0.5 * low, 0.75 * high), free=False
            )


def _other_precision(view: View, found: Work) -> Iterable[Gain]:
    kind = precision(view)
    if kind not in ("fp32", "tf32") or not found.step:
        return
    ratio = measured(view, "bf16", kind)
    change = HALF
    fix = _MIXED.get(view.trace.framework or "", _MIXED["torch"])
    if predicted(view, change) is not None:  # done once more: better than any rule
        yield Gain(fix=fix, change=change, free=False)
        return
    if ratio is None:
        if view.gpu:
            yield Gain(fix=fix, change=change, free=False)
        return
    if ratio < _FASTER:
        return
    assert view.ceiling is not None
    ideal = (view.settings.flops or 0.0) / view.ceiling.rates[kind]
    low = min(ideal, found.vector[0]) / found.step
    saved = max(0.0, 0.5 * low * (1 - 1 / ratio)), found.vector[1] / found.step * (1 - 1 / ratio)
    yield Gain(fix=fix, predicted=of_share(*saved), change=change, free=False)


def _steps(view: View) -> Iterable[FixStep]:
    """Which other GPU does the same product how much faster, by published figures."""
    for one in [other for other in other_devices(view) if other.ratio > _FASTER][:_DEVICES]:
        source = one.reference.provenance.source
        yield FixStep(
            say=f"{one.device}: matrix products {one.ratio:.1f} times as fast (published: {source})"
        )


ANALYZERS: tuple[Callable[[View], Iterable[Slow]], ...] = (
    launch_bound, too_small, slow_optimizer, too_few_threads, unfused, bound,
)  # fmt: skip
