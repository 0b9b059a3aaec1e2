"""A run's operations done once more, in a real torch."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.payload.targets import PAYLOAD, torch_python

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]
SCRIPT = Path(__file__).parent / "inside" / "torch_rehearsal.py"


@pytest.fixture(scope="module")
def done() -> dict[str, Any]:
    argv = [torch_python(), str(SCRIPT), str(PAYLOAD)]
    told = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=True).stdout
    found: dict[str, Any] = json.loads(told)
    return found


@pytest.mark.parametrize("name", ["images", "words", "wide"])
def test_all_operations_of_a_recipe_can_be_done(done: dict[str, Any], name: str) -> None:
    assert done[name]["left_out"] == []
    assert all(seconds > 0 for seconds in done[name]["seconds"]["model"].values())


def test_recipes_hold_what_models_do(done: dict[str, Any]) -> None:
    images, words = set(done["images"]["kinds"]), set(done["words"]["kinds"])
    assert {"convolution", "NativeBatchNorm", "MaxPool2DWithIndices", "product", "Gelu"} <= images
    assert {"recurrent", "attention", "Embedding", "NativeLayerNorm", "Softmax", "product"} <= words
    assert not {"View", "T", "AccumulateGrad", "Transpose"} & (images | words)


def test_parts_are_those_that_were_asked_for(done: dict[str, Any]) -> None:
    assert set(done["images"]["seconds"]["model"]) == {"now", "autocast=bfloat16", "batch=32"}
    assert "update" not in done["images"]["seconds"]
    assert set(done["wide"]["seconds"]["model"]) == {"now", "dtype=float32"}
    assert set(done["wide"]["seconds"]["update"]) == {"now", "dtype=float32", "fused=1"}


def test_changes_take_effect(done: dict[str, Any]) -> None:
    """By far, so that no neighbour turns it round: stacks as text cost several times the operations."""
    words = done["words"]["seconds"]["model"]
    assert words["anomaly=0"] < 0.5 * words["now"]


def test_an_optimiser_that_torch_has_not_is_left_out(done: dict[str, Any]) -> None:
    assert done["unknown"]["seconds"].get("update") == {}
    assert "Lion" in done["unknown"]["left_out"][0]


def test_an_update_that_needs_more_memory_than_the_run_is_left_out(done: dict[str, Any]) -> None:
    assert done["large"]["left_out"] == ["update: too large"]
    assert done["large"]["seconds"]["update"] == {}
