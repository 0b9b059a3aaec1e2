"""Container engines, the NVIDIA Container Toolkit, and what SELinux has to say."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from envkit.core.machine import Machine
from envkit.core.proc import Command
from envkit.core.text import one_line
from envkit.facts.container_model import Containers, Toolkit
from envkit.facts.probe import Probe
from envkit.facts.probes import cdi, dpkg, kubernetes
from envkit.facts.probes.docker_engine import read_docker
from envkit.facts.programs import which

_DAEMON_JSON = "/etc/docker/daemon.json"
_TOOLKIT_CONFIG = "/etc/nvidia-container-runtime/config.toml"
_TOOLKIT_PROGRAMS = ("nvidia-ctk", "nvidia-container-runtime", "nvidia-container-cli")
_PROGRAMS = ("docker", "podman", *_TOOLKIT_PROGRAMS)
_TOOLKIT_FOLDERS = ("/usr/bin", "/usr/local/nvidia/toolkit")
"""The second is where the GPU operator puts it."""
_CHILD_SECONDS = 0.8
_VERSION = re.compile(r"\bversion:? (\d{1,4}(?:\.\d{1,6}){1,3}(?:-[\w.]{1,20})?)")
_CONFIG_LIMIT = 1 << 20


def read(machine: Machine) -> Containers:
    """Engines on this machine and their way to the GPU."""
    found = which(machine, _PROGRAMS)
    podman = _path(found, "podman")
    runtimes, error = _daemon_json(machine)
    return Containers(
        docker=read_docker(machine, _path(found, "docker")),
        podman_path=podman,
        podman_version=_child_version(machine, "podman-version", podman) if podman else None,
        toolkit=_toolkit(machine, found),
        cdi=cdi.read_specs(machine),
        daemon_json_runtimes=runtimes,
        daemon_json_error=error,
        selinux=_selinux(machine),
        kubelet=kubernetes.kubelet(machine),
        containerd_nvidia=kubernetes.knows_nvidia(machine),
    )


def _path(found: dict[str, str | None] | None, name: str) -> str | None:
    return None if found is None else found.get(name)


def _child_version(machine: Machine, name: str, program: str) -> str | None:
    result = machine.run(Command(name=name, argv=(program, "--version"), limit=_CHILD_SECONDS))
    version = _VERSION.search(result.stdout) if result.ok else None
    return version[1] if version else None


def _toolkit(machine: Machine, found: dict[str, str | None] | None) -> Toolkit:
    path = ""
    for name in _TOOLKIT_PROGRAMS:
        places = ((found or {}).get(name, ""), *(f"{folder}/{name}" for folder in _TOOLKIT_FOLDERS))
        path = path or next((place for place in places if place and machine.exists(place)), "")
    no_cgroups, mode, error = _toolkit_config(machine)
    version = None
    if path:
        packages = dpkg.installed(machine, ("nvidia-container-toolkit",)) or {}
        packaged = packages.get("nvidia-container-toolkit") or packages.get("nvidia-container-toolkit-base")
        version = dpkg.upstream(packaged) if packaged else _ctk_version(machine, path)
    return Toolkit(
        installed=bool(path),
        path=path,
        version=version,
        config_path=_TOOLKIT_CONFIG if machine.exists(_TOOLKIT_CONFIG) else "",
        no_cgroups=no_cgroups,
        mode=mode,
        config_error=error,
    )


def _ctk_version(machine: Machine, path: str) -> str | None:
    """Only nvidia-ctk is asked: nvidia-container-cli loads the driver's libraries."""
    return _child_version(machine, "nvidia-ctk-version", path) if path.endswith("/nvidia-ctk") else None


def _toolkit_config(machine: Machine) -> tuple[bool | None, str | None, str | None]:
    """no-cgroups and mode in force, and what is wrong with the file."""
    if not machine.exists(_TOOLKIT_CONFIG):
        return None, None, None
    text = machine.read(_TOOLKIT_CONFIG, _CONFIG_LIMIT)
    if text is None:
        return None, None, "the file may not be read"
    return toolkit_config(text)


def toolkit_config(text: str) -> tuple[bool | None, str | None, str | None]:
    """no-cgroups and mode of config.toml; a key that is not there has its default, false and `auto`."""
    import tomllib  # 3 ms that most machines need not pay

    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return None, None, one_line(f"not TOML: {error}")
    no_cgroups = _table(data, "nvidia-container-cli").get("no-cgroups", False)
    mode = _table(data, "nvidia-container-runtime").get("mode", "auto")
    return (
        no_cgroups if isinstance(no_cgroups, bool) else None,
        one_line(mode) if isinstance(mode, str) else None,
        None,
    )


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def _daemon_json(machine: Machine) -> tuple[tuple[str, ...] | None, str | None]:
    """Runtimes of daemon.json, () when there is no such file, and what is wrong with it."""
    if not machine.exists(_DAEMON_JSON):
        return (), None
    text = machine.read(_DAEMON_JSON, _CONFIG_LIMIT)
    if text is None:
        return None, "the file may not be read"
    return daemon_json(text)


def daemon_json(text: str) -> tuple[tuple[str, ...] | None, str | None]:
    """Names of the runtimes in the text of daemon.json, or what is wrong with it.

    An empty file is valid, as it is for dockerd.
    """
    if not text.strip():
        return (), None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return None, one_line(f"not JSON: {error}")
    if not isinstance(data, dict):
        return None, "not a JSON object"
    runtimes = data.get("runtimes")
    return tuple(sorted(map(one_line, runtimes))) if isinstance(runtimes, dict) else (), None


def _selinux(machine: Machine) -> Literal["enforcing", "permissive", "disabled"] | None:
    """From selinuxfs. The kernel makes its mount point only when SELinux is on, so without one it is off."""
    enforce = machine.number("/sys/fs/selinux/enforce")
    if enforce is not None:
        return "enforcing" if enforce else "permissive"
    names = machine.ls("/sys/fs")
    return "disabled" if names is not None and "selinux" not in names else None


PROBE = Probe(name="containers", field="containers", limit=2.4, read=read, programs=_PROGRAMS)
