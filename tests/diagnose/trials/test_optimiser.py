"""The update, the loss scaler, boxes: pure."""

from __future__ import annotations

import pytest

from envkit.diagnose.analyzers.boxes import degenerate
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.optimiser import collapse, scaled, updated
from envkit.diagnose.model import Where
from envkit.diagnose.trace import Steps, Trace
from envkit.diagnose.trace_step import Field, Update


def course(scales: list[float], skipped: list[int]) -> Steps:
    return Steps(scale=tuple(scales), skipped=tuple(skipped))


def test_a_scale_that_walks_to_nothing() -> None:
    scales = [65536.0] * 30 + [65536.0 / 2**step for step in range(20)]
    steps = course(scales, list(range(30, 50)))
    assert collapse(steps) == (20, 65536.0, 0.125)
    (found,) = scaled(Trace(steps=steps), Where(file="a.py", line=3, op="pow"))
    assert (found.key, found.where.line) == ("loss-scale-collapse", 3)
    assert "the last 20 steps were all left out" in found.summary


@pytest.mark.parametrize(
    ("scales", "skipped"),
    [
        ([], []),  # no scaler
        ([65536.0] * 40, []),
        ([2.0**22 / 2**step for step in range(12)] + [2.0**10] * 60, list(range(12))),  # it settles
        ([2.0**16] * 50 + [2.0**15] * 50, [50]),  # now and then
        ([2.0**16] * 50 + [2.0**15], [50]),  # the last step of a run
        ([1.0] * 50, [49]),  # a scale chosen low, and one batch
    ],
)
def test_a_scaler_at_work(scales: list[float], skipped: list[int]) -> None:
    assert collapse(course(scales, skipped)) is None


def update(**more) -> Update:
    told = {
        "optimizer": "Adam",
        "name": "words.weight",
        "dtype": "float16",
        "bad": 10,
        "of": 100,
        "eps": 1e-8,
    }
    return Update(**{**told, "stack": (("a.py", 7, "main"),), **more})


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"unmoved": 10}, "adam-eps-zero"),
        ({"unmoved": 10, "dtype": "float32", "eps": 0.0}, "adam-eps-zero"),
        ({"unmoved": 10, "eps": 1e-4}, "lr-too-high"),
        ({"unmoved": 10, "dtype": "bfloat16"}, "lr-too-high"),  # 1e-8 is not zero there
        ({"unmoved": 0}, "lr-too-high"),
        ({"unmoved": 0, "dtype": "float32", "rate": 1e20, "gradient": 1e25}, "lr-too-high"),
    ],
)
def test_an_update_of_finite_gradients(more: dict, key: str) -> None:
    (found,) = updated(Trace(updates=(update(**more),)))
    assert found.key == key
    assert (found.where.line, found.where.op, found.where.phase) == (7, "adam", "optimizer")


def box(guilty: int, bad: int | None, others: int | None) -> Field:
    return Field(
        name="boxes", shape=(8, 4), row=3, value=60.0, largest=90.0, usual=50.0,
        guilty=guilty, boxes=bad, boxes_others=others,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("guilty", "bad", "others", "expected"),
    [
        (1, 1, 0, True),
        (11, 11, 2, True),  # these have a width, and fail in the next operation
        (1, 0, 0, False),
        (3, 2, 0, False),
        (1, 1, 2, False),  # others without area did no harm
        (1, None, None, False),
    ],
)
def test_boxes(guilty: int, bad: int | None, others: int | None, expected: bool) -> None:
    one = Suspicion(
        key="log-of-zero", confidence=0.9, where=Where(line=3), evidence=(), summary="log of zero"
    )
    found = tuple(degenerate(one, (box(guilty, bad, others),)))
    assert [each.key for each in found] == (["degenerate-box"] if expected else [])
    assert all(each.confidence > one.confidence and each.where == one.where for each in found)
    other = Suspicion(key="ctc-target-too-long", confidence=0.9, where=Where(), evidence=())
    assert not tuple(degenerate(other, (box(1, 1, 0),)))
