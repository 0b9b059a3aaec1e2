"""The directories that training reads and writes: where they lie and what space is left.

No path of a person is touched in this process: a mount whose server is gone holds up whoever looks at it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.host_model import Storage
from envkit.facts.probe import Probe, ProbeStop
from envkit.facts.procfs import Mount, mount_of, read_mounts
from envkit.facts.programs import Space, spaces

_DOCKER_ROOT = "/var/lib/docker"
_SERVER = re.compile(r"^(?P<slashes>//)?(?:[^/]+(?P<end>(?(slashes)/|:/))|[^/:]*@[^/:]*:)")
"""Of `server:/export`, `10.0.0.1@tcp:/fs`, `//server/share` and `user@server:`."""


def read(machine: Machine) -> tuple[Storage, ...]:
    """One entry for each role; roles that share a mount are each told."""
    places = _places(machine, _docker_root(machine))
    found = spaces(machine, [path for _, path in places])
    mounts = read_mounts(machine) or ()
    if found is None:
        value = tuple(_storage(role, path, Space(state="failed"), mounts) for role, path in places)
        raise ProbeStop("failed", "the child that looks at directories did not run", value)
    return tuple(
        _storage(role, path, found[path], mounts)
        for role, path in places
        if role != "docker-root" or found[path].state != "absent"
    )


def _places(machine: Machine, docker_root: str) -> Sequence[tuple[str, str]]:
    """Roles and absolute paths, as the programs that use them choose them."""
    env = machine.env
    cwd = machine.link("/proc/self/cwd") or env.get("PWD")
    home = env.get("HOME")
    cache = env.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else None)
    # huggingface_hub.constants, torch.hub, tempfile.
    hub = env.get("HF_HUB_CACHE") or env.get("HUGGINGFACE_HUB_CACHE") or env.get("HF_HOME")
    roles = {
        "cwd": cwd,
        "tmp": env.get("TMPDIR") or env.get("TEMP") or env.get("TMP") or "/tmp",
        "home-cache": cache,
        "hf-cache": hub or (f"{cache}/huggingface" if cache else None),
        "torch-cache": env.get("TORCH_HOME") or (f"{cache}/torch" if cache else None),
        "docker-root": docker_root,
    }
    absolute = [(role, _absolute(path, cwd, home)) for role, path in roles.items() if path]
    return [(role, path) for role, path in absolute if path is not None]


def _known_places(machine: Machine) -> list[str]:
    """Those that are known without reading a file."""
    return [path for _, path in _places(machine, _DOCKER_ROOT)]


def _absolute(path: str, cwd: str | None, home: str | None) -> str | None:
    path = path.removesuffix(" (deleted)")
    if home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    if not path.startswith("/"):
        path = f"{cwd}/{path}" if cwd else ""
    return os.path.normpath(path) if path.startswith("/") else None


def _docker_root(machine: Machine) -> str:
    """`data-root` of /etc/docker/daemon.json."""
    try:
        configured = json.loads(machine.read("/etc/docker/daemon.json", 1 << 18) or "{}")
    except (ValueError, RecursionError):
        return _DOCKER_ROOT
    root = configured.get("data-root") if isinstance(configured, Mapping) else None
    return root if isinstance(root, str) and root.startswith("/") else _DOCKER_ROOT


def _storage(role: str, path: str, space: Space, mounts: Sequence[Mount]) -> Storage:
    # Of a directory that did not answer only the kernel's table can be asked, by the path as written.
    mount = mount_of(mounts, space.real or path)
    return Storage(
        role=role,
        path=path,
        mount=None if mount is None else mount.point,
        fstype=None if mount is None else mount.fstype,
        device=None if mount is None else _device(mount),
        total=space.total,
        free=space.free,
        inodes_total=space.inodes_total,
        inodes_free=space.inodes_free,
        read_only=space.read_only if space.read_only is not None or mount is None else mount.read_only,
        writable=space.writable,
        state=space.state,
        seconds=space.seconds,
    )


def _device(mount: Mount) -> str:
    """The source without a file server's name, which tells where the machine is."""
    return one_line(
        _SERVER.sub(lambda found: f"{found['slashes'] or ''}<server>{found['end'] or ':'}", mount.source)
    )


PROBE = Probe(name="storage", field="storage", limit=2.0, read=read, places=_known_places)
