"""CUDA toolkits outside of Python environments."""

from __future__ import annotations

import json
import re

from envkit.core.machine import Machine
from envkit.core.proc import Command
from envkit.facts.gpu_model import CudaOnMachine, Toolkit
from envkit.facts.probe import Probe
from envkit.facts.probes.links import resolve, target
from envkit.facts.programs import which

_PARENTS = ("/usr/local", "/opt", "/opt/nvidia")
_DEBIAN = "/usr/lib/cuda"
_SYSTEM = ("/usr/", "/opt/")
"""Folders of the system disk. A CUDA_HOME elsewhere may lie on a file system that hangs: a child looks at
it."""
_HEADER = re.compile(r"#define +CUDA_VERSION +(\d{4,6})\b")
_RELEASE = re.compile(r"release (\d{1,3}\.\d{1,3}), V(\d{1,3}\.\d{1,3}\.\d{1,6})")
_NUMBER = re.compile(r"\d{1,3}\.\d{1,3}(?:\.\d{1,9})?")
_PROGRAMS = ("nvcc",)
_CHILD_SECONDS = 0.8

_LOOK = """cd -- "$1" 2>/dev/null || exit 3
test -x bin/nvcc && echo nvcc
head -c 65536 version.json 2>/dev/null || grep -m 1 "define CUDA_VERSION" include/cuda.h 2>/dev/null
exit 0
"""


def read(machine: Machine) -> CudaOnMachine:
    """Toolkits, the nvcc that a build would take, and forward-compatibility libraries."""
    roots = _roots(machine)
    toolkits = [kit for root in roots if (kit := _toolkit(machine, root)) is not None]
    home = machine.env.get("CUDA_HOME") or machine.env.get("CUDA_PATH") or ""
    exists, extra = _home(machine, home)
    if extra is not None and extra.path not in {kit.path for kit in toolkits}:
        toolkits.append(extra)
    found = which(machine, _PROGRAMS)
    nvcc = None if found is None else found.get("nvcc")
    return CudaOnMachine(
        toolkits=tuple(toolkits),
        nvcc=nvcc,
        nvcc_version=_nvcc_version(machine, nvcc, roots) if nvcc else None,
        cuda_home=home,
        cuda_home_exists=exists,
        compat_dirs=_compat(machine, roots),
    )


def _roots(machine: Machine) -> tuple[str, ...]:
    """Toolkit folders without links: /usr/local/cuda leads to /etc/alternatives/cuda, that to cuda-12.4."""
    found: dict[str, None] = {}
    candidates = [
        f"{parent}/{name}"
        for parent in _PARENTS
        for name in machine.ls(parent) or ()
        if name == "cuda" or name.startswith("cuda-")
    ]
    for path in (*candidates, _DEBIAN):
        end = target(machine, path)
        if end is not None and machine.ls(end):
            found[end] = None
    return tuple(found)


def _toolkit(machine: Machine, root: str) -> Toolkit | None:
    """None for a folder with nothing of a toolkit, as /usr/local/cuda-12.4 with only `compat` in it."""
    version = _toolkit_version(machine, root)
    has_nvcc = machine.exists(f"{root}/bin/nvcc")
    if version is None and not has_nvcc and not machine.exists(f"{root}/lib64"):
        return None
    return Toolkit(path=root, version=version, has_nvcc=has_nvcc)


def _toolkit_version(machine: Machine, root: str) -> str | None:
    """From version.json (since 11.1), version.txt (before), or CUDA_VERSION of cuda.h."""
    return (
        versions(machine.read(f"{root}/version.json", 1 << 18) or "").get("cuda")
        or _short(_after(machine.line(f"{root}/version.txt"), "CUDA Version "))
        or header_version(machine.read(f"{root}/include/cuda.h", 1 << 18) or "")
    )


def versions(text: str) -> dict[str, str]:
    """Component to version of a toolkit's version.json; `cuda` without the build date that 11.x has."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(data, dict):
        return {}
    found: dict[str, str] = {}
    for name, component in data.items():
        number = component.get("version") if isinstance(component, dict) else None
        if isinstance(number, str) and _NUMBER.fullmatch(number):
            found[name] = number
    if "cuda" in found:
        found["cuda"] = _short(found["cuda"]) or found["cuda"]
    return found


def _short(version: str | None) -> str | None:
    """`11.8` from `11.8.20220929`; `12.4.1` and `10.2.89` stay."""
    if version is None or not _NUMBER.fullmatch(version):
        return None
    major, minor, *patch = version.split(".")
    return ".".join((major, minor, *(number for number in patch if len(number) < 4)))


def _after(text: str | None, start: str) -> str | None:
    return text[len(start) :].strip() if text and text.startswith(start) else None


def header_version(text: str) -> str | None:
    """`12.4` from `#define CUDA_VERSION 12040`: 1000 * major + 10 * minor."""
    found = _HEADER.search(text)
    return f"{int(found[1]) // 1000}.{int(found[1]) % 1000 // 10}" if found else None


def release(text: str) -> str | None:
    """`12.4.131` from the output of `nvcc --version`."""
    found = _RELEASE.search(text)
    return found[2] if found else None


def _nvcc_version(machine: Machine, nvcc: str, roots: tuple[str, ...]) -> str | None:
    if nvcc.startswith(_SYSTEM):
        file = resolve(machine, nvcc) or nvcc
        root = next((root for root in roots if file.startswith(f"{root}/")), None)
        text = machine.read(f"{root}/version.json", 1 << 18) if root else None
        if number := versions(text or "").get("cuda_nvcc"):
            return number
    result = machine.run(Command(name="nvcc-version", argv=(nvcc, "--version"), limit=_CHILD_SECONDS))
    return release(result.stdout) if result.ok else None


def _home(machine: Machine, home: str) -> tuple[bool | None, Toolkit | None]:
    """Whether CUDA_HOME is a folder, and the toolkit in it; (None, None) when unset or without an answer."""
    if not home.startswith("/"):
        return None, None
    if home.startswith(_SYSTEM):
        end = target(machine, home)
        return (True, _toolkit(machine, end)) if end and machine.ls(end) is not None else (False, None)
    result = machine.run(
        Command(name="cuda-home", argv=("/bin/sh", "-c", _LOOK, "sh", home), limit=_CHILD_SECONDS)
    )
    if result.state != "done":
        return None, None
    if result.code == 3:
        return False, None
    has_nvcc = result.stdout.startswith("nvcc\n")
    text = result.stdout.removeprefix("nvcc\n")
    version = versions(text).get("cuda") or header_version(text)
    if version is None and not has_nvcc:
        return True, None
    return True, Toolkit(path=home, version=version, has_nvcc=has_nvcc)


def _compat(machine: Machine, roots: tuple[str, ...]) -> tuple[str, ...]:
    """NVIDIA's images keep the library in compat/lib.real, and link compat/lib to it when it is in use."""
    found: dict[str, None] = {}
    for root in roots:
        for name in ("compat", "compat/lib", "compat/lib.real"):
            end = target(machine, f"{root}/{name}")
            if end and any(file.startswith("libcuda.so") for file in machine.ls(end) or ()):
                found[end] = None
    return tuple(found)


PROBE = Probe(name="cuda", field="cuda", limit=2.4, read=read, programs=_PROGRAMS)
