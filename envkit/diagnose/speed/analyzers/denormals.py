"""Numbers too small to be normal, where this CPU is slow with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from envkit.core.finding import Evidence, FixStep
from envkit.diagnose.model import Change, Gain, Where
from envkit.diagnose.speed.analyzers.work import work
from envkit.diagnose.speed.model import Slow
from envkit.diagnose.speed.view import View
from envkit.diagnose.speed.whatif import of_share

_LEAST = 0.01
"""Share of the looked-at values that are denormal."""
_LANES = 16
"""Values of a vector register: one denormal among them slows all."""
_SLOWER = 1.3
"""How many times longer products of denormal numbers must take on this CPU: several kinds take no longer."""


def denormals(view: View) -> Iterable[Slow]:
    """S28. Only where it was measured that this CPU is slow with them."""
    settings = view.settings
    part = settings.denormals
    factor = view.ceiling.denormal if view.ceiling is not None else None
    if (
        view.gpu
        or part is None
        or part < _LEAST
        or settings.flush_denormal
        or factor is None
        or factor < _SLOWER
    ):
        return
    found = work(view)
    touched = 1 - (1 - part) ** _LANES
    # Work that would take 1 takes 1 + touched (factor - 1); not all of it multiplies.
    low, high = (
        amount / found.step * extra / (1 + extra)
        for amount, extra in zip(
            found.vector, (0.1 * part * (factor - 1), touched * (factor - 1)), strict=True
        )
    )
    share = (low * high) ** 0.5 if low > 0 else high / 4
    yield Slow(
        key="denormals",
        share=share,
        confidence=0.6,
        summary=f"{part:.1%} of the values are denormal numbers, with which this CPU takes {factor:.0f} "
        "times as long",
        evidence=(
            Evidence(what="denormal values", value=f"{part:.1%}", source="weights and gradients"),
            Evidence(
                what="products of denormal numbers", value=f"{factor:.1f} times as long",
                source="measured right after the run",
            ),
            Evidence(what="flush to zero", value="off", source="torch.set_flush_denormal"),
        ),
        where=Where(phase="forward"),
        fix=(FixStep(say="torch.set_flush_denormal(True) in the first lines"),),
        gains=(
            Gain(
                fix="torch.set_flush_denormal(True)", predicted=of_share(low, high),
                change=Change(name="flush-denormal", value="1"),
            ),
        ),
    )  # fmt: skip
