"""Several GPUs and several machines: copies between GPUs, ranks, their rendezvous."""

from __future__ import annotations

import re

from envkit.compat import Compat, version_key
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

_SINGLE = not_applicable("fewer than two NVIDIA GPUs here")
_LOOPBACKS = frozenset({"localhost", "127.0.0.1", "::1"})
_KNOWS_RTX40 = "550.40.07"
"""From this driver on accelerate starts on RTX 40 cards without more ado (check_cuda_p2p_ib_support)."""


def _several(snapshot: Snapshot) -> Outcome | tuple[Gpu, ...]:
    """Two GPUs or more, or why not."""
    devices = views.gpus(snapshot)
    if len(devices) > 1:
        return devices
    if snapshot.nvml is None or snapshot.nvml.state in ("hung", "failed"):
        missing = views.without_nvidia(snapshot)
        return missing if missing is not None else unknown(views.because(snapshot, "nvml"))
    return _SINGLE


def _over_pcie(snapshot: Snapshot, devices: tuple[Gpu, ...]) -> bool:
    """Whether copies go over PCIe: some pair can, and some GPU has no NVLink."""
    pairs = snapshot.nvml.p2p if snapshot.nvml is not None else None
    linked = all(any(link.active for link in gpu.nvlinks or ()) for gpu in devices)
    return not linked and any(pair.read == "ok" for pair in pairs or ())


def nccl_p2p_acs(snapshot: Snapshot, compat: Compat) -> Outcome:
    """PCIe ACS or a translating IOMMU stands in the way of copies from GPU to GPU."""
    devices = _several(snapshot)
    if isinstance(devices, Outcome):
        return devices
    host = snapshot.host
    if host is None or host.virtualization is None:
        return unknown(views.because(snapshot, "host"))
    if host.virtualization != "none":
        return not_applicable("a virtual machine has what its host gives it")
    if not _over_pcie(snapshot, devices):
        return not_applicable("these GPUs do not copy to each other over PCIe")
    cards = views.nvidia_pci(snapshot)
    if cards is None:
        return unknown(views.because(snapshot, "pci"))
    redirected = [card.address for card in cards if card.acs]
    translated = [card.address for card in cards if (card.iommu or "").startswith("DMA")]
    if not redirected and not translated:
        if all(card.iommu is None and card.acs is None for card in cards):
            return unknown("neither IOMMU groups nor PCIe ports could be read")
        return ok("neither IOMMU nor ACS touches copies from GPU to GPU")
    evidence = [
        fact(f"port above {one}", "ACS on (SrcValid+)", "PCI configuration") for one in redirected[:4]
    ]
    evidence += [
        fact(f"IOMMU of {one}", "translates (DMA)", "/sys/kernel/iommu_groups") for one in translated[:4]
    ]
    what = (
        "PCIe ACS sends copies from GPU to GPU"
        if redirected
        else "the IOMMU translates copies from GPU to GPU"
    )
    return problem(
        f"{what}{' through the CPU' if redirected else ''}: NCCL may be slow, hang or get wrong numbers",
        *evidence,
        severity="warning" if redirected else "note",
        confidence=0.7 if redirected else 0.4,
    )


def nccl_p2p_rtx40(snapshot: Snapshot, compat: Compat) -> Outcome:
    """RTX 40 cards whose driver does not say by itself that they cannot copy to each other."""
    devices = _several(snapshot)
    if isinstance(devices, Outcome):
        return devices
    named = [gpu for gpu in devices if re.search(r"RTX 40\d\d", gpu.name or "")]
    driver = views.driver_version(snapshot)
    if len(named) < 2:
        return not_applicable("no two RTX 40 cards here")
    if driver is None or snapshot.env is None:
        return unknown(views.because(snapshot, "nvml", "environment"))
    if version_key(driver[0]) >= version_key(_KNOWS_RTX40):
        return ok(f"driver {driver[0]} says by itself that these cards cannot copy to each other")
    unset = [name for name in ("NCCL_P2P_DISABLE", "NCCL_IB_DISABLE") if views.env(snapshot, name) != "1"]
    if not unset:
        return ok("NCCL is told that these cards cannot copy to each other")
    return problem(
        f"{len(named)} x {named[0].name} with driver {driver[0]}: accelerate refuses to start "
        "several ranks on them",
        fact("GPUs", f"{len(named)} x {named[0].name}", "NVML"),
        fact("driver", *driver),
        fact(" and ".join(unset), "not 1", "environment"),
        severity="note" if views.distribution(snapshot, "accelerate") is None else None,
        confidence=0.7,
    )


def nccl_socket_ifname(snapshot: Snapshot, compat: Compat) -> Outcome:
    """An interface that NCCL or Gloo was told, and that is not here; a name that leads nowhere but home."""
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    interfaces = snapshot.network.interfaces if snapshot.network is not None else None
    for name in ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME"):
        value = views.env(snapshot, name)
        if value and interfaces is None:
            return unknown(views.because(snapshot, "network"))
        if value and interfaces is not None and not _matches(name, value, interfaces):
            return problem(
                f"{name}={value} names no interface of this machine",
                fact(name, value, "environment"),
                fact("interfaces", ", ".join(interfaces) or "none", "/sys/class/net"),
                confidence=0.95,
            )
    if not _spans_machines(snapshot):
        return ok("no interface is chosen by hand, and this run stays on one machine")
    master = views.env(snapshot, "MASTER_ADDR")
    if master in _LOOPBACKS:
        return problem(
            f"MASTER_ADDR={master} leads every machine of this run to itself",
            fact("MASTER_ADDR", master, "environment"),
            confidence=0.9,
        )
    network = snapshot.network
    if network is not None and network.own_name_is_loopback and not views.env(snapshot, "GLOO_SOCKET_IFNAME"):
        return problem(
            "this machine's own name means 127.0.0.1 or ::1 here, and Gloo tells its peers that address",
            fact("own name", "a loopback address only", "/etc/hosts"),
            severity="warning",
            confidence=0.6,
        )
    return ok("nothing says that the peers cannot reach this machine")


def _matches(setting: str, value: str, interfaces: tuple[str, ...]) -> bool:
    """NCCL takes starts of names, `=name` for a whole one and `^` for all but those; Gloo whole names."""
    if setting == "NCCL_SOCKET_IFNAME":
        if value.startswith("^"):
            return True
        exact, names = value.startswith("="), value.lstrip("=").split(",")
        wanted = [name.partition(":")[0] for name in names if name]
        return any(
            one == name or (not exact and one.startswith(name)) for name in wanted for one in interfaces
        )
    return all(name in interfaces for name in value.split(",") if name)


def _spans_machines(snapshot: Snapshot) -> bool:
    """Whether the run of this process has ranks on other machines."""
    world, local = (_count(views.env(snapshot, name)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    nodes = snapshot.scheduler.nodes if snapshot.scheduler is not None else None
    return (nodes or 1) > 1 or (world is not None and local is not None and world > local)


def _count(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,6}", text) else None


def more_ranks_than_gpus(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A launcher that starts more ranks here than there are GPUs."""
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    ranks = _count(views.env(snapshot, "LOCAL_WORLD_SIZE"))
    if ranks is None or ranks < 2:
        return ok("no launcher starts several ranks here")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    nvml = snapshot.nvml
    if nvml is None or nvml.gpus is None or views.unanswering(snapshot):
        return unknown(views.because(snapshot, "nvml"))
    if any(gpu.mig_mode for gpu in nvml.gpus):
        return not_applicable("GPUs in MIG mode offer as many devices as they have instances")
    if ranks <= len(nvml.gpus):
        return ok(f"{ranks} ranks for {len(nvml.gpus)} GPUs")
    return problem(
        f"{ranks} ranks are started on this machine, which has {len(nvml.gpus)} GPUs",
        fact("LOCAL_WORLD_SIZE", ranks, "environment"),
        fact("GPUs", len(nvml.gpus), "NVML"),
        # Ranks of Gloo may well train on CPUs.
        severity=None if views.wants_gpu(snapshot) else "note",
        confidence=0.8,
    )


def master_port_in_use(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The rendezvous port that the next run will take is taken."""
    if snapshot.env is None:
        return unknown(views.because(snapshot, "environment"))
    port = views.env(snapshot, "MASTER_PORT")
    if not port:
        return ok("no rendezvous port is chosen")
    if views.env(snapshot, "RANK") is not None:
        return not_applicable("this process belongs to the run that has the port")
    if snapshot.network is None or snapshot.network.master_port_taken is None:
        return unknown(views.because(snapshot, "network"))
    if not snapshot.network.master_port_taken:
        return ok(f"port {port} is free")
    return problem(
        f"something listens on port {port} already, which MASTER_PORT names",
        fact("MASTER_PORT", port, "environment"),
        fact(f"port {port}", "taken", "/proc/net/tcp"),
        severity="warning",
        confidence=0.8,
    )


RULES = (
    nccl_p2p_acs,
    nccl_p2p_rtx40,
    nccl_socket_ifname,
    more_ranks_than_gpus,
    master_port_in_use,
)
