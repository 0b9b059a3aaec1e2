"""Resource limits and groups of this process."""

from __future__ import annotations

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.host_model import Limit, Limits
from envkit.facts.probe import Probe, ProbeStop
from envkit.facts.procfs import number, pairs

_NAMES = {"memlock": "Max locked memory", "nofile": "Max open files", "nproc": "Max processes"}


def read(machine: Machine) -> Limits:
    """Locked memory in bytes, files and processes as counts."""
    text = machine.read("/proc/self/limits")
    status = pairs(machine.read("/proc/self/status"))
    if text is None and not status:
        raise ProbeStop("failed", "/proc/self cannot be read")
    limits = {name: _limit(text or "", title) for name, title in _NAMES.items()}
    files = machine.ls("/proc/self/fd")
    # Listing a running process's own descriptors opens one more.
    opened = None if files is None else len(files) - (1 if machine.is_live else 0)
    return Limits(
        memlock=limits["memlock"],
        nofile=limits["nofile"],
        nproc=limits["nproc"],
        open_files=opened,
        file_max=number(machine.line("/proc/sys/fs/file-max")),
        rdma_devices=_rdma(machine),
        groups=_groups(machine, status),
        uid=number(_effective(status.get("Uid"))),
    )


def _limit(text: str, title: str) -> Limit | None:
    """A line of /proc/<pid>/limits (proc_pid_limits(5)); a value that is no number is no limit known."""
    for line in text.splitlines():
        if line.startswith(title + " "):
            words = line[len(title) :].split()
            if len(words) >= 2 and all(word == "unlimited" or number(word) is not None for word in words[:2]):
                return Limit(soft=number(words[0]), hard=number(words[1]))
    return None


def _rdma(machine: Machine) -> tuple[str, ...] | None:
    names = machine.ls("/sys/class/infiniband")
    return () if names is None and machine.exists("/sys/class") else names


def _effective(ids: str | None) -> str | None:
    """The second of real, effective, saved and file-system id."""
    words = (ids or "").split()
    return words[1] if len(words) > 1 else None


def _groups(machine: Machine, status: dict[str, str]) -> tuple[str, ...] | None:
    """Names of the effective and supplementary groups; the number of one that /etc/group does not name."""
    if "Gid" not in status:
        return None
    ids = [_effective(status["Gid"]), *status.get("Groups", "").split()]
    names: dict[str, str] = {}
    for line in (machine.read("/etc/group") or "").splitlines():
        fields = line.split(":")
        if len(fields) >= 3:
            names.setdefault(fields[2], one_line(fields[0]))
    return tuple(dict.fromkeys(names.get(ident, ident) for ident in ids if ident))


PROBE = Probe(name="limits", field="limits", limit=1.0, read=read)
