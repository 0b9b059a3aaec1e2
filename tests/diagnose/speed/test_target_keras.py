"""What is seen of the time of real trainings with Keras on TensorFlow, and what becomes of it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from envkit.diagnose.read import read
from envkit.diagnose.speed.analyzers import ANALYZERS
from envkit.diagnose.speed.analyzers.keras import calls, checked, retraced
from envkit.diagnose.speed.analyzers.wait_pipeline import contended
from envkit.diagnose.speed.trace import Compilation
from envkit.diagnose.speed.view import View
from tests.coverage_notes import require
from tests.diagnose.speed.views import frame, loader, view

ROOT = Path(__file__).resolve().parents[3]
PAYLOAD = ROOT / "envkit" / "payload"
PYTHON = ROOT / ".venv-tensorflow" / "bin" / "python"
RUNS = Path(__file__).with_name("keras_runs.py")
PROCESSES = (("pipeline",), ("traced", "several"), ("compiled",), ("generated",))
NAMES = tuple(name for names in PROCESSES for name in names)
SLEEP, BATCH = 0.004, 8  # as in the runs


def _part(name):
    """A module of the payload."""
    sys.path.insert(0, str(PAYLOAD))
    try:
        return importlib.import_module(f"_envkit_payload.watch.speed.{name}")
    finally:
        sys.path.remove(str(PAYLOAD))


def _tensorflow(seen):
    return replace(seen, trace=replace(seen.trace, framework="tensorflow"))


def _line(mark):
    rows = RUNS.read_text().splitlines()
    return next(place for place, text in enumerate(rows, 1) if text.endswith("# " + mark))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Traces by name, what was printed, and what was printed without the watcher."""
    require("tensorflow (make tensorflow)", PYTHON.exists())
    folder = tmp_path_factory.mktemp("traces")

    def run(names):
        env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
        env.pop("PYTHONPATH", None)
        if names in PROCESSES:
            (folder / names[0]).mkdir()
            env |= {"PYTHONPATH": str(PAYLOAD / "_envkit_inject"), "ENVKIT_WATCH_DIR": str(folder / names[0])}
        command = [str(PYTHON), str(RUNS), *names]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=env)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    with ThreadPoolExecutor(2) as pool:
        plain, *told = pool.map(run, [NAMES, *PROCESSES])
    traces = {name: read(str(folder / names[0]))[0] for names in PROCESSES for name in names}
    assert [trace.faults for trace in traces.values()] == [()] * len(NAMES)
    return traces, "".join(told), plain


@pytest.fixture(scope="module")
def seen(runs):
    """Traces by name."""
    return runs[0]


@pytest.mark.timeout(300)
def test_weights_are_those_of_a_run_without_the_watcher(runs):
    assert runs[1] == runs[2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "steps"), [("pipeline", 120), ("several", 40)])
def test_waiting_within_a_graph_is_seen(seen, name, steps):
    trace = seen[name]
    wait = trace.speed.times.wait[-steps:]
    assert len(trace.steps.ended) == {"pipeline": 120, "several": 26 + 40}[name]
    assert list(trace.steps.ended) == sorted(trace.steps.ended)
    # Eight sleeps one after the other; TensorFlow begins those for the next batch while a callback works.
    assert sorted(wait)[steps // 2] > SLEEP * BATCH * 0.3
    # Each batch is waited for once.
    assert sum(wait) <= trace.steps.ended[-1] - trace.speed.training_from


@pytest.mark.timeout(300)
def test_lines_of_callback_and_pipeline_are_seen(seen):
    whole = View(trace=seen["pipeline"])
    waits = whole.lines(lambda one, _: one.phase == "wait")
    assert (waits[0].file, waits[0].line) == (str(RUNS), _line("WAIT"))
    own = whole.lines(lambda one, _: whole.part(one) == "own")
    assert own[0].function == "on_train_batch_end"
    assert abs(own[0].line - _line("BURN")) <= 1
    assert set(whole.shares) >= {"wait", "forward", "own"}


@pytest.mark.timeout(300)
def test_python_in_a_thread_of_the_pipeline_is_seen(seen):
    whole = View(trace=seen["generated"], files={str(RUNS): RUNS.read_text()})
    assert whole.training_loaders[0].options["source"] == "generator"
    worst = whole.worker_lines()[0]
    assert worst.file == str(RUNS) and abs(worst.line - _line("MAKES")) <= 1
    theirs = sum(one.seconds for one in whole.speed.worker_samples)
    assert whole.speed.moments[-1].beside == pytest.approx(theirs, abs=0.01)
    assert theirs > 0.2 * whole.seconds


@pytest.mark.timeout(300)
def test_pipeline_and_settings_are_told(seen):
    speed = seen["pipeline"].speed
    loader = speed.loaders[0]
    assert (loader.kind, loader.batch_size, loader.batches, loader.training) == ("tf.data", BATCH, 120, True)
    assert loader.stack[0].line == _line("MADE")
    options = loader.options
    assert (options["serial_maps"], options["prefetch_last"], options["cache"]) == (1, True, False)
    assert str(options["stages"]).split() == ["tensors", "map", "batch"]
    assert str(options["python"]).endswith(" read")
    settings = speed.settings
    assert (settings.batch, settings.optimizer, settings.parameters) == (BATCH, "Adam", 4)
    assert (settings.dtypes, settings.computed) == ({"float32": 32 * 16 + 16 + 16 + 1}, "float32")
    # Products of both layers forward, of both for the weights, of the second one for the layer before.
    assert settings.flops == 2 * BATCH * (2 * 32 * 16 + 3 * 16)
    assert seen["several"].speed.settings.execution == 8
    assert speed.blind == ()


@pytest.mark.timeout(300)
def test_traces_and_phases_of_a_tape_are_told(seen):
    trace = seen["traced"]
    again = [one for one in trace.speed.compilations if one.why]
    assert len(again) == 5
    assert again[0].why == "another Python value for `number`: 1 after 0"
    assert again[0].what.endswith(" step")
    times = trace.speed.times
    for column in (times.wait, times.backward, times.optimizer):
        assert all(column[7:26])
        assert not any(column[1:6])


@pytest.mark.timeout(300)
def test_steps_compiled_by_xla_are_counted(seen):
    trace = seen["compiled"]
    assert len(trace.steps.ended) == 40
    assert set(trace.steps.loss) == {None}
    assert trace.speed.settings.compiled


@pytest.mark.timeout(300)
def test_the_slow_pipeline_is_the_cause(seen):
    whole = View(trace=seen["pipeline"], files={str(RUNS): RUNS.read_text()})
    found = {one.key: one for look in ANALYZERS for one in look(whole)}
    assert found["dataloader-bound"].where.file == str(RUNS)
    assert "launch-bound" not in found
    # A sum that nobody uses: work, or output.
    burnt = found.get("python-overhead") or found["heavy-logging"]
    assert abs((burnt.where.line or 0) - _line("BURN")) <= 1


def test_a_batch_taken_beside_a_step_is_waited_for_from_its_end():
    # Before any step; while the first one computes until 3; right after the second one; faster than a step.
    taken = [(0.0, 2.0, False), (2.0, 7.0, True), (8.1, 9.0, True), (9.0, 9.5, True)]
    assert _part("tf_clock").waited(taken, [3.0, 8.0, 11.0]) == [
        (2.0, 2.0),
        (7.0, 4.0),
        (9.0, 9.0 - 8.1),
        (9.5, 0.0),
    ]


def test_looks_at_a_graph_are_divided_by_its_waiting():
    rows = [(5, "forward", 1, 0.02), (5, "other", 2, 0.02), (6, "forward", 1, 0.02)]
    divided = _part("tensorflow").divided
    assert divided(rows, {}, 0.0) == rows
    found = divided(rows, {2: 9}, 0.75)
    assert found[:3] == [(5, "wait", 1, 0.015), (5, "forward", 1, 0.005), rows[1]]
    assert found[3:] == [(6, "wait", 9, 0.015), (6, "forward", 1, 0.005)]


def test_parts_of_the_time_belong_to_the_step_that_ends_after_them():
    part = _part("tf_calls")
    counted = part.Calls(part.CallPhases())
    counted.waited([(1.0, 0.1), (1.5, 0.2), (4.0, 0.3)])
    assert counted.times([2.0, 3.0])[0] == [300000, 0]
    assert counted.times([5.0])[0] == [300000]


FIT = ["keras/src/backend/tensorflow/trainer.py:399 fit", "train.py:30 <module>"]
RUN = ["tensorflow/python/eager/execute.py:53 quick_execute", *FIT]
_KERAS = "/lib/site-packages/keras/src"
BOOKS = [
    f"{_KERAS}/utils/python_utils.py:1 pythonify_logs",
    f"{_KERAS}/backend/tensorflow/trainer.py:399 fit",
    "train.py:30 <module>",
]


def _fit(books, **more):
    settings = {"batch": 32, **more.pop("settings", {})}
    samples = [("other", BOOKS, books), ("forward", RUN, 1 - books)]
    seen = view(step=0.001, wait=0.0, steps=4000, loaders=(), samples=samples, settings=settings, **more)
    return _tensorflow(seen)


@pytest.mark.parametrize(("beside", "user", "share"), [
    (0.8, 1.2, 0.6),
    (0.8, 0.4, None),  # it sleeps or reads
    (0.5, 1.9, None),  # the model computes on other CPUs
    (0.1, 0.9, None),
    (0.6, 1.5, None),
    (None, 1.0, None),
])  # fmt: skip
def test_python_of_a_pipeline_stands_in_the_way(beside, user, share):
    moments = {"user": user, "system": 0.0, **({} if beside is None else {"beside": beside})}
    made = view(
        step=0.004, steps=1000, wait=0.0002, moments=moments,
        loaders=[loader(kind="keras", batches=1000, waited=0.2, options={"source": "generator"})],
    )  # fmt: skip
    found = list(contended(_tensorflow(made)))
    assert len(found) == (share is not None)
    if share is not None:
        assert found[0].key == "dataloader-bound" and found[0].share == pytest.approx(share, abs=0.02)
        assert "(generator)" in found[0].summary and "80% of the time" in found[0].summary


def test_short_graphs_are_told_with_what_several_steps_in_a_call_give():
    (found,) = calls(_fit(0.75))
    assert found.key == "launch-bound"
    assert found.where.line == 30
    assert found.gains[0].change.name == "steps"
    assert found.gains[0].predicted[0] > 0.5
    assert not list(calls(_fit(0.3)))
    assert not list(calls(_fit(0.75, settings={"execution": 8})))
    assert _fit(0.75).part(_fit(0.75).samples[0]) == "forward"


def test_traces_again_are_told_with_tensorflows_own_remedy():
    what, why = "/home/me/train.py:7 step", "another Python value for `n`"
    again = [Compilation(step=100 + n, seconds=0.4, what=what, why=f"{why}: {n}") for n in range(8)]
    seen = view(step=lambda n: 0.4 if 100 <= n < 108 else 0.01, compilations=again)
    assert not list(retraced(seen))
    (found,) = retraced(_tensorflow(seen))
    assert "traced again 8 times" in found.summary
    assert "tf.constant" in found.gains[0].fix
    assert found.gains[0].change is None
    assert (found.where.file, found.where.line) == ("/home/me/train.py", 7)


def test_a_trace_for_a_python_value_is_told_where_the_function_is_called():
    text = (
        "@tf.function\ndef step(x, rate):\n    return x * rate\n\nfor n in range(9):\n    step(x, 0.1 * n)\n"
    )
    what, why = "/home/me/train.py:1 step", "another Python value for `rate`"
    again = [Compilation(step=100 + n, seconds=0.4, what=what, why=why) for n in range(8)]
    seen = view(
        step=lambda n: 0.4 if 100 <= n < 108 else 0.01, compilations=again, files={"/home/me/train.py": text}
    )
    (found,) = retraced(_tensorflow(seen))
    assert found.where.line == 6


def test_checks_of_each_operation_are_debugging_left_on():
    text = "import tensorflow as tf\ntf.debugging.enable_check_numerics()\n"
    settings = {"checks": ("enable_check_numerics",)}
    (found,) = checked(view(settings=settings, files={"/home/me/train.py": text}))
    assert found.key == "debug-left-on"
    assert found.where.line == 2
    assert not list(checked(view()))


def test_a_callback_is_own_code_and_keras_own_loop_is_not():
    within = [frame(one) for one in BOOKS]
    seen = view(samples=[
        ("other", ["train.py:9 on_train_batch_end", *within], 0.3),
        ("other", ["/lib/site-packages/keras/src/callbacks/tensorboard.py:1 on_epoch_end", *within], 0.2),
        ("other", ["/lib/site-packages/wandb/sdk.py:3 log", *within], 0.1),
        ("other", within, 0.4),
    ])  # fmt: skip
    assert seen.shares["own"] == pytest.approx(0.6, abs=0.02)
