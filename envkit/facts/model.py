"""The Snapshot: everything that doctor judges, as one plain value.

In every field `None` means "not read" and an empty tuple means "read, and there is none". Sizes are bytes,
times are seconds, temperatures are degrees Celsius, powers are watts and clocks are MHz unless a docstring
says otherwise. The groups live beside this file: `host_model` (host, CPU, memory, storage), `gpu_model`
(driver, devices), `python_model` (the target Python and its packages), `container_model`, `network_model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.facts.container_model import Containers
from envkit.facts.gpu_model import Amd, CudaOnMachine, KernelNote, Library, NvidiaDriver, Nvml, PciGpu, Xid
from envkit.facts.host_model import Cpu, Host, Limits, Memory, Processes, Scheduler, Storage
from envkit.facts.network_model import Network
from envkit.facts.python_model import DeepCheck, TargetPython

SCHEMA = "envkit.snapshot/1"

CONTRADICTION = "contradiction: "
"""Starts, in a probe's detail, what several sources said differently; `; ` stands between two of them."""

ProbeState = Literal["ok", "failed", "timeout", "denied", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeStatus:
    """How one probe ended: a rule's "unknown, because"."""

    name: str
    state: ProbeState
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvVar:
    """An environment variable of the allow-list, secrets removed."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One machine at one moment."""

    schema: str = SCHEMA
    envkit: str = ""
    """Version of envkit that took it."""
    taken: str | None = None
    """ISO 8601, UTC."""
    over: Literal["ssh"] | None = None
    """How the machine was reached; None = envkit ran on it. Over ssh, environment variables and PATH are
    those of a log-in without a terminal."""
    probes: tuple[ProbeStatus, ...] = ()
    host: Host | None = None
    scheduler: Scheduler | None = None
    cpu: Cpu | None = None
    memory: Memory | None = None
    limits: Limits | None = None
    processes: Processes | None = None
    storage: tuple[Storage, ...] | None = None
    pci: tuple[PciGpu, ...] | None = None
    """Display and accelerator controllers on the PCI bus, of any vendor."""
    driver: NvidiaDriver | None = None
    """What the NVIDIA driver is without asking NVML."""
    nvml: Nvml | None = None
    xids: tuple[Xid, ...] | None = None
    """NVIDIA driver errors in the kernel log, oldest first; None when the log may not be read."""
    kernel_notes: tuple[KernelNote, ...] | None = None
    """What else the kernel log says of GPUs and their modules, oldest first."""
    cuda: CudaOnMachine | None = None
    libraries: tuple[Library, ...] | None = None
    """CUDA libraries that the target Python's loader can find, in the loader's order."""
    python: TargetPython | None = None
    deep: tuple[DeepCheck, ...] | None = None
    """Set with --deep only."""
    containers: Containers | None = None
    amd: Amd | None = None
    network: Network | None = None
    env: tuple[EnvVar, ...] | None = None
