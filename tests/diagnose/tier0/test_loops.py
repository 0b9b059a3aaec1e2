"""Loops of many styles under the watcher: what trips it, at which step, and what does not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from envkit.diagnose.read import lines, read
from envkit.diagnose.trace import Trace
from tests.coverage_notes import require

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"
PAYLOAD = ROOT / "envkit" / "payload"

pytestmark = pytest.mark.timeout(560)  # all run in the first fixture

HEALTHY = (
    "by_hand_healthy",
    "guard_before_backward+guard_after_backward+masks+large+closures+adversarial",
    "guard_that_zeroes",
    "scaler",
    "scaler_fused",
    "forward_only",
    "parts",
)
FAULTS = {
    # name: what, where the run is seen to be bad at the latest, the step that is found, an operation there
    "scaler_never": ("gradient", 6, 6, "div"),
    "by_hand": ("loss", 21, 21, "mul"),
    "rare_row": (None, 90, 5, "div"),
    "sparse": (None, 26, 24, "mul"),
    "closure_fault": (None, 11, 10, "div"),
    "accumulate": (None, 5, 4, "log"),
    "ignored_part": ("loss", 6, 6, "nll_loss"),
    "first_step": ("loss", 0, 0, "log"),
    "evaluation_only": ("evaluation", 10, 8, "div"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    require("torch (make torch)", PYTHON.exists())
    folder = tmp_path_factory.mktemp("traces")
    done = subprocess.run(
        [
            str(PYTHON),
            str(Path(__file__).with_name("loops.py")),
            str(PAYLOAD),
            str(folder),
            *HEALTHY,
            *FAULTS,
        ],
        capture_output=True,
        text=True,
        timeout=500,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    ends = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if line.endswith((" 0", " 1")))
    assert ends == dict.fromkeys((*HEALTHY, *FAULTS), "0"), done.stderr[-3000:]
    return folder


def trace(folder: Path, name: str) -> Trace:
    return read(str(folder / name.split("+")[0]))[0]


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_loops_trip_nothing(folder, name):
    seen = trace(folder, name)
    assert seen.trip is None
    assert seen.faults == ()
    assert seen.copies


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_at_the_step_where_it_begins(folder, name):
    what, latest, step, operation = FAULTS[name]
    seen = trace(folder, name)
    assert seen.faults == ()
    assert seen.trip is not None
    assert seen.trip.step <= latest
    if what is not None:
        assert seen.trip.what == what
    assert seen.replay == "repeated"
    born = [event for event in seen.events if event.born]
    assert born, seen
    assert {event.step for event in born} == {step}
    assert any(f".{operation}" in event.op for event in born), [event.op for event in born]


def test_steps_are_counted_in_updates_and_without_an_optimiser_in_backward_passes(folder):
    assert len(trace(folder, "by_hand_healthy").steps.loss) == 40
    assert len(trace(folder, "accumulate").steps.loss) == 10
    assert len(trace(folder, "forward_only").steps.ended) == 0
    group = trace(folder, HEALTHY[1]).steps
    # 26 batches without NaN; 34 of 40; 30; 20; closures 12 + 5; two optimisers in turns, 30 each
    assert len(group.loss) == 26 + 34 + 30 + 20 + 17 + 60
    assert all(one is not None for one in group.loss[:26])


def test_the_scaler_s_course_is_recorded(folder):
    seen = trace(folder, "scaler").steps
    assert seen.skipped
    assert seen.skipped == tuple(range(len(seen.skipped)))
    assert seen.scale[0] == 2.0**40
    assert seen.scale[-1] == 2.0 ** (40 - len(seen.skipped))
    assert all(one is not None and one > 0 for one in seen.loss)
    assert seen.clipped[-1] is not None and seen.clipped[-1] > 0
    fused = trace(folder, "scaler_fused").steps
    assert fused.skipped and len(fused.loss) == 60
    never = trace(folder, "scaler_never").steps
    assert len(never.skipped) == 30


def test_a_wide_step_tells_of_layers_and_batch(folder):
    wide = trace(folder, HEALTHY[1]).wide
    assert wide
    first = wide[0]
    assert [one.name for one in first.parameters] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for one in first.parameters:
        assert one.update > 0
        # Plain SGD: the update is the rate times the gradient.
        assert one.update == pytest.approx(0.01 * one.gradient, rel=1e-2)
    assert [one.module for one in first.activations] == ["Linear", "ReLU", "Linear"]
    assert first.activations[0].zeros == 0
    assert 0 < first.activations[1].zeros < 1
    (batch,) = first.inputs
    assert (batch.model, batch.shape, batch.dtype) == ("Sequential", (64, 4), "float32")
    assert batch.min < batch.mean < batch.max


def test_accounts_are_kept_apart(folder):
    seen = trace(folder, "accumulate")
    assert seen.hooks_seconds + seen.copies_seconds == pytest.approx(seen.own_seconds, abs=1e-5)
    assert 0 < seen.hooks_seconds < seen.seconds
    assert seen.install_seconds > 0
    assert seen.replay_seconds > 0
    assert trace(folder, "scaler").replay_seconds == 0.0


def test_the_run_went_on_in_full_and_its_steps_are_written_once(folder):
    for name, count in (("rare_row", 100), ("by_hand", 30), ("evaluation_only", 20)):
        own = [
            line
            for path in (folder / name).glob("*.jsonl")
            if not any(line["kind"] == "copy" for line in lines(str(path)))
            for line in lines(str(path))
        ]
        firsts = [(line["first"], len(line["ended"])) for line in own if line["kind"] == "steps"]
        assert sum(number for _, number in firsts) == count
        assert [first for first, _ in firsts] == [
            sum(number for _, number in firsts[:place]) for place in range(len(firsts))
        ]
