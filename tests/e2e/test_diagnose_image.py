"""`envkit diagnose --image` on a real engine: this folder is in the container, and the watcher with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.real_docker import Docker, base_image, docker_engine

pytestmark = pytest.mark.timeout(600)
SCRIPT = """
import sys

def load(path):
    with open(path) as file:
        return [float(line) for line in file]

print("read", sum(load("numbers.txt")))
open("written.txt", "w").write("kept")
print("trouble", file=sys.stderr)
raise RuntimeError("mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)")
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with docker_engine(tmp_path_factory.mktemp("engine")) as found:
        yield found


def diagnose(docker: Docker, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "envkit.cli.main", "diagnose", *arguments]
    return subprocess.run(
        argv, env=docker.env, cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )


def test_it_runs_there_on_the_files_of_here(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "numbers.txt").write_text("1\n2\n")
    image = base_image(docker)
    done = diagnose(docker, tmp_path, "--image", image, "--json", "-o", "out.json", "--", "train.py")
    assert done.stdout == "read 3.0\n", done.stderr
    assert "trouble" in done.stderr.splitlines()
    assert done.returncode == 1
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["script"]["error"]["file"] == str(tmp_path / "train.py")
    (cause,) = found["causes"]
    assert (cause["key"], cause["where"]["line"]) == ("shape-mismatch", 11)
    written = tmp_path / "written.txt"
    assert written.read_text() == "kept"
    assert written.stat().st_uid == os.getuid()
    assert docker.containers() == []


def test_an_image_that_is_not_there(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    done = diagnose(docker, tmp_path, "--image", "no/such:1", "--", "train.py")
    assert (done.returncode, done.stdout) == (3, "")
    assert "docker pull no/such:1" in done.stderr


def test_a_program_that_is_not_in_it(docker: Docker, tmp_path: Path) -> None:
    done = diagnose(docker, tmp_path, "--image", base_image(docker), "--", "accelerate", "launch")
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
