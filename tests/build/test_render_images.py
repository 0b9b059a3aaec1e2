"""What is rendered for images: Dockerfile, compose.yaml and devcontainer.json, of many plans."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from envkit.build.lock import unlocked
from envkit.build.model import IMAGES, Settings
from envkit.build.render import RENDERERS
from envkit.compat import load_compat
from envkit.core.errors import UsageError
from envkit.resolve.model import Plan
from envkit.resolve.request import Framework, Host, Request
from envkit.resolve.resolve import resolve

HADOLINT = Path(sys.executable).parent / "hadolint"
GPU = Request(framework="torch", hosts=(Host(platform="linux-x86_64"),), device="gpu", python="3.12")
CA = Settings(ca_cert="/etc/ssl/ca.pem", network="host")


def plan(request: Request) -> Plan:
    found = resolve(request, load_compat())
    assert isinstance(found, Plan)
    return found


def files(request: Request, settings: Settings = Settings(), *, artefact: str = "docker") -> dict[str, str]:  # noqa: B008
    made = plan(request)
    locked = unlocked(made, settings, "not asked")
    return {file.path: file.text for file in RENDERERS[artefact](made, locked, settings)}  # type: ignore[index]


REQUESTS = [
    replace(
        GPU,
        framework=framework,
        device=device,
        nvcc=nvcc,
        extras=extras,
        # CUDA 12.5, which TensorFlow has, has no devel image with Ubuntu 24.04 and its Python 3.12.
        python="3.10" if nvcc and framework == "tensorflow" else "3.12",
    )
    for framework in ("torch", "tensorflow")
    for device in ("gpu", "cpu")
    for nvcc in ((True, False) if device == "gpu" else (False,))
    for extras in ((), ("jupyter", "tensorboard"))
]


def named(request: Request) -> str:
    return "-".join((request.framework, str(request.device), "nvcc" * request.nvcc, *request.extras))


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
@pytest.mark.parametrize("settings", (Settings(), CA, replace(CA, buildkit=False, apt=("gcc", "libc6-dev"))))
def test_hadolint_finds_nothing(request_: Request, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(files(request_, settings)["Dockerfile"])
    done = subprocess.run(
        [str(HADOLINT), str(tmp_path / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN cd /tmp && apt-get install curl\n")
    assert subprocess.run(
        [str(HADOLINT), str(tmp_path / "Dockerfile")], capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
@pytest.mark.parametrize("buildkit", (True, False))
def test_every_dockerfile(request_: Request, buildkit: bool) -> None:
    text = files(request_, replace(CA, buildkit=buildkit))["Dockerfile"]
    assert not re.search(r"^# *syntax", text, re.MULTILINE | re.IGNORECASE)
    assert "HEALTHCHECK" not in text
    assert set(re.findall(r"--from=(\S+)", text)) == {"build"}
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["${UID}:${GID}"]
    assert ("NVIDIA_VISIBLE_DEVICES" in text) == (request_.device == "gpu")
    assert ("LD_LIBRARY_PATH" in text) == request_.nvcc
    assert ("--mount" in text) == buildkit
    assert ("COPY ca.pem" in text) == (not buildkit)
    assert (
        text.index("COPY requirements.txt") < text.index("AS run") if not buildkit else "COPY req" not in text
    )
    for label in ("envkit.plan", "envkit.lock", "org.opencontainers.image.base.name"):
        assert f"{label}=" in text
    assert re.search(r"pip install uv==\d+\.\d+\.\d+$", text, re.MULTILINE)
    assert text.count("apt-get update") == text.count("rm -rf /var/lib/apt/lists/*")


def test_a_digest_pins_the_base() -> None:
    digest = "sha256:" + "a" * 64
    text = files(GPU, Settings(base_digest=digest))["Dockerfile"]
    assert f"ARG BASE={plan(GPU).base}@{digest}\n" in text
    assert f'org.opencontainers.image.base.digest="{digest}"' in text
    assert "base.digest" not in files(GPU)["Dockerfile"]


def test_secrets_need_buildkit() -> None:
    settings = Settings(secrets=("id=token,src=/run/token",))
    assert "--mount=type=secret,id=token" in files(GPU, settings)["Dockerfile"]
    with pytest.raises(UsageError, match="keep secrets in a layer"):
        files(GPU, replace(settings, buildkit=False))


def test_all_go_into_one_directory() -> None:
    """The same paths hold the same text, whichever artefacts are asked for."""
    together: dict[str, str] = {}
    for artefact in ("docker", "compose", "devcontainer", "uv", "pip"):
        for path, text in files(GPU, CA, artefact=artefact).items():
            assert together.setdefault(path, text) == text, (artefact, path)
    assert {"Dockerfile", "compose.yaml", ".devcontainer/devcontainer.json", "pyproject.toml"} <= set(
        together
    )
    assert set(RENDERERS) >= IMAGES


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
@pytest.mark.parametrize("settings", (Settings(), CA))
def test_compose(request_: Request, settings: Settings) -> None:
    value = yaml.safe_load(files(request_, settings, artefact="compose")["compose.yaml"])
    served = [extra for extra in ("jupyter", "tensorboard") if extra in request_.extras]
    services = value["services"]
    assert list(services) == (served or ["train"])
    first, *others = services.values()
    assert first["build"]["args"] == {"UID": "${UID:-1000}", "GID": "${GID:-1000}"}
    assert first["build"].get("network") == settings.network
    assert first["build"].get("secrets", []) == (["ca"] if settings.ca_cert else [])
    assert value.get("secrets") == ({"ca": {"file": "./ca.pem"}} if settings.ca_cert else None)
    assert all("build" not in other for other in others)
    assert {service["image"] for service in services.values()} == {first["image"]}
    devices = first.get("deploy", {}).get("resources", {}).get("reservations", {}).get("devices")
    gpu = [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
    assert devices == (gpu if request_.device == "gpu" else None)
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == (["127.0.0.1:8888:8888", "127.0.0.1:6006:6006"] if served else [])
    for service in services.values():
        assert service["shm_size"] == "8gb"
        assert service["volumes"] == ["${WORKSPACE:-.}:/workspace"]


def test_compose_needs_a_file_for_a_secret() -> None:
    settings = Settings(secrets=("id=token,env=TOKEN",))
    with pytest.raises(UsageError, match="names no file"):
        files(GPU, settings, artefact="compose")


@pytest.mark.parametrize("request_", REQUESTS, ids=named)
def test_devcontainer(request_: Request) -> None:
    value = json.loads(files(request_, CA, artefact="devcontainer")[".devcontainer/devcontainer.json"])
    assert value["build"]["dockerfile"] == "../Dockerfile"
    assert value["build"]["context"] == ".."
    assert "--secret=id=ca,src=${localWorkspaceFolder}/ca.pem" in value["build"]["options"]
    assert value["remoteUser"] == "envkit"
    assert "--shm-size=8g" in value["runArgs"]
    code = value["customizations"]["vscode"]
    assert code["settings"]["python.defaultInterpreterPath"] == "/opt/venv/bin/python"
    assert "ms-python.python" in code["extensions"]
    assert ("hostRequirements" in value) == (request_.device == "gpu")
    assert value.get("forwardPorts", []) == ([8888, 6006] if request_.extras else [])


@pytest.mark.parametrize("framework", ("torch", "tensorflow"))
def test_preflight_is_plain_sh(framework: Framework, tmp_path: Path) -> None:
    (tmp_path / "preflight.sh").write_text(files(replace(GPU, framework=framework))["preflight.sh"])
    subprocess.run(["dash", "-n", str(tmp_path / "preflight.sh")], check=True)
