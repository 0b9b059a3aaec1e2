"""A bench that is interrupted, and two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.bench_targets import HANG, fake_torch
from tests.cli.commands import ENVKIT, environment, envkit, told
from tests.cli.test_terminal import Terminal, wait_until_gone
from tests.payload.targets import torch_python

pytestmark = pytest.mark.timeout(300)


def start(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ENVKIT, "bench", *map(str, arguments)],
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def wait_for(path: Path) -> str:
    while not path.exists() or not path.read_text().strip():
        time.sleep(0.05)
    return path.read_text().strip()


def noted(folder: Path, module: str) -> tuple[Path, tuple[str, str]]:
    """A file that gets the process id of a measuring process once that module is there."""
    note = folder / "note"
    (folder / "sitecustomize.py").write_text(
        "import os, sys, threading, time\n"
        "def wait():\n"
        f"    while {module!r} not in sys.modules:\n"
        "        time.sleep(0.01)\n"
        "    time.sleep(1)\n"
        f"    open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "threading.Thread(target=wait, daemon=True).start()\n"
    )
    return note, ("--env", f"PYTHONPATH={folder}")


@pytest.mark.torch
@pytest.mark.parametrize(
    "number, code, says",
    [(signal.SIGINT, 130, "interrupted after"), (signal.SIGTERM, 143, "interrupted after")],
)
def test_what_was_measured_until_then_is_told_and_saved(tmp_path, number, code, says):
    """The second workload would take an hour; the first one is whole."""
    note, options = noted(tmp_path, "_envkit_payload.workloads.torch_cnn")
    saved = tmp_path / "saved.json"
    process = start(
        "mlp", "cnn", "--quick", "--repeat", "3", "--seconds", "2", "--python", torch_python(),
        "--json", "--save", saved, "-q", *options,
    )  # fmt: skip
    child = int(wait_for(note))
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == code, err
    result = json.loads(out)
    assert result["interrupted"] is True
    assert "mlp" in [one["workload"] for one in result["results"]]
    assert says in err.decode() and "Traceback" not in err.decode()
    value = json.loads(saved.read_text())
    assert value["interrupted"] is True
    assert [each["how"] for each in value["processes"]] == ["interrupted"]
    wait_until_gone(child)


def hanging(folder: Path) -> tuple[str, Path]:
    """A Python whose torch says its process id in a file, and hangs."""
    note = folder / "pid"
    source = f"import os\nopen({str(note)!r}, 'w').write(str(os.getpid()))\n{HANG}"
    return fake_torch(folder / "venv", source), note


def test_a_child_that_hears_nothing_is_ended_all_the_same(tmp_path):
    python, note = hanging(tmp_path)
    process = start("mlp", "--python", python, "-q")
    child = int(wait_for(note))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in err.decode()
    wait_until_gone(child)


class TestTwoAtOnce:
    def test_on_one_gpu_the_second_is_refused_and_told_who_holds_it(self, tmp_path):
        python, note = hanging(tmp_path)
        env = {"XDG_RUNTIME_DIR": str(tmp_path)}
        first = start("mlp", "--python", python, "--device", "cuda:7", "-q", env=env)
        child = int(wait_for(note))
        try:
            second = envkit("bench", "mlp", "--python", python, "--device", "cuda:7", "-q", env=env)
            assert (second.returncode, second.stdout) == (1, "")
            what, todo = told(second)
            assert "another bench runs on GPU 7" in what and f"process {first.pid}" in what
            assert "--anyway" in todo
            beside = ("--device", "cuda:6", "-q", "--limit", "1", "--repeat", "1")
            other = envkit("bench", "mlp", "--python", python, *beside, env=env)
            assert other.returncode == 10 and "another bench runs on this machine" in other.stderr
        finally:
            first.kill()
            first.communicate()
            os.kill(child, signal.SIGKILL)

    def test_the_lock_ends_with_its_holder(self, tmp_path):
        python, note = hanging(tmp_path)
        env = {"XDG_RUNTIME_DIR": str(tmp_path)}
        first = start("mlp", "--python", python, "--device", "cuda:7", "-q", env=env)
        child = int(wait_for(note))
        first.kill()
        first.communicate()
        os.kill(child, signal.SIGKILL)
        second = envkit(
            "bench",
            "mlp",
            "--python",
            python,
            "--device",
            "cuda:7",
            "-q",
            "--limit",
            "1",
            "--repeat",
            "1",
            env=env,
        )
        assert second.returncode == 10 and "another bench" not in second.stderr

    def test_a_lock_that_cannot_be_had_is_no_error(self, tmp_path):
        """A folder of somebody else's, or none at all."""
        (tmp_path / "envkit").write_text("no folder")
        python, _ = hanging(tmp_path)
        done = envkit(
            "bench", "mlp", "--python", python, "-q", "--limit", "1", "--repeat", "1",
            env={"XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 10 and "hung" in done.stderr


def test_on_a_terminal_one_line_moves(tmp_path):
    python, _ = hanging(tmp_path)
    terminal = Terminal("bench", "mlp", "--python", python, "--limit", "2", "--repeat", "1")
    shown = terminal.read()
    assert terminal.process.returncode == 10
    assert "\r\x1b[Kprocess 1 of 1: import torch, about " in shown
