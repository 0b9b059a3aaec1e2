"""`envkit bench` where something is absent, wrong, or breaks: each in a real process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.bench_targets import CRASH, HANG, after_import, fake_torch, sabotage
from tests.cli.commands import envkit, told
from tests.payload.targets import make_venv, torch_python

pytestmark = pytest.mark.timeout(300)
SHORT = ("--quick", "--repeat", "1", "--seconds", "0.1", "-q")


def bench(*arguments: str | Path, **more: object):
    return envkit("bench", *arguments, **more)  # type: ignore[arg-type]


USAGE = {
    "no workload of that name": (["mlps"], "no workload 'mlps'"),
    "no precision of that name": (["--precision", "fp8"], "--precision"),
    "no device of that name": (["--device", "gpu0"], "--device"),
    "no framework of that name": (["--framework", "jax"], "--framework"),
    "no mode of that name": (["--compile", "fast"], "--compile"),
    "a variable without value": (["--env", "OMP_NUM_THREADS"], "NAME=VALUE"),
    "no Python": (["--python", " "], "--python names nothing"),
    "no image": (["--image", ""], "--image names nothing"),
    "quick and full": (["--quick", "--full"], "--quick and --full"),
    "loud and quiet": (["-q", "-v"], "--verbose and --quiet"),
    "two formats": (["--json", "--format", "html"], "--json and --format html"),
    "processes that are no number": (["--nproc", "1,two"], "--nproc"),
    "no process": (["--nproc", "0"], "--nproc"),
    "no repetition": (["--repeat", "0"], "--repeat"),
    "machines without a place": (["--nnodes", "2"], "--nnodes needs"),
    "a machine too many": (["--node-rank", "1"], "--node-rank 1"),
    "no endpoint": (["--nnodes", "2", "--rdzv-endpoint", "here"], "HOST:PORT"),
    "strong scaling of one": (["--scaling", "strong"], "--scaling strong"),
    "all-reduce of one": (["allreduce"], "allreduce needs"),
    "torchrun for TensorFlow": (["--framework", "tf", "--nproc", "2"], "--nproc and --nnodes"),
    "B like A": (["--vs", "--precision fp32"], "--vs changes nothing"),
    "B without options": (["--vs", " "], "--vs names nothing"),
    "B with an option of the whole": (["--vs", "--repeat 3"], "--vs does not know '--repeat'"),
    "B with half a quote": (["--vs", "--env 'A=1"], "--vs cannot be read"),
    "B with half an option": (["--vs", "--precision"], "needs a value"),
    "B with no batch": (["--vs", "--batch-size -1"], "--batch-size"),
    "two questions": (["--aa", "--vs", "--fused"], "--vs and --aa"),
    "few for --aa": (["--aa", "--repeat", "4"], "--aa needs 10"),
    "measuring what was measured": (["--from", "x.json", "--precision", "bf16"], "--from judges"),
    "saving what is compared": (["--compare", "a", "b", "--save", "c"], "nothing to save"),
    "both to standard output": (["--save", "-"], "--save -"),
}


@pytest.mark.parametrize("arguments, says", USAGE.values(), ids=USAGE)
def test_what_cannot_be_meant_is_refused(arguments, says):
    done = bench(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    what, todo = told(done)
    assert says in what and todo


BAD_FILES = {
    "absent": (None, "cannot read"),
    "empty": (b"", "is empty"),
    "no JSON": (b"mlp 1000 samples/s\n", "not JSON"),
    "of another command": (b'{"schema": "envkit.snapshot/1"}', "not an envkit bench-samples"),
    "of a later version": (b'{"schema": "envkit.bench-samples/2"}', "reads envkit.bench-samples/1"),
    "a wrong type": (
        b'{"schema": "envkit.bench-samples/1", "fingerprint": {}, "arms": 3, "processes": [], "date": ""}',
        "not a valid bench-samples",
    ),
}


@pytest.mark.parametrize("data, says", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told(tmp_path, data, says):
    path = tmp_path / "saved.json"
    if data is not None:
        path.write_bytes(data)
    done = bench("--from", path)
    assert (done.returncode, done.stdout) == (4, "")
    assert says in told(done)[0]
    compared = bench("--compare", path, path)
    assert (compared.returncode, compared.stdout) == (4, "")
    told(compared)


class TestAbsent:
    def test_no_framework_names_the_plan_of_build(self, tmp_path):
        python = make_venv(tmp_path / "empty")
        done = bench("mlp", "--python", python)
        assert (done.returncode, done.stdout) == (3, "")
        what, todo = told(done)
        assert "neither PyTorch nor TensorFlow" in what and str(python) in what
        assert "`envkit build --framework torch" in todo and "torch 2." in todo

    def test_another_framework_than_the_one_asked_for(self, tmp_path):
        python = fake_torch(tmp_path / "venv", "")
        done = bench("mlp", "--framework", "tensorflow", "--python", python)
        assert done.returncode == 3
        what, todo = told(done)
        assert "no TensorFlow" in what and "it has PyTorch" in what
        assert "--framework tensorflow" in todo

    def test_no_python(self, tmp_path):
        done = bench("mlp", "--python", tmp_path / "nowhere")
        assert done.returncode == 3
        told(done)

    def test_side_b_without_a_framework(self, tmp_path):
        python = make_venv(tmp_path / "empty")
        done = bench("mlp", "--vs", f"--python {python}", "--python", fake_torch(tmp_path / "venv", ""))
        assert (done.returncode, done.stdout) == (3, "")
        assert str(python) in told(done)[0]

    @pytest.mark.torch
    def test_no_such_device_names_what_is_there(self):
        done = bench("mlp", *SHORT, "--device", "cuda:99", "--python", torch_python())
        assert (done.returncode, done.stdout) == (3, "")
        what, _ = told(done)
        assert "cuda:99" in what and "cpu" in what.rpartition(";")[2]

    def test_a_framework_that_cannot_be_imported(self, tmp_path):
        error = "libcudnn.so.9: cannot open shared object file"
        done = bench(
            "mlp", *SHORT, "--python", fake_torch(tmp_path / "venv", f"raise ImportError({error!r})")
        )
        assert (done.returncode, done.stdout) == (3, "")
        what, todo = told(done)
        assert error in what and "doctor --deep" in todo


def ended(done, code: int) -> tuple[dict, str]:
    """The JSON, and the last two lines of standard error as one."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), " ".join(done.stderr.splitlines()[-2:])


class TestCrash:
    @pytest.mark.parametrize(
        "number, means",
        [
            ("SIGSEGV", "a fault in native code"),
            ("SIGILL", "does not know an instruction"),
            ("SIGABRT", "gave up"),
            ("SIGKILL", "memory"),
            ("SIGBUS", "/dev/shm"),
        ],
    )
    def test_a_signal_is_explained(self, tmp_path, number, means):
        python = fake_torch(tmp_path / "venv", CRASH.format(number))
        result, last = ended(bench("mlp", *SHORT, "--json", "--python", python), 10)
        assert "import torch" in last and number in last and means in last
        assert result["results"] == []
        assert any(number in note for note in result["notes"])
        (finding,) = result["findings"]
        assert finding["outcome"] == "problem" and number in finding["summary"]

    def test_a_hang_ends_at_the_limit_with_what_it_last_did(self, tmp_path):
        python = fake_torch(
            tmp_path / "venv", f"import sys\nprint('waiting for the lock', file=sys.stderr)\n{HANG}"
        )
        result, last = ended(bench("mlp", *SHORT, "--limit", "3", "--json", "--python", python), 10)
        assert "hung in import torch" in last and "waiting for the lock" in last and "--limit" in last
        assert result["findings"]

    def test_what_it_said_last_is_inert(self, tmp_path):
        source = "import os, sys\nprint('\\x1b]0;owned\\x07[bold]\\u202egone', file=sys.stderr)\nos._exit(3)"
        done = bench("mlp", *SHORT, "--python", fake_torch(tmp_path / "venv", source))
        assert done.returncode == 10
        assert "\x1b" not in done.stdout + done.stderr and "\u202e" not in done.stdout + done.stderr
        assert "exit code 3" in done.stderr and "[bold]gone" in done.stderr

    @pytest.mark.torch
    def test_what_was_measured_before_a_crash_is_kept(self, tmp_path):
        """And the workload that crashes comes last, and is left out after the second time."""
        options = sabotage(tmp_path / "bad", "cnn", CRASH.format("SIGSEGV"))
        saved = tmp_path / "saved.json"
        done = bench(
            "cnn", "mlp", *SHORT[:2], "3", *SHORT[3:], *options, "--python", torch_python(), "--json",
            "--save", saved,
        )  # fmt: skip
        result, _ = ended(done, 1)
        assert [one["workload"] for one in result["results"]] == ["mlp"]
        assert len(result["results"][0]["processes"]) == 2
        assert any("SIGSEGV" in finding["summary"] for finding in result["findings"])
        processes = json.loads(saved.read_text())["processes"]
        assert [process["how"] for process in processes] == ["crashed", "crashed", "done"]
        assert all("cnn" in process["detail"] for process in processes[:2])
        again = bench("--from", saved, "--json")
        assert again.returncode == 1 and json.loads(again.stdout) == result

    @pytest.mark.torch
    def test_a_workload_that_hangs(self, tmp_path):
        options = sabotage(tmp_path / "bad", "cnn", HANG)
        done = bench("mlp", "cnn", *SHORT, *options, "--python", torch_python(), "--limit", "45", "--json")
        result, last = ended(done, 10)
        assert "hung in cnn" in last
        assert [one["workload"] for one in result["results"]] == ["mlp"]


@pytest.mark.torch
class TestFailures:
    def test_a_workload_that_does_not_learn(self, tmp_path):
        broken = "torch.optim.SGD.step = lambda *a, **k: None"
        options = after_import(tmp_path / "bad", broken)
        done = bench("mlp", *SHORT, *options, "--python", torch_python(), "--json")
        result, _ = ended(done, 1)
        assert [failure["kind"] for failure in result["failures"]] == ["does-not-learn"]
        (finding,) = result["findings"]
        assert finding["severity"] == "error" and "loss" in finding["summary"] and finding["fix"]
        text = bench("mlp", *SHORT[:-1], *options, "--python", torch_python())
        assert text.returncode == 1 and "does not learn" in text.stdout

    def test_a_workload_that_raises(self, tmp_path):
        broken = "torch.nn.Linear.forward = lambda *a: 1 / 0"
        options = after_import(tmp_path / "bad", broken)
        done = bench("mlp", *SHORT, *options, "--python", torch_python(), "--json")
        result, _ = ended(done, 1)
        (failure,) = result["failures"]
        assert failure["kind"] == "error" and "ZeroDivisionError" in failure["error"]
        assert "forward" in failure["traceback"]

    def test_a_report_that_cannot_be_written(self, tmp_path):
        done = bench("mlp", *SHORT, "--python", torch_python(), "--save", "/dev/full")
        assert (done.returncode, done.stdout) == (7, "")
        assert "/dev/full" in told(done)[0]
