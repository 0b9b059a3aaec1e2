"""`bench` in torch: models trained for real, and what is said where something cannot be had."""

from __future__ import annotations

import math
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from envkit.bench.read import read
from envkit.bench.samples import Options
from envkit.target.bench_job import Told
from tests.payload.bench.torch_runs import (
    FOUR,
    LIMIT,
    bench,
    broken_torch,
    command,
    environment,
    models,
    parsed,
)
from tests.payload.targets import BASE, install_torch, make_venv, site_of

pytestmark = [pytest.mark.torch, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", FOUR)
def test_a_model_learns_and_is_measured(name: str) -> None:
    run = models()
    assert run.code == 0, run.stderr[-2000:]
    order = [line["kind"] for line in run.lines if line.get("workload") == name and line["kind"] != "steps"]
    assert order == ["workload", "check", "first-step", "warm", "measured"]
    check, measured, facts = run.one("check", name), run.one("measured", name), run.one("workload", name)
    assert check["ok"] and check["last"] <= check["demanded"] < check["first"]
    times = [one for line in run.all("steps", name) for one in line["host"]]
    assert measured["steps"] == len(times) > 0
    assert all(one > 0 for one in times)
    assert sum(times) <= measured["seconds"] <= measured["ended"] - measured["began"]
    assert facts["items"] == facts["batch_size"] * {"rnn": 32, "transformer": 64}.get(name, 1)
    assert facts["flops"] > facts["items"] * 2 * facts["parameters"] / 50
    assert measured["rss"] > 1 << 27
    assert measured["device_memory"] is None


def test_lines_come_in_their_order() -> None:
    kinds = [line["kind"] for line in models().lines]
    assert kinds[:4] == ["start", "at", "at", "environment"] and kinds[-1] == "end"
    told = models().one("environment")
    assert (told["framework"], told["rank"], told["world"], told["threads"]) == ("torch", 0, 1, 1)
    assert told["device"]["kind"] == "cpu" and told["device"]["name"]
    at = [line["what"] for line in models().all("at")]
    assert at[0] == "import torch" and at[-1] == "transformer: measuring"


def test_the_host_reads_every_line() -> None:
    told = Told(ranks=(tuple(models().lines),), how="done", code=0, began=0.0, ended=1.0, stderr="")
    answer = read(told, Options(framework="torch", device="cpu"), arm="A", number=0, limit=60)
    assert (answer.process.how, answer.process.detail) == ("done", "")
    assert [run.workload for run in answer.process.runs] == list(FOUR)
    for run in answer.process.runs:
        assert run.rate and run.rate > 0 and run.flops and run.parameters
        assert run.options.scale == "quick" and run.options.batch_size == run.batch_size


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains(precision: str) -> None:
    run = bench({"workloads": ["mlp"], "precision": precision})
    assert run.all("failure") == []
    assert run.one("check")["ok"]
    assert run.one("workload")["options"]["precision"] == precision
    assert run.one("measured")["steps"] > 0


def test_what_this_device_cannot_do_is_unsupported() -> None:
    run = bench({"workloads": ["mlp"], "precision": "tf32"})
    failure = run.one("failure")
    assert failure["failure"] == "unsupported" and "TF32" in failure["error"]
    assert run.all("measured") == [] and run.code == 0
    run = bench({"workloads": ["mlp"], "compile": "xla"})
    assert "TensorFlow" in run.one("failure")["error"]


def test_layout_and_fused_optimiser_are_those_that_really_ran() -> None:
    run = bench({"workloads": ["cnn", "rnn"], "check": False, "fused": True, "channels_last": True})
    assert run.all("failure") == run.all("check") == []
    cnn, rnn = run.one("workload", "cnn"), run.one("workload", "rnn")
    assert cnn["options"]["channels_last"] and cnn["notes"] == []
    assert not rnn["options"]["channels_last"] and rnn["notes"] == ["channels_last: rnn has no images"]
    assert cnn["options"]["fused"] and rnn["options"]["fused"]


@pytest.mark.cc
def test_a_compiled_model_trains() -> None:
    run = bench({"workloads": ["mlp"], "compile": "default", "check": False})
    assert run.all("failure") == []
    assert run.one("workload")["options"]["compile"] == "default"
    assert run.one("first-step")["seconds"] > run.one("measured")["seconds"] / run.one("measured")["steps"]


def test_compiling_without_a_compiler_is_unsupported(tmp_path: Path) -> None:
    env = {"CXX": str(tmp_path / "none"), "PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    run = bench({"workloads": ["mlp"], "compile": "default", "check": False}, env=env)
    failure = run.one("failure")
    assert failure["failure"] == "unsupported", failure
    assert "compiler" in failure["error"]


def test_resnet50_has_its_known_size() -> None:
    run = bench({"workloads": ["resnet50"], "batch_size": 1, "check": False})
    facts = run.one("workload")
    assert facts["parameters"] == 25_557_032  # of He et al., version 1.5, 1000 classes
    assert run.one("measured")["steps"] > 0


def test_the_batch_is_halved_until_it_fits() -> None:
    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

    run = bench({"workloads": ["mlp"], "batch_size": 1 << 20, "check": False}, before=little_memory)
    assert run.all("failure") == []
    notes = [line["text"] for line in run.all("note")]
    assert notes[0] == "out of memory at batch 1048576: halved to 524288"
    assert run.all("workload")[-1]["batch_size"] == (1 << 20) >> len(notes)
    assert run.one("measured")["steps"] > 0


def test_memory_that_never_suffices_is_a_failure_and_the_next_workload_runs(tmp_path: Path) -> None:
    patch = (
        "real = torch.nn.functional.conv2d\n"
        "def conv2d(*a, **k): raise RuntimeError('[enforce fail at alloc_cpu.cpp:1] . "
        "DefaultCPUAllocator: can\\'t allocate memory: you tried to allocate 1 bytes.')\n"
        "torch.nn.functional.conv2d = conv2d\n"
        "torch.nn.Conv2d._conv_forward = conv2d\n"
    )
    env = broken_torch(tmp_path, patch)
    run = bench({"workloads": ["cnn", "mlp"], "batch_size": 8, "check": False}, env=env)
    assert [line["text"][-1] for line in run.all("note", "cnn")] == ["4", "2", "1"]
    assert run.one("failure")["failure"] == "out-of-memory"
    assert run.all("measured", "cnn") == [] and run.one("measured", "mlp")["steps"] > 0


WRONG_PRODUCT = """
def mm(left, right):
    return (left.unsqueeze(2) * right.flip(0).unsqueeze(0)).sum(1)
torch.wrong = torch.library.Library('aten', 'IMPL')
torch.wrong.impl('mm', mm, 'CPU')
"""
"""The backward of a linear layer takes the rows of a matrix in the wrong order."""


def test_wrong_matrix_products_do_not_learn(tmp_path: Path) -> None:
    run = bench({"workloads": ["mlp"]}, env=broken_torch(tmp_path, WRONG_PRODUCT))
    check, failure = run.one("check"), run.one("failure")
    assert not check["ok"] and check["last"] > check["demanded"]
    assert failure["failure"] == "does-not-learn"
    assert "at most 0.5 was expected" in failure["error"]
    assert run.all("measured") == []


def test_numbers_that_are_not_finite_do_not_learn(tmp_path: Path) -> None:
    patch = WRONG_PRODUCT.replace(".sum(1)", ".sum(1) * float('inf')")
    run = bench({"workloads": ["mlp"]}, env=broken_torch(tmp_path, patch))
    assert run.all("check") == []
    assert run.one("failure")["failure"] == "does-not-learn"
    assert "not finite after" in run.one("failure")["error"]


def test_an_error_of_a_workload_leaves_the_others(tmp_path: Path) -> None:
    patch = "def lstm(*a, **k): raise ValueError('[bold]a\\x1bfault')\ntorch.nn.LSTM.forward = lstm\n"
    run = bench({"workloads": ["rnn", "mlp"], "check": False}, env=broken_torch(tmp_path, patch))
    failure = run.one("failure")
    assert (failure["workload"], failure["failure"]) == ("rnn", "error")
    assert failure["error"] == "ValueError: [bold]a\x1bfault" and "lstm" in failure["traceback"]
    assert run.one("measured", "mlp") and run.code == 0


def test_a_python_without_torch() -> None:
    run = bench({}, python=str(BASE))
    assert run.one("absent")["framework"] == "torch"
    assert run.all("environment") == [] and run.code == 1


def test_a_torch_that_cannot_be_imported(tmp_path: Path) -> None:
    python = make_venv(tmp_path / "venv")
    folder = install_torch(site_of(python), "2.9.0", None)
    (folder / "__init__.py").write_text("raise SystemExit('libtorch is broken')")
    run = bench({}, python=str(python))
    assert run.one("import-failed")["error"] == "SystemExit: libtorch is broken"
    assert "__init__.py" in run.one("import-failed")["traceback"]


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "xpu"])
def test_a_device_that_is_not_there(device: str) -> None:
    told = bench({"device": device}).one("no-device")
    assert told["device"] == device and told["available"] == ["cpu"]
    assert "built for the CPU only" in told["why"] or device == "xpu"


def test_lines_go_into_a_file(tmp_path: Path) -> None:
    job = {"workloads": ["mlp"], "check": False}
    run = bench(job, more=("--out", str(tmp_path / "lines")))
    assert run.lines == []
    lines = parsed((tmp_path / "lines" / "0.jsonl").read_text())
    assert lines[0]["kind"] == "start" and lines[-1]["kind"] == "end"
    assert any(line["kind"] == "measured" for line in lines)


def interrupted(job: dict, at: str, number: int, times: int = 1) -> tuple[list[dict], int]:
    """Send a signal when the line of `at` was told; all lines and the exit code."""
    process = subprocess.Popen(
        command(job), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    )
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if at in line:
            for _ in range(times):
                process.send_signal(number)
            break
    rest, _ = process.communicate(timeout=LIMIT)
    return parsed("".join(seen) + rest), process.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_measured(number: int) -> None:
    job = {"workloads": ["mlp", "cnn"], "check": False, "seconds": 3600.0}
    lines, code = interrupted(job, '"kind": "steps"', number)
    kinds = [line["kind"] for line in lines]
    assert code == 130
    assert kinds[-2:] == ["measured", "interrupted"]
    told = sum(len(line["host"]) for line in lines if line["kind"] == "steps")
    assert lines[-2]["steps"] == told > 0
    assert math.isclose(
        lines[-2]["seconds"],
        sum(one for line in lines if line["kind"] == "steps" for one in line["host"]),
        rel_tol=0.2,
    )


@pytest.mark.parametrize("at", ["import torch", "mlp: learning check", "mlp: warm-up"])
def test_an_interrupt_elsewhere_ends_at_once(at: str) -> None:
    lines, code = interrupted({"workloads": ["mlp"], "warmup": 3600.0, "seconds": 3600.0}, at, signal.SIGINT)
    assert code == 130
    assert lines[-1]["kind"] == "interrupted"
    assert not any(line["kind"] == "measured" for line in lines)
