"""A loss that is divided by the number of targets that count."""

from __future__ import annotations

import pytest

from envkit.diagnose.analyzers.ignored import nothing_counts
from envkit.diagnose.trace_step import Batch, Event, Values

LABELS = Values(shape=(2, 16), dtype="int64", min=-100, max=-100)


def _division(shape=(), op="aten.div.Tensor", became="nan"):
    out = Values(shape=shape, dtype="float32", nan=1)
    return Event(
        step=5, number=0, op=op, became=became, born=True, given="finite", phase="forward", count=1, of=1,
        place=(), out=out, inputs=(Values(shape=(), dtype="float32", min=0.0, max=0.0, at=0.0),) * 2,
    )  # fmt: skip


def _given(*values):
    return [Batch(model="Net", argument=number, values=one) for number, one in enumerate(values)]


def test_all_targets_are_ignored():
    """0/0 of two numbers, and labels that are all -100."""
    found = nothing_counts(_division(), _given(Values(shape=(2, 16), dtype="int64", min=0, max=39), LABELS))
    assert found is not None and found[0] == "empty-reduction" and "-100" in found[1]


@pytest.mark.parametrize(
    ("event", "batch"),
    [
        (_division(), Values(shape=(2, 16), dtype="int64", min=-100, max=7)),
        (_division(), Values(shape=(2, 16), dtype="float32", min=-100.0, max=-100.0)),
        (_division(shape=(8,)), LABELS),
        (_division(op="aten.log.default"), LABELS),
        (_division(became="inf"), LABELS),
    ],
    ids=["one counts", "not labels", "of many", "another operation", "of something"],
)
def test_otherwise_nothing_is_said(event, batch):
    """The division tells by itself what it is."""
    assert nothing_counts(event, _given(batch)) is None
