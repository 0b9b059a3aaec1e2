"""Batches in which no target counts."""

from __future__ import annotations

from collections.abc import Sequence

from envkit.diagnose.analyzers.names import base
from envkit.diagnose.trace_step import Batch, Event

IGNORED = -100
"""The class index that losses leave out: `ignore_index` of torch.nn.functional.cross_entropy."""


def nothing_counts(event: Event, batches: Sequence[Batch]) -> tuple[str, str] | None:
    """A loss that is divided by the number of targets that count, of which there are none.

    Hugging Face divides so outside of the loss function, with a count that is no whole number any more.
    """
    if base(event.op) != "div" or event.became != "nan" or event.given != "finite" or event.out.shape:
        return None
    for batch in batches:
        values = batch.values
        if "int" in values.dtype and values.min == values.max == IGNORED:
            said = f"every target of the batch is {IGNORED}, which losses ignore: a mean of nothing"
            return "empty-reduction", said
    return None
