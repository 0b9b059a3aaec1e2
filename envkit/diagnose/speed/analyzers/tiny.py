"""Many tiny operations: the time goes to asking for them. Pure.

By itself that is no fault: a small model is like that, whoever writes it. It is one where a Python loop over
time steps, rows or elements asks for operations one by one that could be asked for together; and on a GPU,
where a compiled or captured step asks once.
"""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.inner_loops import Seen, within_steps
from envkit.diagnose.speed.analyzers.work import Work, middle, place, took, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_LEAST_NODES = 100
"""Operations below which a loop cannot matter: about a millisecond."""
_FEW = 40e-6
"""Seconds of an operation up to which most of it is the asking: twice the dearest empty one."""
_BLURRED = 150e-6
"""The same where threads wait for each other within operations, which is a fixed cost, too; then the
arithmetic must be known to be small."""
_LITTLE_WORK = 1e6
"""Floating-point operations of one operation that a current CPU does in less than the fixed cost."""
_LEAST_LOOP = 0.10
"""Share of the time in the loop itself."""
_GRADIENTS = 0.5
"""A loop over operations of the graph has a backward pass of at least this part of its own time. Python's own
work has none."""
_LOOKS = 5
"""Looks at the loop from which it is sure."""
_LEFT = 0.05
"""Share of the loop's time that stays at least when the loop is gone."""


def launch_bound(view: View) -> Iterable[Slow]:
    """S8: asking takes longer than computing, and it need not be so."""
    found = work(view)
    if view.gpu:
        yield from _on_device(view, found)
        return
    if not found.nodes or found.nodes < _LEAST_NODES or found.fixed is None:
        return
    looks = [one for one in view.samples if view.part(one) in ("forward", "own")]
    loops = within_steps(view, looks, frozenset({"elements", "repeats"}))
    if loops and loops[0].share >= _LEAST_LOOP:
        yield from _loop(view, found, loops[0])


def _loop(view: View, found: Work, seen: Seen) -> Iterable[Slow]:
    assert found.nodes is not None
    shares = view.shares
    backward = shares.get("backward", 0.0)
    if view.speed.times.backward is not None and backward < _GRADIENTS * seen.share:
        return
    own = sum(one.seconds for one in seen.samples if view.part(one) == "own") / (view.sampled or 1.0)
    part = min(1.0, seen.share / max(seen.share, shares.get("forward", 0.0) + own))
    affected = min(1.0, seen.share + part * backward)
    nodes = part * found.nodes
    each = affected * found.step / nodes
    little = view.settings.flops is not None and view.settings.flops / found.nodes <= _LITTLE_WORK
    if each > (_BLURRED if little else _FEW):
        return
    node = (found.fixed or (0.0, 0.0))[0] / found.nodes
    saved = min(0.9, max(0.3 if little else 0.0, 0.9 * node / each)) * affected, (1 - _LEFT) * affected
    where, looks = place(seen.loop.file, seen.loop.line), len(seen.samples)
    yield Slow(
        key="launch-bound",
        share=middle(saved),
        confidence=0.85 if seen.loop.kind == "elements" and each <= _FEW and looks >= _LOOKS else 0.7,
        summary=f"a step asks for {found.nodes} operations, {took(each)} each with their gradients, most of "
        f"them in the loop at {where}: starting them takes longer than computing them",
        evidence=_evidence(view, found, seen),
        where=Where(file=seen.loop.file, line=seen.line, phase="forward"),
        fix=(FixStep(say=_say(seen, where)),),
        gains=(
            Gain(fix=f"one operation in place of the loop at {where}", predicted=of_share(*saved)),
            Gain(fix="torch.compile(model)", change=Change(name="compile", value="1")),
        ),
        folds=("python-overhead", "batch-too-small"),
    )  # fmt: skip


def _say(seen: Seen, where: str) -> str:
    if seen.loop.kind == "elements":
        return (
            f"The loop at {where} works on one slice after the other: do it for all of them at once (a "
            "matrix product over the dimension, nn.LSTM or nn.GRU in place of a cell, einsum, cumsum, a mask)"
        )
    return f"The loop at {where} repeats small operations: torch.compile its body, or do several at once"


def _evidence(view: View, found: Work, seen: Seen) -> tuple[Evidence, ...]:
    rows = [
        Evidence(what="operations of a step", value=str(found.nodes), source="the loss's graph"),
        Evidence(
            what="forward and backward",
            value=f"{took(found.model)} a step, {took(found.each or 0)} an operation",
            source="timed",
        ),
        Evidence(
            what=f"in the loop at {place(seen.loop.file, seen.loop.line)}",
            value=f"{seen.share:.0%} of the time",
            source=f"{len(seen.samples)} looks at the stack",
        ),
    ]  # fmt: skip
    if view.settings.flops:
        each = view.settings.flops / (found.nodes or 1) / 1e6
        rows.append(Evidence(what="arithmetic of an operation", value=f"{each:.2g} MFLOP", source="shapes"))
    return tuple(rows)


def _on_device(view: View, found: Work) -> Iterable[Slow]:
    """On a GPU, forward and backward return as soon as all is asked for: their time is the asking."""
    share = found.model / found.step if found.step else 0.0
    if not found.nodes or found.nodes < _LEAST_NODES / 2 or found.each is None or found.each > _FEW:
        return
    if share < 0.5 or view.settings.compiled:
        return
    saved = 0.2 * share, 0.8 * share
    yield Slow(
        key="launch-bound",
        share=middle(saved),
        confidence=0.6,
        summary=f"a step asks for {found.nodes} operations at {took(found.each)} each: the GPU is done "
        "sooner than Python can ask",
        evidence=(
            Evidence(what="operations of a step", value=str(found.nodes), source="the loss's graph"),
            Evidence(what="forward and backward", value=f"{took(found.model)} a step", source="timed"),
        ),
        where=Where(phase="forward"),
        gains=(
            Gain(
                fix="torch.compile(model)",
                predicted=of_share(*saved),
                change=Change(name="compile", value="1"),
            ),
        ),
    )
