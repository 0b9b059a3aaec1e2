"""The index of these tests, and `envkit build` as a person starts it, told nothing by this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.build.index import Index, served, wheel
from tests.build.parts import PYTHON, torch_wheel
from tests.cli.commands import ENVKIT, environment

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def clean(folder: Path, **more: str) -> dict[str, str]:
    """An environment in which no configuration of pip, uv, proxies or engines is seen, and no home."""
    gone = ("PIP_", "UV_", "SSL_", "REQUESTS_", "CURL_", "CONDA_", "DOCKER_")
    kept = {
        name: value
        for name, value in environment().items()
        if not name.startswith(gone) and not name.lower().endswith("_proxy") and name != "VIRTUAL_ENV"
    }
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    kept |= {
        "PIP_CONFIG_FILE": os.devnull,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "UV_CACHE_DIR": str(folder / "cache"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_HTTP_RETRIES": "0",
        "DOCKER_HOST": f"unix://{folder}/no-engine.sock",
    }
    return {**kept, **more}


@pytest.fixture
def build(tmp_path: Path) -> Run:
    """`envkit build ...` in an empty directory; `output` below it is where the files go."""
    work = tmp_path / "work"
    work.mkdir()

    def run(
        *arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ENVKIT, "build", *map(str, arguments)],
            env=clean(tmp_path, **(env or {})),
            cwd=cwd or work,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=110,
        )

    return run


@pytest.fixture
def index() -> Iterator[Index]:
    """torch 2.13.0 for the CPU at the framework's own index, numpy and one more at the default one."""
    with served() as running:
        fill(running)
        yield running


def fill(index: Index) -> None:
    """What the plans of these tests need."""
    index.add(torch_wheel("2.13.0+cpu", requires=("filelock",)), "whl/cpu")
    index.add(wheel("filelock", "3.20.0"))
    index.add(wheel("numpy", "2.3.0"))
    index.add(wheel("numpy", "2.2.0"))


def cpu(index: Index, *more: str) -> tuple[str, ...]:
    """The options of a plan for the CPU from an index of ours."""
    return (
        *("--framework", "torch==2.13.0", "--cpu", "--python", PYTHON),
        *("--index-url", index.simple, "--framework-index", f"{index.url}/whl", *more),
    )


__all__ = ["Run", "clean", "cpu", "fill", "sys"]
