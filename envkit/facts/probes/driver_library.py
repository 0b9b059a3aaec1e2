"""The user-space half of the NVIDIA driver: libcuda and libnvidia-ml as the loader would find them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envkit.core.machine import Machine
from envkit.facts.probes.links import target

_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/lib64",
    "/usr/lib64/nvidia",
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/usr/lib/aarch64-linux-gnu/nvidia",
    "/usr/lib/aarch64-linux-gnu/tegra",
    "/usr/lib",
)
"""Distribution folders first, then WSL, NixOS, the GPU operator and old nvidia-docker, Jetson."""
_SYSTEM = ("/usr/", "/opt/", "/lib/", "/lib64", "/run/opengl-driver")
"""Folders of LD_LIBRARY_PATH that are looked at here; others may lie on a file system that hangs."""
_VERSION = re.compile(r"\.so\.(\d{3,4}\.\d{1,4}(?:\.\d{1,4})?)")


def find(machine: Machine, soname: str) -> tuple[str, str | None]:
    """The file behind the first `soname` of the loader's folders, and the driver version in its name.

    ("", None) when no folder has one. WSL and Jetson have no version in the name.
    """
    for folder in _folders(machine):
        file = target(machine, f"{folder}/{soname}")
        if file is not None:
            return file, version_of(file)
    return "", None


def version_of(path: str) -> str | None:
    """`550.54.14` from `.../libcuda.so.550.54.14`."""
    found = _VERSION.search(path.rpartition("/")[2])
    return found[1] if found else None


def _folders(machine: Machine) -> Iterator[str]:
    for folder in machine.env.get("LD_LIBRARY_PATH", "").split(":"):
        if folder.startswith(_SYSTEM):
            yield folder.rstrip("/")
    yield from _FOLDERS
    for name in machine.ls("/usr/lib") or ():
        if name.startswith("nvidia"):
            yield f"/usr/lib/{name}"
