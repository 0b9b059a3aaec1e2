"""Nodes of a cluster: one made snapshot, and copies of it with what differs between like nodes."""

from __future__ import annotations

import functools
import random
from dataclasses import replace

from envkit.compat import load_compat
from envkit.doctor.fleet import Fleet, merge
from envkit.facts.gpu_model import Ecc, Gpu, NvidiaDriver, Nvml, PciGpu
from envkit.facts.host_model import Cpu, Host, Memory, Processes, Storage
from envkit.facts.model import EnvVar, ProbeStatus, Snapshot
from envkit.facts.python_model import Distribution, TargetPython, TorchFacts
from tests.doctor.change import changed

SITE = "/opt/venv/lib/python3.12/site-packages"
H100 = ("NVIDIA H100 80GB HBM3", "0x2330", "9.0")
A100 = ("NVIDIA A100-SXM4-80GB", "0x20b2", "8.0")


@functools.cache
def node(kind: tuple[str, str, str] = H100, gpus: int = 8, cpu: str = "Xeon 8480C") -> Snapshot:
    """A node with that many GPUs; without any, it has no driver either."""
    name, device, capability = kind
    pci = tuple(
        PciGpu(
            address=f"0000:{at:02x}:00.0",
            vendor="nvidia",
            vendor_id="0x10de",
            device_id=device,
            pci_class="0x030200",
            driver="nvidia",
        )
        for at in range(gpus)
    )
    cards = tuple(
        Gpu(
            index=at,
            name=name,
            uuid=f"GPU-{at}",
            pci_address=pci[at].address,
            compute_capability=capability,
            vbios="96.00.74",
            memory_total=80 << 30,
            memory_used=0,
            ecc=Ecc(enabled=True, pending=True),
            power_limit=700.0,
            mig_mode=False,
            persistence=True,
            processes=(),
        )
        for at in range(gpus)
    )
    there = gpus > 0
    torch = TorchFacts(version="2.9.0+cu128", path=f"{SITE}/torch", cuda="12.8", archs=("sm_80", "sm_90"))
    return Snapshot(
        probes=tuple(
            ProbeStatus(name=name, state="ok", seconds=0.1)
            for name in ("host", "cpu", "memory", "storage", "pci", "driver", "nvml", "python", "scheduler")
        ),
        host=Host(os_id="ubuntu", os_name="Ubuntu 24.04", system="Linux", kernel="6.8.0", machine="x86_64",
                  libc="glibc", libc_version="2.39", container_read=True, uptime=1e5)
        ,
        cpu=Cpu(model=cpu, logical=128, load1=0.5, cgroup="v2"),
        memory=Memory(total=1 << 40, available=9 << 36, cgroup_read=True),
        processes=Processes(total=500, zombies=0, stuck=(), hidden=False),
        storage=(
            Storage(role="tmp", path="/tmp", fstype="ext4", total=1 << 40, free=1 << 39, writable=True),
        ),
        pci=pci,
        driver=NvidiaDriver(
            module_version="570.133.20" if there else None,
            loaded=there,
            modules=("nvidia", "nvidia_uvm") if there else (),
            packages=("nvidia-driver=570",) if there else (),
            library_version="570.133.20" if there else None,
            library_path="/usr/lib/libnvidia-ml.so.570.133.20" if there else "",
            smi_path="/usr/bin/nvidia-smi" if there else "",
        ),
        nvml=Nvml(state="ok", driver_version="570.133.20", cuda_version="12.8", gpus=cards)
        if there
        else Nvml(state="no-library"),
        python=TargetPython(
            executable="/opt/venv/bin/python",
            version="3.12.4",
            distributions=(Distribution(name="torch", version="2.9.0+cu128", location=SITE),),
            torch=torch,
            read=True,
        ),
        env=(EnvVar(name="NCCL_DEBUG", value="WARN"),),
    )  # fmt: skip


def noisy(snapshot: Snapshot, chance: random.Random) -> Snapshot:
    """With what is each node's own."""
    made = changed(
        snapshot,
        "host.uptime", chance.uniform(1e4, 1e7),
        "host.boot_id", f"{chance.getrandbits(64):x}",
        "cpu.load1", chance.uniform(0, 9),
        "memory.total", (1 << 40) + chance.randrange(-(1 << 33), 1 << 33),
        "memory.available", chance.randrange(1 << 38, 1 << 40),
        "processes.total", chance.randrange(300, 900),
        "storage[0].free", chance.randrange(1 << 36, 1 << 39),
        "probes[*].seconds", chance.random(),
    )  # fmt: skip
    if made.nvml is None or made.nvml.gpus is None:
        return made
    cards = tuple(
        replace(
            gpu,
            uuid=f"GPU-{chance.getrandbits(64):x}",
            temperature=chance.uniform(25, 60),
            power_draw=chance.uniform(60, 90),
            memory_used=chance.randrange(1 << 20),
        )
        for gpu in made.nvml.gpus
    )
    return changed(made, "nvml.gpus", cards)


def fleet_of(nodes: dict[str, Snapshot]) -> Fleet:
    """The answer for these nodes."""
    return merge(nodes.items(), load_compat())


def alike(
    count: int, snapshot: Snapshot | None = None, name: str = "node", seed: int = 0
) -> dict[str, Snapshot]:
    """That many nodes that differ in nothing that matters."""
    chance = random.Random(seed)
    made = node() if snapshot is None else snapshot
    return {f"{name}-{at:03d}": noisy(made, chance) for at in range(1, count + 1)}


def other_driver(snapshot: Snapshot) -> Snapshot:
    """An update that passed it by."""
    return changed(snapshot, "nvml.driver_version", "550.54.15", "driver.module_version", "550.54.15")


def lost_gpu(snapshot: Snapshot) -> Snapshot:
    """One GPU less, on the bus too."""
    assert snapshot.nvml is not None and snapshot.nvml.gpus is not None and snapshot.pci is not None
    return changed(snapshot, "nvml.gpus", snapshot.nvml.gpus[:-1], "pci", snapshot.pci[:-1])


def no_gpus(snapshot: Snapshot) -> Snapshot:
    """All GPUs gone from the bus; the driver is still installed."""
    return changed(snapshot, "nvml.gpus", (), "nvml.state", "no-devices", "pci", ())


def ecc_off(snapshot: Snapshot) -> Snapshot:
    """On one GPU."""
    return changed(snapshot, "nvml.gpus[3].ecc.enabled", False)


def other_kernel(snapshot: Snapshot) -> Snapshot:
    """Booted into an older one."""
    return changed(snapshot, "host.kernel", "6.5.0")


def other_torch(snapshot: Snapshot) -> Snapshot:
    """Another wheel in its environment."""
    return changed(
        snapshot, "python.torch.version", "2.8.0+cu128", "python.distributions[0].version", "2.8.0+cu128"
    )


def variable_set(snapshot: Snapshot) -> Snapshot:
    """A variable that the others have not."""
    return replace(snapshot, env=(*(snapshot.env or ()), EnvVar(name="NCCL_P2P_DISABLE", value="1")))


SPOILS = {
    other_driver: "driver",
    lost_gpu: f"number of {H100[0]}",
    ecc_off: "ECC",
    other_kernel: "kernel",
    other_torch: "torch",
    variable_set: "variable NCCL_P2P_DISABLE",
}
"""Ways to be odd, and what the weightiest fact of each is called."""
