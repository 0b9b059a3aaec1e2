"""Copies to a GPU from ordinary memory. Nothing is said without a GPU."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed import whatif
from envkit.diagnose.speed.analyzers import own, source
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.words import duration

_SHARE = 0.08
_PAGEABLE, _PINNED = 5e9, 20e9
"""Bytes a second: from pageable memory through a buffer, usual for PCIe 3 and 4; from page-locked memory."""
_COPIES = ("to", "cuda", "copy_")


def pageable(view: View) -> Iterable[Slow]:
    """S6: the step stands still while a batch is copied."""
    loaders = [one for one in view.training_loaders if one.kind == "torch"]
    if not view.gpu or not loaders or loaders[0].pin_memory:
        return
    every = own.looks(view)
    looks = [one for one in every if one.sample.phase == "other" and _copies(view, one)]
    wanted = {id(one.sample) for one in looks}
    seen, number = own.told(view, every, lambda one: id(one.sample) in wanted)
    sizes = [one.bytes for one in view.speed.workers if one.bytes and one.loader == loaders[0].number]
    if seen < _SHARE or number < 5 or not view.step:
        return
    share, size = seen, max(sizes, default=0)
    if size:  # a copy also waits for what the GPU was asked before: only its own time can go
        share = min(seen, size * (1 / _PAGEABLE - 1 / _PINNED) / view.step)
    if share < _SHARE:
        return
    line = own.dearest(view, looks)
    told = f", {size / 1e6:.1f} MB each" if size else ""
    yield Slow(
        key="pageable-transfers",
        share=share,
        summary=f"copies of batches to the GPU from pageable memory{told} hold it up {seen:.0%} of the time",
        evidence=(
            Evidence(what="copies of batches", value=f"{seen:.0%} of the time", source=f"{number} looks"),
            Evidence(what="pin_memory", value="False", source="the DataLoader"),
            Evidence(what="a step", value=duration(view.step), source="steps, timed"),
        ),
        where=Where(phase="data") if line is None else Where(file=line.file, line=line.line, phase="data"),
        confidence=0.75 if size else 0.55,
        gains=(
            Gain(
                fix="pin_memory=True", key="pageable-transfers", change=Change(name="pin", value="1"),
                predicted=whatif.of_share(0.5 * share if size else 0.0, share),
            ),
        ),
        fix=(
            FixStep(say=f"DataLoader(..., pin_memory=True), to(..., non_blocking=True) at {own.named(line)}"),
        ),
    )  # fmt: skip


def _copies(view: View, look: own.Look) -> bool:
    mine = own.users(look.stack)
    inner = own.below(look.stack)
    if not mine or (inner and not own.library(inner[0], ("torch/",))):
        return False
    names = source.calls(source.own(view.files.get(mine[0].file, ""), mine[0].line))
    return any(name.rpartition(".")[2] in _COPIES for name in names)
