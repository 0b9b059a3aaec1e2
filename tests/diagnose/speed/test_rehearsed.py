"""Gains from operations that were done once more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from envkit.diagnose.model import Change, Gain
from envkit.diagnose.speed.analyzers import compute, precision, rehearsed
from envkit.diagnose.speed.model import MachineCeiling
from envkit.diagnose.speed.trace import Operation, Tensors
from envkit.diagnose.speed.verdict import speed
from envkit.diagnose.speed.view import View
from tests.diagnose.speed.views import view

PRODUCT = Operation(often=2.0, name="product", dtype="float32", shape=(64, 512), more={"inner": 512})
SETTINGS = {
    "operations": 60, "flops": 5e9, "batch": 8, "parameters": 20, "values": 2_000_000, "optimizer": "Adam",
    "dtypes": {"float32": 2_000_000}, "recipe": (PRODUCT,),
    "sizes": (Tensors(shape=(512, 512), dtype="float32", count=20),),
}  # fmt: skip
HALF, FUSED = compute.HALF, Change(name="fused", value="1")


def seen(found: dict[str, dict[str, float]] | None = None, **settings: Any) -> View:
    """A run of 100 ms a step, 60 of them backward, 20 in the update; found: what a rehearsal took."""
    made = view(
        step=0.1, backward=0.06, optimizer=0.02, steps=60, settings={**SETTINGS, **settings},
    )  # fmt: skip
    if found is None:
        return made
    return replace(made, ceiling=MachineCeiling(rates={"fp32": 80e9}, rehearsals=rehearsed.told(found)))


def of(view: View, change: Change) -> tuple[float, float]:
    found = rehearsed.predicted(view, change)
    assert found is not None
    return found


def test_what_is_rehearsed() -> None:
    gains = [Gain(fix="", change=one) for one in (HALF, FUSED, Change(name="workers", value="2"))]
    found = rehearsed.job(seen(), gains)
    assert found is not None and (found["optimizer"], found["recipe"]) == ("Adam", (PRODUCT,))
    assert set(found["variants"]) == {"now", "autocast=bfloat16", "fused=1"}
    assert found["variants"]["autocast=bfloat16"]["parts"] == ("model",)
    assert found["variants"]["fused=1"]["fused"] is True
    larger = rehearsed.job(seen(), [Gain(fix="", change=Change(name="batch", value="32"))])
    assert larger is not None and larger["variants"]["batch=32"]["rows"] == 4


def test_anomaly_mode_is_on_in_all_but_its_own_variant() -> None:
    gains = [Gain(fix="", change=Change(name="anomaly", value="0")), Gain(fix="", change=HALF)]
    found = rehearsed.job(seen(anomaly=True), gains)
    assert found is not None
    modes = {name: one["anomaly"] for name, one in found["variants"].items()}
    assert modes == {"now": True, "anomaly=0": False, "autocast=bfloat16": True}


@pytest.mark.parametrize("settings", [{"recipe": (), "sizes": ()}, {}])
def test_nothing_to_rehearse(settings: dict[str, Any]) -> None:
    gains = [Gain(fix="", change=Change(name="workers", value="2")), Gain(fix="faster data")]
    if settings:
        gains.append(Gain(fix="", change=HALF))
    assert rehearsed.job(seen(**settings), gains) is None


def test_the_difference_comes_off_the_step() -> None:
    """Of an update of 20 ms, 18 rehearsed, 12 go: 100 ms to about 88 or 87."""
    low, high = of(seen({"update": {"now": 0.018, "fused=1": 0.006}}), FUSED)
    assert low < 100 / 88 - 1 < 100 / 86.7 - 1 < high
    assert high - low < 0.25


def test_a_rehearsal_that_took_longer_counts_in_proportion() -> None:
    low, high = of(seen({"model": {"now": 0.16, "autocast=bfloat16": 0.08}}), HALF)
    assert low == pytest.approx(1 / (1 - 0.4 * 0.85) / 1.08 - 1, rel=1e-3)
    assert high == pytest.approx(1 / (1 - 0.4 * 1.15) * 1.08 - 1, rel=1e-3)


def test_both_parts_count() -> None:
    found = {"model": {"now": 0.08, "dtype=float32": 0.04}, "update": {"now": 0.02, "dtype=float32": 0.01}}
    low, high = of(seen(found), Change(name="dtype", value="float32"))
    assert low < 1.0 < high


def test_slower_is_told_as_slower_and_not_proposed() -> None:
    found = seen({"model": {"now": 0.08, "autocast=bfloat16": 0.12}})
    assert of(found, HALF)[1] < 0
    slow = next(iter(compute.bound(found)))
    assert HALF in {one.change for one in slow.gains}
    told = speed(found.traces, {}, found.conditions, found.ceiling)
    assert told is not None and HALF not in {one.change for one in told.gains}


def test_more_rows_are_told_in_rows() -> None:
    """Four times the rows in a step of 130 ms."""
    found = seen({"model": {"now": 0.08, "batch=32": 0.11}})
    low, high = of(found, Change(name="batch", value="32"))
    assert low < 4 / 1.3 - 1 < high


def test_a_wide_type_saves_what_was_rehearsed() -> None:
    found = {"model": {"now": 0.08, "dtype=float32": 0.02}, "update": {"now": 0.02, "dtype=float32": 0.01}}
    slow = next(iter(precision.too_wide(seen(found, dtypes={"float64": 2_000_000}))))
    assert 0.6 < slow.share < 0.76
    assert "save 6" in slow.summary
