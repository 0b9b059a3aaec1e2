"""`envkit build` on a real engine: BuildKit and the classic builder, looked at from inside."""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.build.test_render_images import GPU, files
from tests.e2e.real_docker import PYTHON, TORCH, Docker, base_image, docker_engine, layers, torch_wheels

pytestmark = pytest.mark.timeout(900)
SYSTEM_CA = Path("/etc/ssl/certs/ca-certificates.crt")
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\s(.+?)\s-----END CERTIFICATE-----", re.DOTALL)

SLOW = """
import time

import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self):
        return 1280

    def __getitem__(self, index):
        time.sleep(0.002)
        return torch.full((8,), index % 7 / 10), torch.zeros(1)

torch.set_num_threads(1)
model = torch.nn.Linear(8, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(4):
    for x, y in DataLoader(Squares(), batch_size=32):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
"""It sleeps where it is slow, so that a busy machine changes little."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """An image that `envkit build` made, and what it said."""

    image: str
    folder: Path
    report: dict[str, Any]
    code: int


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    with docker_engine(tmp_path_factory.mktemp("engine")) as found:
        yield found


@pytest.fixture(scope="module")
def base(docker: Docker) -> str:
    return base_image(docker)


@pytest.fixture(scope="module")
def own_ca(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody trusts, and its key."""
    folder = tmp_path_factory.mktemp("ca")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.fixture(scope="module")
def trusted(own_ca: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What --ca-cert gets: what this machine trusts (this network may intercept TLS), and our own."""
    path = tmp_path_factory.mktemp("trusted") / "trusted.pem"
    path.write_text(SYSTEM_CA.read_text() + own_ca[0].read_text())
    return path


def built(docker: Docker, base: str, trusted: Path, folder: Path, name: str, *extra: str, **env: str) -> Made:
    image = f"envkit-test/{name}:1"
    done = docker.envkit(
        "--framework", f"torch=={TORCH}", "--cpu", "--base-image", base, "--network", "host",
        "--find-links", str(torch_wheels()), "--ca-cert", str(trusted), "--as", "docker,compose,devcontainer",
        "--tag", image, "--output", name, "--json", *extra, cwd=folder, **env,
    )  # fmt: skip
    assert done.stdout, done.stderr[-3000:]
    return Made(image=image, folder=folder / name, report=json.loads(done.stdout), code=done.returncode)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def buildkit(docker: Docker, base: str, trusted: Path, work: Path) -> Made:
    return built(docker, base, trusted, work, "buildkit", "--with", "jupyter,tensorboard")


@pytest.fixture(scope="module")
def classic(docker: Docker, base: str, trusted: Path, work: Path) -> Made:
    return built(docker, base, trusted, work, "classic", DOCKER_BUILDKIT="0")


def proved(made: Made) -> None:
    checks = {check["title"]: check for check in made.report["checks"]}
    assert made.code == 0, checks
    assert all(check["ok"] for check in checks.values()), checks
    assert {"installed as planned", "shared libraries", "forward and backward", "not run as root"} <= set(
        checks
    )
    assert made.report["plan"]["python"] == PYTHON  # of the base image: none was asked for
    assert made.report["predicted"] < made.report["size"] < made.report["predicted"] + 700_000_000
    assert any("not pinned" in note for note in made.report["notes"])
    assert any("--apt g++" in note for note in made.report["notes"])


def test_a_buildkit_build_is_proved_from_inside(buildkit: Made) -> None:
    proved(buildkit)
    assert "--mount=type=cache" in (buildkit.folder / "Dockerfile").read_text()
    assert re.search(r"^#\d+ \[build ", (buildkit.folder / "build.log").read_text(), re.MULTILINE)


def test_a_classic_build_is_proved_from_inside(docker: Docker, classic: Made) -> None:
    proved(classic)
    assert "--mount" not in (classic.folder / "Dockerfile").read_text()
    assert "Step 1/" in (classic.folder / "build.log").read_text()
    assert docker.containers() == []


def test_where_the_time_of_a_script_goes_in_it(docker: Docker, buildkit: Made, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SLOW)
    argv = [
        *(sys.executable, "-m", "envkit.cli.main", "diagnose", "--image", buildkit.image, "--only", "speed"),
        *("--json", "-o", "out.json", "--", "train.py"),
    ]
    done = subprocess.run(
        argv, env=docker.env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    speed = json.loads((tmp_path / "out.json").read_text())["speed"]
    assert speed["parts"][0]["what"] == "waiting for data" and speed["parts"][0]["share"] > 0.5
    assert speed["primary"]["key"] in ("dataloader-bound", "too-few-workers")
    assert docker.containers() == []


@pytest.mark.parametrize("which", ("buildkit", "classic"))
def test_no_layer_holds_a_certificate_of_the_network(
    which: str, docker: Docker, base: str, trusted: Path, request: pytest.FixtureRequest
) -> None:
    """Searched as PEM line and as DER, in all layers; those of Debian's own package are in the base."""
    made: Made = request.getfixturevalue(which)
    own = set(_PEM.findall(docker("run", "--rm", base, "cat", str(SYSTEM_CA)).stdout))
    foreign = [pem for pem in _PEM.findall(trusted.read_text()) if pem not in own]
    assert foreign, "our own certificate is none of Debian's"
    needles = [pem.splitlines()[3].encode() for pem in foreign] + [
        base64.b64decode(pem)[100:400] for pem in foreign
    ]
    assert not [1 for piece in layers(docker, made.image) for needle in needles if needle in piece]
    # The search finds what is there.
    debian = sorted(own)[0].splitlines()[3].encode()
    assert any(debian in piece for piece in layers(docker, base))


def test_a_rebuild_after_a_change_of_code_takes_all_from_the_cache(
    docker: Docker, base: str, trusted: Path, work: Path, buildkit: Made
) -> None:
    (work / "train.py").write_text("print('changed')\n")
    again = built(docker, base, trusted, work, "buildkit", "--with", "jupyter,tensorboard")
    log = (again.folder / "build.log").read_text()
    steps = set(re.findall(r"^(#\d+) \[(?:build|run) \d", log, re.MULTILINE))
    assert len(steps) >= 6
    assert steps <= set(re.findall(r"^(#\d+) CACHED", log, re.MULTILINE)), log
    assert again.code == 0


def test_the_image_is_tidy(docker: Docker, buildkit: Made) -> None:
    described = json.loads(docker("image", "inspect", buildkit.image).stdout)[0]
    config = described["Config"]
    env = dict(each.split("=", 1) for each in config["Env"])
    assert config["User"] == "1000:1000"
    assert not {"LD_LIBRARY_PATH", "SSL_CERT_FILE", "PIP_CERT", "NVIDIA_VISIBLE_DEVICES"} & set(env)
    assert config.get("Healthcheck") is None
    labels = config["Labels"]
    assert labels["envkit.plan"] == buildkit.report["plan"]["hash"]
    assert (
        labels["envkit.lock"] == json.loads((buildkit.folder / "envkit-plan.json").read_text())["lock_hash"]
    )
    assert set(config["ExposedPorts"]) == {"8888/tcp", "6006/tcp"}
    listed = docker(
        "run", "--rm", "--network", "none", buildkit.image, "sh", "-c",
        "ls -d /build /opt/uv /root/.cache /run/secrets/* /var/lib/apt/lists/*_* 2>/dev/null; "
        "stat -c %u:%g /opt/venv /workspace; find / -xdev -nouser 2>/dev/null | head",
    ).stdout.split()  # fmt: skip
    assert listed == ["1000:1000", "1000:1000"]


def test_jupyter_and_tensorboard_answer(docker: Docker, buildkit: Made) -> None:
    fetch = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode()[:2000])"
    run = docker("run", "--detach", "--network", "none", buildkit.image).stdout.strip()
    board = docker(
        "run", "--detach", "--network", "none", buildkit.image,
        "tensorboard", "--logdir=/workspace/runs", "--host=0.0.0.0", "--port=6006",
    ).stdout.strip()  # fmt: skip
    try:
        api = eventually(
            lambda: docker("exec", run, "python", "-c", fetch, "http://127.0.0.1:8888/api", check=False)
        )
        assert "version" in json.loads(api)
        logs = docker("logs", run)
        token = re.search(r"/lab\?token=([0-9a-f]{32,})", logs.stdout + logs.stderr)
        assert token, logs
        described = (
            docker("image", "inspect", buildkit.image).stdout
            + docker("history", "--no-trunc", buildkit.image).stdout
        )
        assert token[1] not in described and "token" not in described
        url = "http://127.0.0.1:8888/api/contents"
        assert docker("exec", run, "python", "-c", fetch, url, check=False).returncode != 0
        assert "content" in docker("exec", run, "python", "-c", fetch, f"{url}?token={token[1]}").stdout
        page = eventually(
            lambda: docker("exec", board, "python", "-c", fetch, "http://127.0.0.1:6006/", check=False)
        )
        assert "TensorBoard" in page
    finally:
        docker("rm", "--force", run, board)


def eventually(ask: Any) -> str:
    """The output of a command that succeeds within a minute."""
    for _ in range(120):
        done = ask()
        if done.returncode == 0:
            return str(done.stdout)
        time.sleep(0.5)
    raise AssertionError(done.stderr)


def test_any_user_can_run_python(docker: Docker, classic: Made) -> None:
    script = (
        "import getpass, os, pathlib, torch; pathlib.Path.home().joinpath('x').write_text('x'); "
        "print(os.getuid(), getpass.getuser(), int(torch.ones(2).sum()))"
    )
    done = docker(
        "run", "--rm", "--network", "none", "--user", "4321:8765", classic.image, "python", "-c", script
    )
    assert done.stdout.split() == ["4321", "envkit", "2"]
    failed = docker(
        "run", "--rm", "--network", "none", classic.image, "sh", "-c", 'exit "$1"', "-", "7", check=False
    )
    assert failed.returncode == 7


def small(docker: Docker, made: Made, folder: Path, *, requirements: str = "") -> Path:
    """The recipe of an image with other requirements, which take no time."""
    for name in ("Dockerfile", "preflight.sh", ".dockerignore"):
        text = (made.folder / name).read_text().replace("--require-hashes --find-links wheels ", "")
        (folder / name).write_text(text)
    (folder / "preflight.sh").chmod(0o755)
    (folder / "requirements.txt").write_text(requirements)
    (folder / "wheels").mkdir()
    (folder / "wheels" / "README").write_text("none")
    return folder


@pytest.mark.parametrize("which", ("buildkit", "classic"))
def test_the_user_has_the_ids_of_the_caller(
    which: str, docker: Docker, trusted: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    made: Made = request.getfixturevalue(which)
    folder = small(docker, made, tmp_path)
    (folder / "ca.pem").write_text(trusted.read_text())
    flags = ["--secret", f"id=ca,src={trusted}"] if which == "buildkit" else []
    argv = [
        docker.client, "build", "--network", "host", "--build-arg", "UID=4242", "--build-arg", "GID=4343",
        *flags, "--tag", "envkit-test/uid:1", str(folder),
    ]  # fmt: skip
    env = {**docker.env, "DOCKER_BUILDKIT": "1" if which == "buildkit" else "0"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = docker(
        "run", "--rm", "--network", "none", "envkit-test/uid:1", "sh", "-c",
        "id -u; id -g; stat -c %u:%g /opt/venv/bin/python /workspace; touch /workspace/x ~/x && echo wrote",
    ).stdout.split()  # fmt: skip
    assert said == ["4242", "4343", "4242:4343", "4242:4343", "wrote"]


@pytest.fixture(scope="module")
def untrusted(own_ca: tuple[Path, Path]) -> Iterator[str]:
    """The address of an index behind TLS that nobody trusts."""
    import http.server

    server = http.server.ThreadingHTTPServer(("localhost", 0), http.server.BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*own_ca)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}/simple"
    server.shutdown()


CPU = ("--framework", f"torch=={TORCH}", "--cpu", "--as", "docker", "--network", "host")


def failed(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    *_, message, todo = done.stderr.strip().splitlines()
    assert done.returncode == code, done.stderr[-2000:]
    for word in words:
        assert word in message + todo, (message, todo)
    assert "Traceback" not in done.stderr


APT = (("--apt", "nosuchpackage"), 8, ("has no package nosuchpackage", "--apt", "build.log", "apt-get"))
TLS = (("--index-url", "UNTRUSTED"), 6, ("certificate", "--ca-cert", "pip install"))
GONE = (
    ("--index-url", "http://localhost:1/simple"),
    6,
    ("could not be reached", "--index-url", "pip install"),
)


@pytest.mark.parametrize(
    ("kind", "options", "code", "words"),
    (("1", *APT), ("0", *APT), ("1", *TLS), ("0", *GONE)),
    ids=("apt-buildkit", "apt-classic", "tls-buildkit", "unreachable-classic"),
)
def test_a_step_that_fails_says_what_to_do(
    kind: str,
    options: tuple[str, ...],
    code: int,
    words: tuple[str, ...],
    docker: Docker,
    base: str,
    untrusted: str,
    tmp_path: Path,
) -> None:
    options = tuple(untrusted if option == "UNTRUSTED" else option for option in options)
    done = docker.envkit(*CPU, "--base-image", base, *options, cwd=tmp_path, DOCKER_BUILDKIT=kind)
    failed(done, code, "the build failed in step", *words)
    assert docker.containers() == []


def test_a_wheel_with_another_hash(docker: Docker, buildkit: Made, trusted: Path, tmp_path: Path) -> None:
    from envkit.build.failure import failure

    folder = small(docker, buildkit, tmp_path, requirements="six==1.17.0 --hash=sha256:" + "0" * 64 + "\n")
    argv = (
        "build", "--progress=plain", "--network=host", f"--secret=id=ca,src={trusted}", str(folder),
    )  # fmt: skip
    done = docker(*argv, check=False)
    assert done.returncode != 0
    error = failure(done.stderr, "LOG")
    assert int(error.exit_code) == 8
    assert "differs from the one that was locked" in error.message
    assert "uv pip install" in error.message


@pytest.mark.parametrize("kind", ("1", "0"), ids=("buildkit", "classic"))
def test_ctrl_c_in_the_middle(kind: str, docker: Docker, base: str, trusted: Path, tmp_path: Path) -> None:
    import os
    import signal
    import sys

    argv = [
        sys.executable, "-m", "envkit.cli.main", "build", *CPU, "--base-image", base,
        "--ca-cert", str(trusted), "--find-links", str(torch_wheels()),
        "--tag", "envkit-test/interrupted:1", "--apt", "file",
    ]  # fmt: skip
    child = subprocess.Popen(
        argv, env={**docker.env, "DOCKER_BUILDKIT": kind}, cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    heard = []
    for line in child.stderr:
        heard.append(line)
        if "Get:1 " in line or "Collecting uv" in line or "Downloading uv" in line:
            break
    os.kill(child.pid, signal.SIGINT)
    rest = child.communicate(timeout=60)[1]
    assert child.returncode == 130, "".join(heard)[-2000:] + rest
    assert "interrupted" in rest
    for _ in range(60):  # the engine ends a cancelled step in its own time
        if docker.containers() == []:
            break
        time.sleep(0.5)
    assert docker.containers() == []
    assert docker("image", "inspect", "envkit-test/interrupted:1", check=False).returncode != 0
    assert {path.name for path in tmp_path.iterdir()} == {"envkit-env"}
    assert (tmp_path / "envkit-env" / "envkit-plan.json").exists()
    assert not (tmp_path / "envkit-env" / "build.log").exists()


def test_another_python_than_the_base_has(docker: Docker, base: str, tmp_path: Path) -> None:
    done = docker.envkit(*CPU, "--base-image", base, "--python", "3.12", cwd=tmp_path)
    failed(done, 2, f"has Python {PYTHON}", "--python")
    assert not list(tmp_path.iterdir())
    gone = docker.envkit(*CPU, "--base-image", "localhost:1/nosuch/image:1", cwd=tmp_path)
    failed(gone, 6, "localhost:1/nosuch/image:1", "cannot be pulled")
    dry = docker.envkit(*CPU, "--base-image", base, "--dry-run", "--json", cwd=tmp_path)
    plan = json.loads(dry.stdout)["plan"]
    assert plan["python"] == PYTHON
    assert any(f"the one in the base image {base}" in reason for reason in plan["reasons"])


def test_no_python_in_the_base(docker: Docker, tmp_path: Path) -> None:
    subprocess.run(
        [docker.client, "import", "-", "envkit-test/empty:1"],
        env=docker.env, input=bytes(10240), check=True, capture_output=True,
    )  # fmt: skip
    done = docker.envkit(*CPU, "--base-image", "envkit-test/empty:1", cwd=tmp_path)
    failed(done, 2, "has no python3")


@pytest.mark.parametrize(
    ("driver", "said"),
    (
        ("570.211.01", "the host has NVIDIA driver 570.211.01, and torch"),
        ("580", None),
        ("580.65.06", None),
        ("999.10", None),
    ),
)
def test_preflight_looks_at_the_driver(
    driver: str, said: str | None, docker: Docker, base: str, tmp_path: Path
) -> None:
    """Under Debian's own shell, with what /proc/driver/nvidia/version says in a file of the test."""
    (tmp_path / "preflight.sh").write_text(files(GPU)["preflight.sh"])
    (tmp_path / "version").write_text(
        f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {driver}.0  Tue Jan  1 00:00:00 UTC 2026\n"
        if driver.isdigit()
        else f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {driver}  Release Build  (a@b)  Tue\n"
    )
    name = docker(
        "create", "--network", "none", "--env", "ENVKIT_DRIVER_FILE=/version", base,
        "dash", "/preflight.sh", "sh", "-c", 'printf "%s|" "$@"; exit 5', "-", "two words", "*", "",
    ).stdout.strip()  # fmt: skip
    try:
        docker("cp", str(tmp_path / "preflight.sh"), f"{name}:/preflight.sh")
        docker("cp", str(tmp_path / "version"), f"{name}:/version")
        ran = docker("start", "--attach", name, check=False)
    finally:
        docker("rm", "--force", name)
    assert ran.returncode == 5
    assert ran.stdout == "two words|*||"
    assert len(ran.stderr.splitlines()) == 1
    # Without a GPU in the container, a driver that is new enough still has that to be said.
    assert (said or "no GPU in this container") in ran.stderr
