"""Which engine and client `envkit build` takes, and what it says of those that cannot be had."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coverage_notes import require
from tests.e2e.real_docker import ROOT, TORCH, Docker, docker_engine
from tests.e2e.test_docker_engine import DOCKERD, engine

pytestmark = pytest.mark.timeout(300)
CPU = ("--framework", f"torch=={TORCH}", "--cpu", "--as", "docker")
CLIENT = """
from envkit.engine.docker import connect
found = connect()
print(found.version, found.buildkit, found.client, found.local)
"""


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with docker_engine(tmp_path_factory.mktemp("engine")) as found:
        yield found


def address(docker: Docker) -> str:
    return docker.env.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def connected(docker: Docker, **env: str) -> list[str]:
    """Version, whether it has BuildKit, the client for it, whether it is local."""
    here = {
        name: value for name, value in {**docker.env, **env}.items() if value and name != "DOCKER_BUILDKIT"
    }
    here.update({name: value for name, value in env.items() if name == "DOCKER_BUILDKIT"})
    done = subprocess.run(
        [sys.executable, "-c", CLIENT], env=here, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def without_buildx(folder: Path) -> Path:
    """A docker client as Debian and others ship it since 23: BuildKit is a plugin that is not there."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(
        "#!/bin/sh\n"
        "case $1 in --version) echo 'Docker version 28.2.2, build e6534b4';;\n"
        '*) echo "docker: unknown command: docker $1" >&2; exit 1;; esac\n'
    )
    program.chmod(0o755)
    return folder


def test_the_first_client_with_buildkit_is_taken(docker: Docker, tmp_path: Path) -> None:
    bare = without_buildx(tmp_path / "bare")
    real = Path(docker.client).parent
    _, buildkit, client, _ = connected(docker, PATH=f"{bare}:{real}")
    assert (buildkit, client) == ("True", docker.client)
    # Only one without: the classic builder, through the SDK.
    _, buildkit, client, _ = connected(docker, PATH=str(bare))
    assert (buildkit, client) == ("False", "None")
    _, buildkit, _, _ = connected(docker, PATH=f"{bare}:{real}", DOCKER_BUILDKIT="0")
    assert buildkit == "False"


def test_no_client_at_all(docker: Docker, tmp_path: Path) -> None:
    assert connected(docker, PATH=str(tmp_path))[1] == "False"


@pytest.fixture
def context(docker: Docker, tmp_path: Path) -> dict[str, str]:
    """A configuration of docker with a context `there`; DOCKER_HOST says nothing."""
    env = {"DOCKER_CONFIG": str(tmp_path / "config"), "DOCKER_HOST": ""}
    here = {name: value for name, value in {**docker.env, **env}.items() if value}
    subprocess.run(
        [docker.client, "context", "create", "there", "--docker", f"host={address(docker)}"],
        env=here, check=True, capture_output=True,
    )  # fmt: skip
    return env


def test_a_context_is_followed(docker: Docker, context: dict[str, str]) -> None:
    here = {name: value for name, value in {**docker.env, **context}.items() if value}
    version = docker("version", "--format", "{{.Server.Version}}").stdout.strip()
    assert connected(docker, **context, DOCKER_CONTEXT="there")[0] == version
    subprocess.run([docker.client, "context", "use", "there"], env=here, check=True, capture_output=True)
    assert connected(docker, **context)[0] == version


def test_a_context_builds(docker: Docker, context: dict[str, str], tmp_path: Path) -> None:
    """Through the client, which is told nothing but what the person told it."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL made=here\n")
    script = (
        "import sys; from pathlib import Path; from envkit.engine.docker import connect;"
        "built = connect().build(Path(sys.argv[1]), 'envkit-test/context:1', heard=print); print(built.image)"
    )
    here = {name: value for name, value in {**docker.env, **context}.items() if value}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env={**here, "DOCKER_CONTEXT": "there"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].startswith("sha256:"), done.stdout + done.stderr
    assert docker("image", "inspect", "envkit-test/context:1").returncode == 0


def test_a_context_that_is_not_there(docker: Docker, context: dict[str, str], tmp_path: Path) -> None:
    env = {name: value for name, value in context.items() if value}
    docker.env.pop("DOCKER_CONTEXT", None)
    here = {name: value for name, value in {**docker.env, **env}.items() if name != "DOCKER_HOST"}
    done = build(here, tmp_path, DOCKER_CONTEXT="nosuch")
    assert done.returncode == 5
    assert "no context nosuch" in done.stderr
    assert "docker context ls" in done.stderr


def build(env: dict[str, str], cwd: Path, *extra: str, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "envkit.cli.main", "build", *CPU, *extra]
    return subprocess.run(
        argv, env={**env, **more}, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def test_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKER_HOST": f"unix://{tmp_path}/nothing.sock"}
    done = build(env, tmp_path)
    assert done.returncode == 5
    assert "no container engine answers" in done.stderr
    assert "DOCKER_HOST" in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_engine_that_lets_this_user_not_in(tmp_path: Path) -> None:
    """A socket of root's, and a user who is not."""
    require("root", os.geteuid() == 0)
    import socket

    folder = tmp_path / "run"
    folder.mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "docker.sock"))
    server.listen()
    (folder / "docker.sock").chmod(0o600)
    script = (
        "import os; from envkit.engine import docker; import docker as sdk\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: docker.connect()\n"
        "except Exception as error: print(type(error).__name__, error, error.todo, sep='|')"
    )
    for each in (folder, *folder.parents[:3]):
        if tmp_path.parents[2] in each.parents or each == tmp_path.parents[2]:
            each.chmod(each.stat().st_mode | 0o055)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT), "DOCKER_HOST": f"unix://{folder}/docker.sock"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    server.close()
    name, message, todo = done.stdout.strip().split("|")
    assert name == "EngineError"
    assert "lets this user not in" in message
    assert "usermod -aG docker" in todo


@contextlib.contextmanager
def little_room() -> Iterator[Path]:
    """A file system of 512 MB, at a path that leaves room for the names of an engine's sockets."""
    folder = Path(tempfile.mkdtemp(prefix="small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def test_no_room_where_the_engine_keeps_its_data(tmp_path: Path) -> None:
    require("Docker engine (dockerd, as root)", DOCKERD is not None and os.geteuid() == 0)
    require("mount", shutil.which("mount") is not None)
    with little_room() as small, engine(small) as socket:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DOCKER_HOST": f"unix://{socket}"}
        done = build(env, tmp_path)
    assert done.returncode == 7, done.stderr
    assert "are free" in done.stderr
    assert str(small / "data") in done.stderr
    assert "docker system prune" in done.stderr
    assert not list(tmp_path.iterdir())
