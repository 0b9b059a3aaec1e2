"""A real engine, a base image made with debootstrap, and the torch wheel, for tests that build images."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.coverage_notes import require
from tests.e2e.test_docker_engine import DOCKERD, engine
from tests.payload.targets import torch_python

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
"""Not in git; what takes minutes to fetch is kept here."""
TORCH = "2.13.0"
PYTHON = "3.11"
"""The one of Debian bookworm."""
BASE = "envkit-test/base:bookworm"
TORCH_IMAGE = "envkit-test/bench-torch:1"
_DEBOOTSTRAP = shutil.which("debootstrap") or shutil.which("debootstrap", path="/usr/sbin")
_SLIM = """path-exclude /usr/share/doc/*
path-exclude /usr/share/info/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
"""
"""What Debian's slim images leave out, also of packages that come later."""
_TRIMMED = (
    *("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"),
    *("var/cache/apt", "var/lib/apt/lists", "var/log"),
)


@dataclass(frozen=True, kw_only=True)
class Docker:
    """An engine that builds."""

    env: dict[str, str]
    client: str
    """A docker program with BuildKit inside, or the plugin."""
    before: frozenset[str] = frozenset()
    """Containers that were there before any test."""

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the client."""
        argv = [self.client, *arguments]
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=300, check=check)

    def envkit(self, *arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `envkit build`."""
        argv = [sys.executable, "-m", "envkit.cli.main", "build", *arguments]
        return subprocess.run(
            argv, env={**self.env, **env}, cwd=cwd, capture_output=True, text=True, timeout=900, check=False
        )

    def containers(self) -> list[str]:
        """Ids of all containers that came since, running or not."""
        return sorted(set(self("ps", "--all", "--quiet").stdout.split()) - self.before)


@contextlib.contextmanager
def docker_engine(folder: Path) -> Iterator[Docker]:
    """The engine that runs, else one of our own."""
    if subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0:
        yield _docker({})
        return
    require("Docker engine (dockerd, as root)", DOCKERD is not None and os.geteuid() == 0)
    with engine(folder) as socket:
        yield _docker({"DOCKER_HOST": f"unix://{socket}"})


def _docker(env: dict[str, str]) -> Docker:
    from envkit.engine.clients import with_buildkit

    client = with_buildkit()
    require("docker client with BuildKit", client is not None)
    here = {**os.environ, "DOCKER_BUILDKIT": "1", "PYTHONPATH": str(ROOT), **env}
    found = Docker(env=here, client=str(client))
    return replace(found, before=frozenset(found.containers()))


def base_image(docker: Docker) -> str:
    """A trimmed Debian with Python, imported once."""
    if docker("image", "inspect", BASE, check=False).returncode != 0:
        docker("import", str(_tree()), BASE)
    return BASE


def _tree() -> Path:
    recipe = repr((_SLIM, _TRIMMED))
    tar = CACHE / f"bookworm-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}.tar"
    if tar.exists():
        return tar
    require("debootstrap (as root)", _DEBOOTSTRAP is not None and os.geteuid() == 0)
    root = CACHE / f"bookworm.{os.getpid()}"
    CACHE.mkdir(exist_ok=True)
    packages = "--include=python3,python3-venv,ca-certificates"
    try:
        subprocess.run(
            [str(_DEBOOTSTRAP), "--variant=minbase", packages, "bookworm", str(root)],
            check=True, stdout=subprocess.DEVNULL, timeout=600,
        )  # fmt: skip
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(_SLIM)
        for each in _TRIMMED:
            for below in (root / each).iterdir():
                shutil.rmtree(below) if below.is_dir() and not below.is_symlink() else below.unlink()
        for kept in ("var/cache/apt/archives/partial", "var/lib/apt/lists/partial"):
            (root / kept).mkdir(parents=True)
        for cached in root.rglob("__pycache__"):
            shutil.rmtree(cached)
        part = tar.with_suffix(f".{os.getpid()}")
        with tarfile.open(part, "w") as archive:
            archive.add(root, arcname=".", filter=lambda entry: None if entry.name == "./dev" else entry)
        part.rename(tar)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return tar


def torch_wheels() -> Path:
    """A directory with the CPU wheel of torch for the base's Python, from wherever pip finds it."""
    wheels = CACHE / "wheels"
    if not list(wheels.glob(f"torch-{TORCH}*")):
        pip = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *(
                "--only-binary=:all:",
                "--python-version",
                PYTHON,
                "--dest",
                str(wheels),
                f"torch=={TORCH}+cpu",
            ),
        ]
        index = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")
        if subprocess.run(pip, capture_output=True, check=False).returncode != 0:
            subprocess.run([*pip, *index], check=True)
    return wheels


def layers(docker: Docker, image: str) -> Iterator[bytes]:
    """The content of every file of every layer of an image, in pieces that overlap."""
    argv = [docker.client, "save", image]
    with subprocess.Popen(argv, env=docker.env, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        rest = b""
        while piece := child.stdout.read(1 << 20):
            yield rest + piece
            rest = piece[-4096:]


def torch_image(docker: Docker) -> str:
    """The base with the torch of the tests, which is for the same Python."""
    site = Path(torch_python()).parents[1] / "lib" / f"python{PYTHON}" / "site-packages"
    require(f"torch for Python {PYTHON} in .venv-torch", (site / "torch").is_dir())
    if docker("image", "inspect", TORCH_IMAGE, check=False).returncode != 0:
        container = docker("create", base_image(docker), "true").stdout.strip()
        docker("cp", str(site), f"{container}:/opt/torch")
        docker("commit", "--change", "ENV PYTHONPATH=/opt/torch", container, TORCH_IMAGE)
        docker("rm", container)
    return TORCH_IMAGE
