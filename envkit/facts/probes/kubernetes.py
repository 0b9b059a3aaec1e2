"""Whether this is a node of Kubernetes, and whether its container runtime knows the nvidia runtime."""

from __future__ import annotations

from envkit.core.machine import Machine

_AGENTS = frozenset({"kubelet", "k3s", "k3s-server", "k3s-agent", "k0s", "rke2"})
_TRACES = ("/var/lib/kubelet", "/var/lib/rancher", "/var/lib/k0s", "/etc/kubernetes")
_CONFIGS = (
    "/etc/containerd/config.toml",
    "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
    "/etc/crio/crio.conf",
)
_CONFIG_FOLDERS = ("/etc/containerd/conf.d", "/etc/k0s/containerd.d", "/etc/crio/crio.conf.d")
_LIMIT = 1 << 20


def kubelet(machine: Machine) -> bool | None:
    """Whether a node agent runs; None when the machine's processes cannot all be seen."""
    if not any(machine.exists(trace) for trace in _TRACES):
        return False
    if machine.line("/proc/2/comm") != "kthreadd":
        return None
    names = (machine.line(f"/proc/{name}/comm") for name in machine.ls("/proc") or () if name.isdigit())
    return any(name in _AGENTS for name in names)


def knows_nvidia(machine: Machine) -> bool | None:
    """Whether some configuration of containerd or CRI-O names nvidia; None when none could be read."""
    in_folders = [f"{folder}/{name}" for folder in _CONFIG_FOLDERS for name in machine.ls(folder) or ()]
    texts = [machine.read(path, _LIMIT) for path in (*_CONFIGS, *in_folders)]
    if any("nvidia" in text for text in texts if text is not None):
        return True
    # A file that is there and may not be read could name it.
    closed = any(
        text is None and machine.exists(path)
        for path, text in zip((*_CONFIGS, *in_folders), texts, strict=True)
    )
    return None if closed or not any(text is not None for text in texts) else False
