"""The Docker engine: where it listens, what it answers to /version and /info."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from envkit.core.machine import Machine
from envkit.core.proc import Command
from envkit.core.redact import secrets
from envkit.core.text import one_line
from envkit.facts.container_model import Docker, EngineState
from envkit.facts.probes import docker_socket
from envkit.facts.probes.docker_socket import SocketError

SOCKET = "/var/run/docker.sock"
_ADDRESS = re.compile(r"(?:tcp|ssh|https?|npipe|fd)://\S+", re.IGNORECASE)
ANSWER_SECONDS = 1.0
"""For connecting and both answers together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Endpoint:
    url: str
    path: str | None
    """Of the socket; None for an engine that is not on this machine or that we do not follow."""
    detail: str = ""
    state: EngineState = "remote"
    """Of an endpoint without a path."""


def read_docker(machine: Machine, client: str | None) -> Docker:
    """What the engine is. client: path of `docker`, "" when there is none, None when not looked."""
    endpoint = _endpoint(machine)
    if endpoint.path is None:
        return Docker(
            state=endpoint.state, detail=endpoint.detail, endpoint=secrets(endpoint.url), client_path=client
        )
    deadline = time.monotonic() + ANSWER_SECONDS
    version: dict[str, Any] = {}
    info: dict[str, Any] = {}
    state: EngineState = "ok"
    detail = ""
    try:
        version = _ask(machine, endpoint.path, "docker-version", deadline)
        info = _ask(machine, endpoint.path, "docker-info", deadline)
    except SocketError as error:
        state, detail = error.state, error.detail
    if state == "not-running" and client == "" and not machine.exists(endpoint.path):
        state, detail = "absent", "no docker client and no engine socket"
    return _docker(version, info, state, one_line(detail), endpoint.url, client)


def _endpoint(machine: Machine) -> _Endpoint:
    """As the client picks it, but without ~/.docker/config.json: a home directory can hang."""
    host = machine.env.get("DOCKER_HOST", "")
    if host.startswith("unix:///"):
        return _Endpoint(url=host, path=host.removeprefix("unix://"))
    if host and not _ADDRESS.fullmatch(host):
        _, at, rest = host.rpartition("@")
        shown = one_line(f"***@{rest}" if at else host, limit=80)
        detail = f"DOCKER_HOST={shown} is no address of an engine: unix:///PATH, tcp://HOST:PORT, ssh://HOST"
        return _Endpoint(url=shown, path=None, detail=detail, state="failed")
    if host:
        return _Endpoint(url=host, path=None, detail="DOCKER_HOST names an engine that is not contacted")
    runtime_dir = machine.env.get("XDG_RUNTIME_DIR", "")
    rootless = f"{runtime_dir}/docker.sock" if runtime_dir.startswith("/run/") else ""
    context = machine.env.get("DOCKER_CONTEXT", "")
    if context == "rootless" and rootless:
        return _Endpoint(url=f"unix://{rootless}", path=rootless)
    if context not in ("", "default"):
        return _Endpoint(
            url=f"context {context}", path=None, detail=f"DOCKER_CONTEXT={context} is not followed"
        )
    path = rootless if rootless and not machine.exists(SOCKET) and machine.exists(rootless) else SOCKET
    return _Endpoint(url=f"unix://{path}", path=path)


def _ask(machine: Machine, path: str, name: str, deadline: float) -> dict[str, Any]:
    """The JSON object of `/version` or `/info`; a recorded machine has it as a command's output."""
    if machine.is_live:
        target = "/" + name.removeprefix("docker-")
        answer = (
            docker_socket.get(path, target, deadline)
            if machine.is_here
            else docker_socket.get_from(machine, path, target, deadline)
        )
        if answer.status != 200:
            raise SocketError("failed", f"the engine answered with HTTP status {answer.status}")
        return json_object(answer.body)
    result = machine.run(
        Command(name=name, argv=("docker", name.removeprefix("docker-")), limit=ANSWER_SECONDS)
    )
    if not result.ok:
        states: dict[str, EngineState] = {"absent": "not-running", "denied": "denied", "timeout": "hung"}
        raise SocketError(states.get(result.state, "failed"), result.stderr)
    return json_object(result.stdout.encode())


def json_object(body: bytes) -> dict[str, Any]:
    """Raises SocketError."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise SocketError("failed", "the engine's answer is not JSON") from None
    if not isinstance(data, dict):
        raise SocketError("failed", "the engine's answer is not a JSON object")
    return data


def _docker(
    version: dict[str, Any],
    info: dict[str, Any],
    state: EngineState,
    detail: str,
    endpoint: str,
    client: str | None,
) -> Docker:
    runtimes = info.get("Runtimes")
    security = _texts(info.get("SecurityOptions"))
    root = _text(info.get("DockerRootDir"))
    devices = info.get("DiscoveredDevices")
    return Docker(
        state=state,
        detail=detail,
        endpoint=endpoint,
        client_path=client,
        version=_text(version.get("Version")) or _text(info.get("ServerVersion")),
        api_version=_text(version.get("ApiVersion")),
        runtimes=tuple(sorted(map(one_line, runtimes))) if isinstance(runtimes, dict) else None,
        default_runtime=_text(info.get("DefaultRuntime")),
        cdi_dirs=_texts(info.get("CDISpecDirs")),
        discovered_devices=_devices(devices) if "DiscoveredDevices" in info else None,
        storage_driver=_text(info.get("Driver")),
        root_dir=root,
        cgroup_driver=_text(info.get("CgroupDriver")),
        cgroup_version=_text(info.get("CgroupVersion")),
        rootless=None if security is None else any("name=rootless" in o.split(",") for o in security),
        snap=_is_snap(root, client),
        operating_system=_text(info.get("OperatingSystem")),
        security=security,
    )


def _is_snap(root: str | None, client: str | None) -> bool | None:
    if root is None and not client:
        return None
    return (root or "").startswith("/var/snap/") or (client or "").startswith("/snap/")


def _devices(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else ()
    return tuple(name for item in items if isinstance(item, dict) and (name := _text(item.get("ID"))))


def _text(value: Any) -> str | None:
    return one_line(value) if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    return tuple(one_line(item) for item in value if isinstance(item, str))
