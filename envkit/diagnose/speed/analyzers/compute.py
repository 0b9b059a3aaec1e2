"""The work itself: many tiny operations, small batches, slow optimisers, or nothing to mend."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View

_BOUND = 0.7


def bound(view: View) -> Iterable[Slow]:
    """S32: nearly all of the time is the model's own work."""
    share = sum(view.shares.get(name, 0.0) for name in ("forward", "backward", "optimizer"))
    if share >= _BOUND:
        yield Slow(
            key="compute-bound",
            share=share,
            summary=f"{share:.0%} of the time is the model's own work",
            evidence=(Evidence(what="forward, backward, optimizer", value=f"{share:.0%}", source="timed"),),
        )


ANALYZERS = (bound,)
