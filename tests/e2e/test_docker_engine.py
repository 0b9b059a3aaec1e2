"""Doctor beside a real Docker engine, started on a socket of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coverage_notes import require

DOCKERD = shutil.which("dockerd") or shutil.which("dockerd", path="/usr/sbin:/usr/local/sbin")


CONTAINERD = shutil.which("containerd")
_PATIENCE = 240.0
"""Seconds: disks that other tests keep busy make containerd's first start slow."""


@contextlib.contextmanager
def _child(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        child = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        yield child
    finally:
        child.terminate()
        child.wait(30)


def _until_it_answers(child: subprocess.Popen[bytes], ask: list[str], log: Path) -> None:
    """A socket is there before anybody answers at it: ask until somebody does."""
    deadline = time.monotonic() + _PATIENCE
    while subprocess.run(ask, capture_output=True, check=False).returncode != 0:
        assert child.poll() is None, log.read_text()[-2000:]
        assert time.monotonic() < deadline, log.read_text()[-2000:]
        time.sleep(0.2)


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Path]:
    """The socket of a running engine that touches nothing outside of `folder`.

    Its containerd is started apart: one that dockerd starts has 15 seconds, which a busy disk exceeds.
    """
    socket, below, log = folder / "docker.sock", folder / "c.sock", folder / "log"
    config = folder / "containerd.toml"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    containerd = [
        str(CONTAINERD), "--config", str(config), "--address", str(below),
        "--root", str(folder / "containerd"), "--state", str(folder / "state"),
    ]  # fmt: skip
    dockerd = [
        str(DOCKERD), "--containerd", str(below), "--data-root", str(folder / "data"),
        "--exec-root", str(folder / "exec"), "-H", f"unix://{socket}", "--pidfile", str(folder / "pid"),
        "--iptables=false", "--bridge=none",
    ]  # fmt: skip
    try:
        with _child(containerd, folder / "containerd.log") as lower:
            _until_it_answers(lower, ["ctr", "--address", str(below), "version"], folder / "containerd.log")
            with _child(dockerd, log) as upper:
                _until_it_answers(upper, ["docker", "--host", f"unix://{socket}", "version"], log)
                yield socket
    finally:
        # The engine mounts its data directory onto itself, and leaves that when it was busy.
        subprocess.run(["umount", "--lazy", str(folder / "data")], capture_output=True, check=False)


def doctor(env: dict[str, str]) -> dict[str, object]:
    """What doctor says of Docker there."""
    done = subprocess.run(
        [sys.executable, "-m", "envkit.cli.main", "doctor", "--json", "-v", "--limit", "20"],
        env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    docker: dict[str, object] = json.loads(done.stdout)["snapshot"]["containers"]["docker"]
    return docker


@pytest.mark.timeout(400)  # an engine that starts beside the builds of other tests takes its time
def test_a_real_engine_answers(tmp_path: Path) -> None:
    require("Docker engine (dockerd, as root)", DOCKERD is not None and os.geteuid() == 0)
    with engine(tmp_path) as socket:
        found = doctor({"DOCKER_HOST": f"unix://{socket}"})
        real = subprocess.run([str(DOCKERD), "--version"], capture_output=True, text=True, check=True).stdout
    assert found["state"] == "ok"
    assert str(found["version"]) in real
    assert found["root_dir"] == str(tmp_path / "data")
    assert "runc" in found["runtimes"]  # type: ignore[operator]
    stopped = doctor({"DOCKER_HOST": f"unix://{socket}"})
    assert stopped["state"] == "not-running"
