"""`bench` in TensorFlow: ceilings, image files, and what cannot be had."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.payload.bench.keras_runs import LIMIT, bench, command, script, tensorflow_python


def test_ceilings_and_what_reaches_them(tmp_path: Path) -> None:
    run = bench(
        {
            "workloads": ["gemm", "dataloader"],
            "limits": ["gemm", "memory-bandwidth", "h2d"],
            "workers": 2,
            "dir": str(tmp_path),
        }
    )
    gemm, memory = run.all("limit")
    assert (gemm["what"], gemm["unit"], gemm["precision"]) == ("gemm", "FLOP/s", "fp32")
    assert (memory["what"], memory["unit"]) == ("memory-bandwidth", "B/s")
    assert all(len(one["samples"]) >= 5 and min(one["samples"]) > 0 for one in (gemm, memory))
    product = run.one("workload", "gemm")
    assert product["items"] == product["flops"] and product["unit"] == "FLOP"
    images = run.one("workload", "dataloader")
    assert images["options"]["workers"] == 2 and images["unit"] == "samples"
    assert "a compressed one in" in images["notes"][0]
    for name in ("gemm", "dataloader"):
        assert run.one("measured", name)["steps"] > 0
    assert list(tmp_path.iterdir()) == []


def test_images_are_decoded_to_their_pixels(tmp_path: Path) -> None:
    told = script(tensorflow_python(), "keras_images.py", str(tmp_path))
    assert told == {"same": [True, True], "shape": [224, 224, 3]}


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"precision": "tf32"}, "TF32 is a mode of NVIDIA GPUs"),
        ({"compile": "max-autotune"}, "max-autotune is a mode of torch.compile"),
        ({"workloads": ["allreduce"]}, "only for torch"),
    ],
)
def test_what_cannot_be_had_is_said(job: dict, said: str) -> None:
    run = bench({"workloads": ["mlp"], **job})
    failure = run.one("failure")
    assert said in json.dumps(failure)
    assert "unsupported" in failure.values()
    assert not run.all("measured")


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "xpu"])
def test_a_device_that_is_not_there(device: str) -> None:
    run = bench({"workloads": ["mlp"], "device": device}, env={"CUDA_VISIBLE_DEVICES": ""})
    told = run.one("no-device")
    assert told["device"] == device and told["available"] == ["cpu"] and told["why"]
    assert run.code == 1


def test_an_old_keras_is_refused(tmp_path: Path) -> None:
    # TensorFlow 2.15 is not installed for this: what is read of it stands here.
    for name, text in (
        ("tensorflow", "__version__ = '2.15.0'\n"),
        ("keras", "__version__ = '2.15.0'\nclass callbacks:\n    class Callback: pass\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    run = bench({"workloads": ["mlp"]}, env={"PYTHONPATH": str(tmp_path)})
    assert run.code == 1
    assert (
        "Keras 3, which TensorFlow has from 2.16 on; this is Keras 2.15.0"
        in run.one("import-failed")["error"]
    )


def test_another_backend_of_the_person_does_not_count() -> None:
    run = bench({"workloads": ["mlp"]}, env={"KERAS_BACKEND": "torch", "KERAS_MAX_STEPS_PER_EPOCH": "1"})
    assert run.code == 0, run.stderr[-2000:]
    assert run.one("measured", "mlp")["steps"] > 1


def test_short_memory_is_known_from_other_errors() -> None:
    told = script(tensorflow_python(), "keras_memory.py")
    short = "out-of-memory"
    assert told["seen"] == {
        "one op": short,
        "a traced step": short,
        "batches": short,
        "another error": "error",
    }
    assert told["loss"] > 0


def test_an_interrupt_keeps_what_was_measured() -> None:
    with subprocess.Popen(
        command({"workloads": ["mlp", "cnn"], "seconds": LIMIT, "check": False}),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in filter(str.strip, process.stdout):
            lines.append(json.loads(line))
            if lines[-1]["kind"] == "steps" and not process.poll():
                process.send_signal(signal.SIGINT)
                break
        lines += [json.loads(line) for line in filter(str.strip, process.stdout)]
    assert process.returncode == 130
    assert [line["kind"] for line in lines[-2:]] == ["measured", "interrupted"]
    steps = sum(len(line["host"]) for line in lines if line["kind"] == "steps")
    assert lines[-2]["workload"] == "mlp" and lines[-2]["steps"] == steps > 0
