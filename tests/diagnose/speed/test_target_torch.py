"""What the watcher writes about the time of a script that trains with torch."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from envkit.diagnose.read import read
from envkit.diagnose.speed.trace import Settings, SpeedTrace
from tests.coverage_notes import require

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-torch" / "bin" / "python"
PAYLOAD = ROOT / "envkit" / "payload"
LOOPS = Path(__file__).with_name("target_loops.py")
NAMES = ("loaders", "half", "together_made", "compiled", "broken")


def part(name: str):
    """A module of the watcher that imports no framework."""
    sys.path.insert(0, str(PAYLOAD))
    try:
        return importlib.import_module(f"_envkit_payload.watch.speed.{name}")
    finally:
        sys.path.remove(str(PAYLOAD))


# Phases, by a clock of our own.


@pytest.fixture
def timed(monkeypatch):
    """(phases, a function that lets seconds pass)."""
    module, now = part("phases"), [100.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0], monotonic=lambda: now[0])
    monkeypatch.setattr(module, "time", clock)

    def passes(seconds: float) -> None:
        now[0] += seconds

    return module.Phases(), passes


def test_phases_add_up_and_the_rest_is_none_of_them(timed):
    phases, passes = timed
    for seconds, name in ((2, "wait"), (3, "backward"), (1, "optimizer")):
        phases.begin(name)
        passes(seconds)
        phases.end(name)
        passes(10)
    assert phases.step() == (2, 3, 1)
    assert phases.step() == (0, 0, 0)
    assert phases.now == "other"
    assert phases.training_from == 112


def test_the_loss_within_a_closure_is_not_the_update(timed):
    phases, passes = timed
    phases.update(True)
    seen = [phases.now]
    for _ in range(2):  # a line search calls it again
        passes(5)
        phases.begin("backward")
        passes(3)
        phases.end("backward")
        seen.append(phases.now)
    passes(1)
    phases.end("optimizer")
    assert seen == ["other", "optimizer", "optimizer"]
    assert (phases.now, phases.step()) == ("other", (0, 6, 1))


def test_an_update_that_raised_is_over_when_the_next_batch_is_asked_for(timed):
    phases, passes = timed
    phases.update(False)
    passes(1)
    phases.begin("wait")
    passes(2)
    phases.end("wait")
    assert phases.now == "other"
    phases.update(False)
    passes(4)
    phases.end("optimizer")
    assert phases.step() == (2, 0, 4)


def test_a_backward_pass_within_another_one_ends_alone(timed):
    phases, passes = timed
    phases.begin("backward")
    passes(1)
    phases.begin("backward")
    passes(2)
    phases.end("backward")
    assert phases.now == "backward"
    passes(4)
    phases.end("backward")
    phases.end("backward")
    assert (phases.now, phases.step()) == ("other", (0, 7, 0))


def test_the_thread_that_trains_is_the_one_that_is_followed(timed):
    phases, _ = timed
    trains = phases.mine()

    def elsewhere(*done):
        thread = threading.Thread(target=lambda: [one() for one in done])
        thread.start()
        thread.join()

    elsewhere(lambda: phases.begin("wait"))
    assert trains and phases.now == "start"
    elsewhere(lambda: phases.begin("backward"))
    assert phases.now == "backward" and not phases.mine()
    phases.begin("optimizer")
    phases.end("backward")
    assert phases.now == "backward"  # of the thread that trains, which did not end it
    phases.gone = True
    phases.begin("backward")
    assert phases.mine()


# Real runs.


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    require("torch (make torch)", PYTHON.exists())
    folder = tmp_path_factory.mktemp("speed")
    done = subprocess.run(
        [str(PYTHON), str(LOOPS), str(PAYLOAD), str(folder), *NAMES],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.split() == [word for name in NAMES for word in (name, "0")], done.stderr[-3000:]
    return folder


def seen(folder: Path, name: str) -> SpeedTrace:
    trace = read(str(folder / name))[0]
    assert trace.faults == ()
    return trace.speed


def settings(folder: Path, name: str) -> Settings:
    found = seen(folder, name).settings
    assert found is not None
    return found


def line_of(text: str) -> int:
    lines = LOOPS.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.timeout(400)
def test_loaders_are_told_apart(folder):
    speed = seen(folder, "loaders")
    train, check = speed.loaders
    assert (train.batches, train.epochs, train.workers, train.batch_size) == (12, 3, 2, 8)
    assert (train.dataset, train.length, train.collate, train.context) == ("Pictures", 32, "together", "fork")
    assert [(one.file, one.line) for one in train.stack[:1]] == [(str(LOOPS), line_of("train = DataLoader"))]
    assert train.training and not check.training
    assert (check.batches, check.epochs, check.workers) == (6, 3, 0)  # a new one each epoch, of one line
    assert 0 < train.first_waits <= train.waited
    assert speed.times.wait is not None and sum(speed.times.wait) >= train.waited * 0.5
    assert speed.blind == ()


def test_loaders_of_one_line_that_are_there_at_once_are_two(folder):
    first, second = seen(folder, "together_made").loaders
    assert first.stack == second.stack
    assert (first.training, first.batches, second.training, second.batches) == (True, 12, False, 12)


def test_workers_tell_what_they_do_and_on_which_lines(folder):
    speed = seen(folder, "loaders")
    assert sorted((one.loader, one.number) for one in speed.workers) == sorted([(0, 0), (0, 1)] * 3)
    assert sum(one.batches for one in speed.workers) == 12
    assert sum(one.samples for one in speed.workers) == 96
    for one in speed.workers:
        assert 0 < one.collated < one.fetched
        assert (one.threads, one.bytes) == (1, 8 * 3 * 16 * 16 * 4 + 8 * 8)
        assert one.pid in speed.loaders[0].pids
    own = {frame.function for one in speed.worker_samples for frame in speed.stacks[one.stack] if frame.users}
    assert "__getitem__" in own
    assert {one.phase for one in speed.worker_samples} == {"wait"}


def test_settings_are_those_of_the_step(folder):
    found = settings(folder, "loaders")
    assert found.dtypes == {"float32": 41722} and found.parameters == 8
    assert (found.optimizer, found.foreach, found.device, found.batch) == ("AdamW", False, "cpu", 8)
    assert (found.conv_bias_norm, found.channels_last, found.denormals) == (1, False, 0.0)
    assert (found.threads, found.omp, found.anomaly, found.autocast) == (1, "1", False, None)
    assert found.attention == (f"{LOOPS}:{line_of('torch.softmax')}",)
    assert found.shapes == ((10, 4096), (16, 16))
    products = 8 * (3 * 2 * 256 * 16 * 16 + 2 * 3 * 2 * 16 * 16 * 16 * 16 + 3 * 2 * 4096 * 10)
    convolution = 2 * 2 * 8 * 16 * 256 * 27  # no gradient for the picture
    assert found.flops == products + convolution


def test_number_types_and_modes_are_seen_where_they_are_on_for_a_part(folder):
    found = settings(folder, "half")
    assert (found.autocast, found.computed, found.dtypes) == ("bfloat16", "bfloat16", {"float32": 144})
    assert found.anomaly is True
    assert found.batch == 8  # two batches of four for each update
    assert found.attention == () and found.conv_bias_norm is None


def test_collections_are_timed(folder):
    last = seen(folder, "loaders").moments[-1]
    assert last.collected is not None and last.collected > 0
    assert last.collections is not None and last.collections >= 1


def test_what_is_compiled_again_is_told_with_its_reason(folder):
    speed = seen(folder, "compiled")
    first, again = [one for one in speed.compilations if "backward" not in one.what]
    assert (first.step, first.why, again.step) == (0, "", 5)
    assert "size mismatch" in again.why
    assert again.what == f"{LOOPS}:{line_of('fast(torch.randn')} compiled"
    assert speed.settings is not None and speed.settings.compiled


def test_a_fault_of_ours_loses_its_own_lines_only(folder):
    speed = seen(folder, "broken")
    assert [one.partition(":")[0] for one in speed.blind] == ["loaders"]
    assert speed.loaders == () and speed.settings is not None and speed.moments
    assert speed.times.backward is not None and len(speed.times.backward) == 10
