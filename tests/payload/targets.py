"""Real interpreters and environments for tests to look at."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PAYLOAD = Path(__file__).parents[2] / "envkit" / "payload"
BASE = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
"""A Python that is no virtual environment."""


@dataclass(frozen=True)
class Facts:
    """What `facts` printed."""

    lines: list[dict]
    code: int
    stderr: str

    def _merged(self, kind: str) -> dict:
        merged: dict = {}
        for line in self.lines:
            if line["kind"] == kind:
                merged.update(line["value"])
        return merged

    @property
    def python(self) -> dict:
        return self._merged("python")

    @property
    def torch(self) -> dict:
        return self._merged("torch")

    @property
    def tensorflow(self) -> dict:
        return self._merged("tensorflow")

    @property
    def libraries(self) -> list[dict]:
        found = [line["value"] for line in self.lines if line["kind"] == "libraries"]
        return found[-1]

    def copies(self, name: str) -> list[dict]:
        return [found for found in self.python["distributions"] if found["name"] == name]


def facts(python: Path | str, *, env: dict[str, str] | None = None, cwd: Path | str = "/") -> Facts:
    """Run `facts`; it must end, and report no error of its own."""
    done = start(python, "facts", env=env, cwd=cwd)
    found = Facts(parsed(done.stdout), done.returncode, done.stderr)
    assert found.lines[-1]["kind"] == "end", done.stderr
    assert [line for line in found.lines if line["kind"] == "error"] == []
    return found


def start(
    python: Path | str, *arguments: str, env: dict[str, str] | None = None, cwd: Path | str = "/"
) -> subprocess.CompletedProcess[str]:
    """Run the payload to its end."""
    return subprocess.run(
        [str(python), str(PAYLOAD / "__main__.py"), *arguments],
        env={**clean_environment(), **(env or {}), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    """The environment without what would steer a Python or its pip."""
    foreign = ("PYTHON", "PIP_", "VIRTUAL_ENV", "CONDA", "LD_LIBRARY_PATH", "COVERAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def parsed(stdout: str) -> list[dict]:
    """The payload's lines."""
    return [json.loads(line) for line in stdout.splitlines() if line.startswith('{"kind"')]


def make_venv(folder: Path, *options: str) -> Path:
    """A real virtual environment without pip; its interpreter."""
    subprocess.run([str(BASE), "-m", "venv", "--without-pip", *options, str(folder)], check=True)
    return folder / "bin" / "python"


def site_of(python: Path) -> Path:
    """site-packages of an environment that `make_venv` made."""
    return python.parents[1] / "lib" / BASE.name / "site-packages"


def install(
    site: Path, name: str, version: str, *, requires: tuple[str, ...] = (), installer: str | None = "pip"
) -> Path:
    """A dist-info as an installer writes it."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    headers = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
    (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *headers, "", "Name: not a header"]))
    if installer:
        (folder / "INSTALLER").write_text(installer + "\n")
    return folder


def install_torch(site: Path, version: str, cuda: str | None) -> Path:
    """A torch package without its code; its folder."""
    folder = site / "torch"
    (folder / "lib").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "version.py").write_text(
        f"from typing import Optional\n\n__version__ = '{version}'\ndebug = False\n"
        f"cuda: Optional[str] = {cuda!r}\ngit_version = 'abc'\nhip: Optional[str] = None\n"
    )
    install(site, "torch", version)
    return folder


def compile_library(path: Path, *options: str, source: str = "int answer(void) { return 42; }") -> Path:
    """A tiny shared library, built by gcc."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.with_suffix(".c")
    code.write_text(source)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", str(code), "-o", str(path), *options], check=True, cwd=path.parent
    )
    code.unlink()
    return path


def interpreters() -> list[str]:
    """Every other real CPython that this machine has: on PATH, and pyenv's."""
    found = []
    for minor in ("2.7", *(f"3.{number}" for number in range(5, 16))):
        path = shutil.which(f"python{minor}")
        if path and "/shims/" not in path:
            found.append(path)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found += [str(path) for path in sorted(root.glob("*/bin/python")) if re.match(r"\d", path.parts[-3])]
    return found


def torch_python() -> str:
    """A Python that has torch, or a failure that says how to make one."""
    named = os.environ.get("ENVKIT_TEST_TORCH_PYTHON")
    path = Path(named) if named else Path(__file__).parents[2] / ".venv-torch" / "bin" / "python"
    if not path.exists():
        pytest.fail(f"{path} is not there: run `make test`, which makes it, or set ENVKIT_TEST_TORCH_PYTHON")
    return str(path)
