"""Tiny wheels, environments to install them into, and a Python that is no virtual environment."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.payload.targets import BASE, make_venv, site_of


def wheel(folder: Path, name: str, version: str, *requires: str) -> Path:
    """A wheel with one empty module."""
    folder.mkdir(exist_ok=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    headers = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    files = {
        f"{module}/__init__.py": "",
        f"{info}/METADATA": "\n".join([*headers, *(f"Requires-Dist: {one}" for one in requires), ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(inner, text)
    return path


def offline(folder: Path) -> dict[str, str]:
    """Variables with which pip and uv know these wheels and no index."""
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(folder),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(folder),
        "UV_NO_CONFIG": "1",
    }


@functools.cache
def _pip() -> tuple[Path, ...]:
    """pip as `venv` puts it into an environment; made once a process, for that takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="envkit-pip-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([str(BASE), "-m", "venv", str(folder)], check=True)
    return tuple(site_of(folder / "bin/python").glob("pip*"))


def add_pip(site: Path) -> None:
    """Give an environment a real pip, by links."""
    for part in _pip():
        (site / part.name).symlink_to(part)


def remove_pip(site: Path) -> None:
    """What `uv venv` makes has none."""
    for part in site.glob("pip*"):
        part.unlink()


def environment_with_pip(folder: Path) -> Path:
    """A real virtual environment with pip; its interpreter."""
    python = make_venv(folder)
    add_pip(site_of(python))
    return python


def install(python: Path, folder: Path, *requirements: str) -> None:
    """Unpack wheels into an environment, as pip leaves them, whatever they require."""
    for one in requirements:
        name, _, version = one.partition("==")
        (path,) = folder.glob(f"{name}-{version or '*'}-py3-none-any.whl")
        with zipfile.ZipFile(path) as archive:
            archive.extractall(site_of(python))


def installed(python: Path, name: str) -> str:
    """The version that this Python finds; empty when there is none."""
    code = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True)
    return done.stdout.strip()


def system_python(folder: Path) -> tuple[Path, Path]:
    """A Python that is no virtual environment, as /usr/bin/python3 is none, and its folder of packages."""
    name = BASE.name
    library = folder / "lib" / name
    library.mkdir(parents=True)
    (folder / "bin").mkdir()
    source = Path(sys.base_prefix) / "lib" / name
    for entry in source.iterdir():
        if entry.name not in ("site-packages", "dist-packages", "EXTERNALLY-MANAGED", "sitecustomize.py"):
            (library / entry.name).symlink_to(entry)
    for shared in (Path(sys.base_prefix) / "lib").glob("libpython*"):
        (folder / "lib" / shared.name).symlink_to(shared)
    shutil.copy2(BASE.resolve(), folder / "bin" / name)
    (folder / "bin/python3").symlink_to(name)
    python = folder / "bin" / name
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"  # Debian's is a folder of another name
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=True)
    site = Path(done.stdout.strip())
    assert site.is_relative_to(folder)
    site.mkdir(parents=True, exist_ok=True)
    return python, site
