"""The payload's lines become samples, whatever became of the process."""

from __future__ import annotations

import pytest

from envkit.bench.read import Answer, read
from envkit.bench.samples import Options
from envkit.target.bench_job import Told
from tests.bench.told import END, ENVIRONMENT, START, run, told, whole, workload

ASKED = Options(framework="torch", device="auto", scale="quick")


def answer(said: Told) -> Answer:
    return read(said, ASKED, arm="A", number=3, limit=60.0)


def test_a_whole_process():
    process = answer(whole("mlp", "cnn")).process
    assert (process.arm, process.number, process.how, process.detail) == ("A", 3, "done", "")
    assert process.environment is not None and process.environment.version == "2.13.0+cpu"
    first, second = process.runs
    assert (first.workload, second.workload) == ("mlp", "cnn")
    assert first.step_seconds == (0.01,) * 10 and first.device_seconds is None
    assert first.rate == pytest.approx(6400)
    assert (first.first_step, first.warm_steps, first.warm_seconds, first.stable) == (0.5, 20, 0.2, True)
    assert first.check is not None and first.check.ok
    assert first.options.scale == "quick", "what a run does not say is as asked for"
    assert first.options.device == "cpu", "and what it says counts"


def test_limits_and_failures():
    limit = {"kind": "limit", "what": "gemm", "unit": "FLOP/s", "precision": "fp32", "shape": "8x8x8",
             "samples": [1e9, 2e9]}  # fmt: skip
    failure = {"kind": "failure", "workload": "rnn", "failure": "error", "error": "ValueError: \x1b[31mno",
               "traceback": "a\n\x1b[0mb"}  # fmt: skip
    process = answer(told(START, ENVIRONMENT, limit, failure, END)).process
    assert process.limits[0].samples == (1e9, 2e9)
    (found,) = process.failures
    assert (found.workload, found.kind, found.error) == ("rnn", "error", "ValueError: no")
    assert found.traceback == "a\nb"


def test_after_a_halved_batch_the_last_one_counts():
    note = {"kind": "note", "workload": "mlp", "text": "out of memory at batch 64: halved to 32"}
    half = [line for line in run("mlp", batch=32) if line["kind"] != "check"]
    lines = [
        START,
        ENVIRONMENT,
        *run("mlp")[:3],
        {"kind": "steps", "workload": "mlp", "host": [9.0], "device": None},
    ]
    process = answer(told(*lines, note, *half, END)).process
    (found,) = process.runs
    assert found.batch_size == 32 and 9.0 not in found.step_seconds
    assert found.notes == ("out of memory at batch 64: halved to 32",)
    assert found.check is not None, "the lesson was learnt before"


def test_steps_before_a_crash_are_kept():
    cut = run("mlp")[:-1]
    said = told(START, ENVIRONMENT, *cut, how="crashed", code=-11, stderr="Segmentation fault")
    found = answer(said)
    (kept,) = found.process.runs
    assert (kept.steps, kept.seconds, kept.ended) == (10, pytest.approx(0.1), None)
    assert found.process.how == "crashed" and "SIGSEGV" in found.process.detail
    assert "mlp: measuring" in found.process.detail and found.at == "mlp: measuring"


def test_what_was_begun_and_not_measured_has_no_rate():
    (run_,) = answer(told(START, ENVIRONMENT, workload(), how="timeout")).process.runs
    assert run_.rate is None


def test_an_end_without_the_last_line_is_a_crash():
    assert answer(told(START, ENVIRONMENT, code=0)).process.how == "crashed"
    assert answer(Told(began=0, ended=1, how="done", ranks=(), code=0)).process.how == "crashed"


def test_every_worker_of_a_launch():
    second = [START, {**ENVIRONMENT, "rank": 1, "world": 2}, *run("mlp", step=0.02), END]
    process = answer(told(START, {**ENVIRONMENT, "world": 2}, *run("mlp"), END, more=(second,))).process
    assert [(one.rank, one.rate) for one in process.runs] == [
        (0, pytest.approx(6400)),
        (1, pytest.approx(3200)),
    ]
    assert process.environment is not None and process.environment.rank == 0


def test_the_worker_that_did_not_end_says_where():
    second = [START, {**ENVIRONMENT, "rank": 1, "world": 2}, {"kind": "at", "what": "mlp: warm-up"}]
    stderr = (
        "Root Cause (first observed failure):\n[0]:\n  time : 2026-01-01_00:00:00\n"
        "  rank      : 1 (local_rank: 1)\n  exitcode  : -9 (pid: 12)\n"
        "  traceback : Signal 9 (SIGKILL) received by PID 12\n"
    )
    said = told(START, ENVIRONMENT, END, more=(second,), how="crashed", code=1, stderr=stderr, oom_kills=1)
    process = answer(said).process
    assert "mlp: warm-up" in process.detail and "SIGKILL" in process.detail
    assert "lack of memory" in process.detail


STOPS = {
    "absent": ({"kind": "absent", "framework": "torch"}, ("absent", "torch", "")),
    "no device": (
        {"kind": "no-device", "device": "cuda", "why": "no driver", "available": ["cpu", "mps"]},
        ("no-device", "cuda", "no driver"),
    ),
    "not importable": (
        {"kind": "import-failed", "error": "ImportError: no\x07pe", "traceback": "x"},
        ("import-failed", "", "ImportError: nope"),
    ),
    "too old": (
        {"kind": "unsupported", "version": "3.6.9", "minimum": "3.9"},
        ("unsupported", "3.6.9", "3.9"),
    ),
}


@pytest.mark.parametrize("line, is_said", STOPS.values(), ids=STOPS)
def test_why_nothing_can_be_measured(line, is_said):
    stop = answer(told(START, line, how="crashed", code=1)).stop
    assert stop is not None and (stop.kind, stop.what, stop.why) == is_said
    assert stop.available == tuple(line.get("available", ()))


def test_torchrun_without_torch_is_no_framework():
    stderr = "/usr/bin/python3: Error while finding module specification (No module named 'torch')"
    said = Told(began=0, ended=1, how="crashed", ranks=(), code=1, stderr=stderr)
    stop = answer(said).stop
    assert stop is not None and (stop.kind, stop.what) == ("absent", "torch")


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "limit", "what": "gemm", "unit": "apples"},
        {"kind": "environment", "framework": 3},
        {"kind": "measured", "workload": "mlp", "steps": "many", "seconds": 1.0},
        {"kind": "check", "workload": "mlp", "data": []},
        {"kind": "warm", "workload": "mlp", "steps": {}},
        {"kind": "steps", "workload": "mlp", "host": ["soon"], "device": None},
    ],
)
def test_a_line_of_the_wrong_form_is_told_and_the_rest_is_kept(line):
    process = answer(told(START, ENVIRONMENT, workload(), line, *run("cnn"), END)).process
    assert "cannot be read" in process.detail
    assert [one.workload for one in process.runs if one.rate] == ["cnn"]


def test_lines_that_are_not_known_are_passed_over():
    process = answer(told(START, {"kind": "later", "workload": "mlp"}, ENVIRONMENT, *run("mlp"), END)).process
    assert process.detail == "" and len(process.runs) == 1


def test_an_error_of_the_payload_itself_is_told():
    line = {"kind": "error", "section": "bench", "text": "KeyError: 'x'"}
    process = answer(told(START, line, how="crashed", code=1)).process
    assert "KeyError" in process.detail and "exit code 1" in process.detail
