"""`envkit bench --image` on a real engine: the payload goes in as a tar, and all that it says comes out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.real_docker import PYTHON, Docker, base_image, docker_engine, torch_image

pytestmark = [pytest.mark.timeout(600), pytest.mark.torch]
SHORT = ("--quick", "--repeat", "1", "--seconds", "0.2", "--json")


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with docker_engine(tmp_path_factory.mktemp("engine")) as found:
        yield found


@pytest.fixture(scope="module")
def base(docker: Docker) -> str:
    return base_image(docker)


@pytest.fixture(scope="module")
def image(docker: Docker) -> str:
    return torch_image(docker)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "envkit.cli.main", "bench", *arguments]


def bench(docker: Docker, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=docker.env, capture_output=True, text=True, timeout=500, check=False
    )


def test_one_process(docker: Docker, image: str) -> None:
    done = bench(docker, "mlp", *SHORT, "--image", image)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (one,) = result["results"]
    assert one["workload"] == "mlp" and one["check"]["ok"]
    assert result["fingerprint"]["python"] == PYTHON
    assert docker.containers() == []


def test_torchrun_in_it(docker: Docker, image: str) -> None:
    """Each worker writes a file, and the folder is fetched when all have ended."""
    done = bench(docker, "mlp", *SHORT, "--image", image, "--nproc", "2")
    assert done.returncode == 0, done.stderr
    (one,) = json.loads(done.stdout)["results"]
    assert one["nproc"] == 2
    assert docker.containers() == []


def test_an_image_without_a_framework(docker: Docker, base: str) -> None:
    done = bench(docker, "mlp", *SHORT, "--image", base)
    assert (done.returncode, done.stdout) == (3, "")
    assert "neither PyTorch nor TensorFlow" in done.stderr and "envkit build" in done.stderr


def test_no_such_image(docker: Docker) -> None:
    done = bench(docker, "mlp", *SHORT, "--image", "envkit-test/none:1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "there is no image envkit-test/none:1" in done.stderr


def test_no_engine(docker: Docker, tmp_path: Path) -> None:
    env = {**docker.env, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(
        command("mlp", "--image", "x"), env=env, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (5, "")


def test_a_crash_in_it_is_explained(docker: Docker, image: str) -> None:
    """A real fault: the first process of a container is deaf to signals that it sends to itself."""
    crash = "/opt/torch/sitecustomize.py"
    container = docker("create", image, "true").stdout.strip()
    source = "import ctypes, sys\nif 'bench' in sys.orig_argv: ctypes.string_at(0)\n"
    local = Path(os.environ.get("TMPDIR", "/tmp")) / f"envkit-crash-{os.getpid()}.py"
    local.write_text(source)
    try:
        docker("cp", str(local), f"{container}:{crash}")
        docker("commit", container, "envkit-test/bench-crash:1")
    finally:
        local.unlink()
        docker("rm", container)
    done = bench(docker, "mlp", *SHORT, "--image", "envkit-test/bench-crash:1")
    assert done.returncode == 10, done.stderr
    assert "Traceback" not in done.stderr and "SIGSEGV" in done.stderr
    assert docker.containers() == []


def test_an_interrupt_takes_the_container_away_and_keeps_what_there_is(docker: Docker, image: str) -> None:
    argv = command("mlp", "--quick", "--repeat", "3", "--seconds", "600", "--json", "--image", image)
    process = subprocess.Popen(argv, env=docker.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not docker.containers():
        time.sleep(0.2)
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    assert not out or json.loads(out)["interrupted"] is True
    assert docker.containers() == []
