"""`--error` and pasted reports through the command line."""

from __future__ import annotations

import json

import pytest

from envkit.cli.main import run

TOO_OLD = "RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."
BANNER = """\
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 535.104.05             Driver Version: 535.104.05   CUDA Version: 12.2       |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA A100-PCIE-40GB          On  |   00000000:17:00.0 Off |                    0 |
| N/A   34C    P0              36W / 250W |       0MiB /  40960MiB |      0%      Default |
|                                         |                        |             Disabled |
+-----------------------------------------+------------------------+----------------------+
"""
COLLECT_ENV = """\
PyTorch version: 2.15.0+cu132
Is debug build: False
CUDA used to build PyTorch: 13.2
OS: Ubuntu 24.04.1 LTS (x86_64)
Libc version: glibc-2.39
Python version: 3.12.3 (main, Sep 11 2024, 14:17:37) [GCC 13.2.0] (64-bit runtime)
Is CUDA available: False
GPU models and configuration: GPU 0: NVIDIA A100-PCIE-40GB
Nvidia driver version: 535.104.05
"""


@pytest.fixture
def message(tmp_path):
    path = tmp_path / "error.txt"
    path.write_text(f"Traceback (most recent call last):\n{TOO_OLD}\n")
    return str(path)


def test_a_message_is_explained(message, capsys):
    assert run(["explain", "--error", message]) == 0
    shown = capsys.readouterr().out
    assert "driver-too-old" in shown and "Fix:" in shown


def test_the_json_of_an_explanation(message, capsys):
    assert run(["explain", "--error", message, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["schema"] == "envkit.explanation/1"
    assert answer["causes"][0]["key"] == "driver-too-old"
    assert "too old" in answer["causes"][0]["evidence"][0]["value"]


def test_a_text_that_says_nothing(tmp_path, capsys):
    path = tmp_path / "log.txt"
    path.write_text("epoch 1 loss 0.3\n")
    assert run(["explain", "--error", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["causes"] == []
    assert run(["explain", "--error", str(path)]) == 0
    assert "Nothing that envkit knows" in capsys.readouterr().out


def test_doctor_weighs_a_message_with_a_snapshot(message, capsys):
    snapshot = "tests/snapshots/faulty-workstation.json"
    assert run(["doctor", "--from", snapshot, "--error", message, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"]["causes"][0]["key"] == "driver-too-old"
    assert run(["doctor", "--from", snapshot, "--error", message]) == 1
    assert "The error text points to" in capsys.readouterr().out


def test_bad_input(message, capsys):
    assert run(["explain", "--error", "/no/such/file"]) == 4
    assert run(["explain", "driver-too-old", "--error", message]) == 2
    assert capsys.readouterr().out == ""


def test_two_pastes_tell_together(tmp_path, capsys):
    smi, env = tmp_path / "smi.txt", tmp_path / "env.txt"
    smi.write_text(BANNER)
    env.write_text(COLLECT_ENV)
    assert run(["doctor", "--from", str(smi), "--from", str(env), "--json"]) == 1
    problems = [f for f in json.loads(capsys.readouterr().out)["findings"] if f["outcome"] == "problem"]
    assert [finding["key"] for finding in problems] == ["driver-too-old"]
    assert "535.104.05" in problems[0]["summary"]
