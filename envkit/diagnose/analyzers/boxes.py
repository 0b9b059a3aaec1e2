"""Boxes without area, or of another format, where an operation failed on the samples that hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from envkit.core.finding import Evidence
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.trace_step import Field

_OF = ("log-of-zero", "division-by-zero", "sqrt-at-zero", "domain-error", "where-gradient-trap")
"""What a width or height of zero or less leads to."""


def degenerate(one: Suspicion, fields: Sequence[Field]) -> Iterator[Suspicion]:
    """The boxes behind a suspicion: where each sample that failed holds one without area, and few others do.

    Others may hold one, too: that has a width and no height, say, and fails in the next operation.
    """
    if one.key not in _OF:
        return
    for field in fields:
        others = field.boxes_others or 0
        if not field.boxes or field.boxes != field.guilty or 2 * others > field.boxes:
            continue
        shown = Evidence(
            what=f"boxes in {field.name}",
            value=f"all {field.boxes} samples that failed, {others or 'none'} of the others: "
            "x2 <= x1 or y2 <= y1",
            source="the batch of that step",
        )
        yield replace(
            one, key="degenerate-box", confidence=min(0.96, one.confidence + 0.04),
            evidence=(shown, *one.evidence),
            summary=f"a box in {field.name} has no width or height, or is not two corners: {one.summary}",
        )  # fmt: skip
        return
