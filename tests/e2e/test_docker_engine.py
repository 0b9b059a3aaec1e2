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


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Path]:
    """The socket of a running engine that touches nothing outside of `folder`."""
    socket = folder / "docker.sock"
    arguments = [
        str(DOCKERD), "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec"),
        "-H", f"unix://{socket}", "--pidfile", str(folder / "pid"), "--iptables=false", "--bridge=none",
    ]  # fmt: skip
    log = folder / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(arguments, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 240
        while not socket.exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        assert socket.exists(), log.read_text()[-2000:]
        # The socket is there before anybody answers at it.
        while (
            subprocess.run(
                ["docker", "version"],
                env={**os.environ, "DOCKER_HOST": f"unix://{socket}"},
                capture_output=True,
                check=False,
            ).returncode
            and child.poll() is None
            and time.monotonic() < deadline
        ):
            time.sleep(0.2)
        assert child.poll() is None, log.read_text()[-2000:]
        yield socket
    finally:
        child.terminate()
        child.wait(30)
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
