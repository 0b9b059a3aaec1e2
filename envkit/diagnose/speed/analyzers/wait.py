"""The step waits for its data."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence
from envkit.diagnose.model import Where
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

_SOURCE = "the loader, timed"


def waiting(view: View) -> Iterable[Slow]:
    """S1: what part of the time goes by in waiting for batches."""
    share = view.shares.get("wait", 0.0)
    if not share:
        return
    lines = view.lines(lambda one, _: one.phase == "wait")
    place = lines[0] if lines else None
    yield Slow(
        key="dataloader-bound",
        share=share,
        summary=f"the training waits for batches {share:.0%} of its time",
        evidence=(Evidence(what="waiting for batches", value=f"{share:.0%} of the time", source=_SOURCE),),
        where=Where(phase="data") if place is None else Where(file=place.file, line=place.line, phase="data"),
    )


ANALYZERS = (waiting,)
