"""Container engines and their way to the GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EngineState = Literal["ok", "absent", "not-running", "denied", "hung", "remote", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CdiSpec:
    """One CDI specification file for NVIDIA devices."""

    path: str
    kind: str | None = None
    """`nvidia.com/gpu`."""
    driver_version: str | None = None
    """Version in the names of the libraries that it mounts."""
    devices: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Docker:
    """The Docker engine, as it answers over its socket."""

    state: EngineState
    detail: str = ""
    endpoint: str | None = None
    """`unix://...`, credentials removed; `context NAME` for a DOCKER_CONTEXT that is not followed."""
    client_path: str | None = None
    """docker on PATH; an empty string when there is none."""
    version: str | None = None
    api_version: str | None = None
    runtimes: tuple[str, ...] | None = None
    default_runtime: str | None = None
    cdi_dirs: tuple[str, ...] | None = None
    discovered_devices: tuple[str, ...] | None = None
    """CDI devices that the engine lists (engine 28 and later)."""
    storage_driver: str | None = None
    root_dir: str | None = None
    cgroup_driver: str | None = None
    cgroup_version: str | None = None
    rootless: bool | None = None
    snap: bool | None = None
    operating_system: str | None = None
    security: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Toolkit:
    """nvidia-container-toolkit."""

    installed: bool | None = None
    path: str | None = None
    """Its first program found; an empty string when there is none."""
    version: str | None = None
    config_path: str | None = None
    """An empty string when there is none."""
    no_cgroups: bool | None = None
    """In force, the default included; None without a configuration that can be read."""
    mode: str | None = None
    """In force: `auto`, `legacy`, `cdi`, `csv`."""
    config_error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Containers:
    """Engines on this machine."""

    docker: Docker | None = None
    podman_path: str | None = None
    """podman on PATH; an empty string when there is none."""
    podman_version: str | None = None
    toolkit: Toolkit | None = None
    cdi: tuple[CdiSpec, ...] | None = None
    daemon_json_runtimes: tuple[str, ...] | None = None
    """() also when there is no such file."""
    daemon_json_error: str | None = None
    selinux: Literal["enforcing", "permissive", "disabled"] | None = None
    kubelet: bool | None = None
    """A Kubernetes node agent runs (kubelet, k3s, k0s); None when other processes cannot be seen."""
    containerd_nvidia: bool | None = None
    """Some containerd or CRI-O configuration names the nvidia runtime; None when none could be read."""
