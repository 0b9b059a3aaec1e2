"""The update: one tensor after the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.inner_loops import within_steps
from envkit.diagnose.speed.analyzers.work import middle, place, took, work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.trace import Sample
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_TENSORS = 24
"""Tensors from which looping over them can be a fault."""
_FUSED = {"sgd": (1.0, 2.5), "adagrad": (1.2, 3.0)}
"""How many times faster the update is as one kernel on a CPU, lowest and highest over sizes of tensors. SGD
without momentum gains nothing; whether it has momentum is not known here."""
_ADAM = (3.0, 6.0)
"""The same of Adam and AdamW, many small tensors: about ten operations for each, or one."""
_ADAM_FEW = (2.0, 3.5)
_ADAM_MIDDLE = (2.5, 5.5)
_ADAM_HUGE = (2.8, 8.0)
"""Of tensors that no cache holds: each operation reads and writes them."""
_HUGE = 1_000_000
"""Values of a tensor."""
_SMALL = 20_000
"""Values of a tensor below which its update is mostly the asking."""
_BY_DEFAULT = 0.25
"""Share that must be saved where the person has set nothing: every small model's Adam looks like that."""
_BY_HAND = (0.4, 0.9)
"""Part of a hand-written loop's time that goes with one call for all tensors, where they are small."""
_BY_HAND_LARGE = (0.0, 0.6)


def slow_optimizer(view: View) -> Iterable[Slow]:
    """S23: the update takes long beside the gradients."""
    by_hand = list(_by_hand(view))
    if by_hand:
        yield from by_hand
        return
    saved, gain = of_fused(view)
    tensors, settings, found = view.settings.parameters or 0, view.settings, work(view)
    looped = settings.foreach is False
    if gain is None or middle(saved) < (0.0 if looped else _BY_DEFAULT):
        return
    if _small(view) and tensors < _TENSORS:  # a small model, whose update is a few dozen operations
        return
    how = "with foreach=False " if looped else ""
    yield Slow(
        key="slow-optimizer",
        share=middle(saved),
        confidence=0.8 if looped else 0.7,
        summary=f"{settings.optimizer} updates {tensors} tensors one after the other {how}in "
        f"{took(found.optimizer)} of each step, {_share(view):.0%} of the time",
        evidence=_evidence(view),
        where=Where(file=_line(view)[0], line=_line(view)[1], phase="optimizer"),
        fix=(FixStep(say=f"{settings.optimizer}(..., fused=True)"),),
        gains=(gain, *(_foreach(view) if _small(view) else ())),
    )


def of_fused(view: View) -> tuple[tuple[float, float], Gain | None]:
    """Share that an update as one kernel saves, and the gain; None where there is no such kernel."""
    name, share = (view.settings.optimizer or "").lower(), _share(view)
    ratio = _adam(view) if name in ("adam", "adamw") else _FUSED.get(name)
    if ratio is None or view.settings.fused or not share or _custom(view) or view.trace.framework != "torch":
        return (0.0, 0.0), None
    low, high = ratio
    saved = share * (1 - 1 / low), share * (1 - 1 / high)
    if middle(saved) < 0.01:
        return saved, None
    gain = Gain(
        fix=f"{view.settings.optimizer}(..., fused=True)", predicted=of_share(*saved),
        change=Change(name="fused", value="1"), key="slow-optimizer",
    )  # fmt: skip
    return saved, gain


def _adam(view: View) -> tuple[float, float]:
    tensors, values = view.settings.parameters or 1, view.settings.values or 0
    if values / tensors >= _HUGE:
        return _ADAM_HUGE
    if not _small(view):
        return _ADAM_MIDDLE
    return _ADAM if tensors >= _TENSORS else _ADAM_FEW


def _foreach(view: View) -> Iterable[Gain]:
    if view.settings.foreach is not True:
        share = _share(view)
        ratio = (1.2, 2.2) if not view.gpu else (2.0, 8.0)
        yield Gain(
            fix="foreach=True", predicted=of_share(share * (1 - 1 / ratio[0]), share * (1 - 1 / ratio[1])),
            change=Change(name="foreach", value="1"), key="slow-optimizer",
        )  # fmt: skip


def _by_hand(view: View) -> Iterable[Slow]:
    """The person's own loop over parameters: an optimiser, an average of the weights, clipping."""
    looks = [one for one in view.samples if one.phase in ("optimizer", "other")]
    loops = within_steps(view, looks, frozenset({"parameters"}))
    if not loops:
        return
    seen, tensors = loops[0], view.settings.parameters or 0
    where = place(seen.loop.file, seen.loop.line)
    if tensors and tensors < _TENSORS:
        return
    part = _BY_HAND if _small(view) else _BY_HAND_LARGE
    saved = part[0] * seen.share, part[1] * seen.share
    yield Slow(
        key="slow-optimizer",
        share=middle(saved),
        confidence=0.8 if _small(view) else 0.6,
        summary=f"the loop at {where} goes through {tensors or 'all'} parameters one by one, "
        f"{seen.share:.0%} of the time",
        evidence=(
            Evidence(
                what=f"in the loop at {where}", value=f"{seen.share:.0%} of the time",
                source=f"{len(seen.samples)} looks at the stack",
            ),
            *_evidence(view),
        ),
        where=Where(file=seen.loop.file, line=seen.line, phase="optimizer"),
        fix=(
            FixStep(
                say=f"In place of the loop at {where}: torch.optim with fused=True, or torch._foreach_add_ "
                "and the like on lists of all parameters"
            ),
        ),
        gains=(Gain(fix=f"all parameters at once at {where}", predicted=of_share(*saved)),),
        folds=("python-overhead",),
    )  # fmt: skip


def _share(view: View) -> float:
    return view.shares.get("optimizer", 0.0)


def _small(view: View) -> bool:
    """Whether most of an update's time is the asking, by the usual size of a tensor."""
    tensors, values = view.settings.parameters, view.settings.values
    return bool(tensors and values) and (values or 0) / (tensors or 1) < _SMALL


def _custom(view: View) -> bool:
    """Whether the update is the person's own code."""
    looks = [one for one in view.samples if one.phase == "optimizer"]
    own = sum(_in_own_step(view, one) for one in looks)
    return bool(looks) and own > len(looks) / 2


def _in_own_step(view: View, sample: Sample) -> bool:
    """Whether the innermost frames are the person's, torch's own decorators around `step` left out."""
    stack = view.stack(sample)
    inner = next((frame for frame in stack if frame.users or frame.file.endswith("optimizer.py")), None)
    return inner is not None and inner.users and inner.function in ("step", "update") and any(
        frame.file.endswith("torch/optim/optimizer.py") for frame in stack
    )  # fmt: skip


def _line(view: View) -> tuple[str | None, int | None]:
    lines = view.lines(lambda one, _: one.phase == "optimizer")
    return (lines[0].file, lines[0].line) if lines else (None, None)


def _evidence(view: View) -> tuple[Evidence, ...]:
    settings, found = view.settings, work(view)
    backward = view.shares.get("backward", 0.0) * found.step
    each = found.optimizer / settings.parameters if settings.parameters else None
    rows = [
        Evidence(
            what="update", value=f"{took(found.optimizer)} a step beside {took(backward)} for the gradients",
            source="timed",
        )
    ]  # fmt: skip
    if each is not None:
        text = f"{settings.parameters}, {took(each)} each"
        rows.append(Evidence(what="tensors", value=text, source="the optimiser's parameters"))
    if settings.foreach is not None or settings.fused is not None:
        text = f"foreach={settings.foreach}, fused={settings.fused}"
        rows.append(Evidence(what="optimiser", value=text, source="the optimiser"))
    return tuple(rows)
