"""Questions that several rules ask of a Snapshot, answered once.

Every function returns None where the snapshot does not hold the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.version import Version

from envkit.doctor.outcome import Outcome, not_applicable, unknown
from envkit.facts.gpu_model import Gpu, Library, NvidiaDriver, PciGpu
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution, TargetPython

_RESERVED = frozenset({"vfio-pci", "pci-stub", "xen-pciback"})
"""Kernel drivers that keep a device for a virtual machine, on purpose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """An installed framework that was built for CUDA or for the CPU."""

    name: str
    """`torch`, `tensorflow`, `jax`."""
    version: str
    cuda: str | None
    """`13.0`; an empty string for a CPU build; None when not known."""
    archs: tuple[str, ...] | None
    source: str


def in_part(snapshot: Snapshot, probe: str) -> bool:
    """Whether a probe's facts are there and not whole, as those of a pasted report."""
    return any(status.name == probe and status.state != "ok" for status in snapshot.probes)


def because(snapshot: Snapshot, *probes: str) -> str:
    """Why the facts of these probes are missing, for an `unknown`."""
    for status in snapshot.probes:
        if status.name in probes and status.state != "ok":
            return status.detail or f"the {status.name} probe: {status.state}"
    nvml = snapshot.nvml
    if "nvml" in probes and nvml is not None:
        silent = [f"{gpu_label(gpu)}: {gpu.error or gpu.state}" for gpu in unanswering(snapshot)]
        if silent or nvml.state != "ok":
            return "; ".join(silent[:4]) or f"NVML: {nvml.detail or nvml.state}"
    return f"the snapshot does not hold {' or '.join(probes)} facts"


def nvidia_pci(snapshot: Snapshot) -> tuple[PciGpu, ...] | None:
    """NVIDIA GPUs on the bus that are this system's to use (not kept for a virtual machine)."""
    if snapshot.pci is None:
        return None
    return tuple(
        device for device in snapshot.pci if device.vendor == "nvidia" and device.driver not in _RESERVED
    )


def kept_for_guests(snapshot: Snapshot) -> bool:
    """Whether there are NVIDIA GPUs on the bus, and all are kept for virtual machines."""
    return any(device.vendor == "nvidia" for device in snapshot.pci or ()) and nvidia_pci(snapshot) == ()


def gpus(snapshot: Snapshot) -> tuple[Gpu, ...]:
    """GPUs that NVML lists and that answer."""
    if snapshot.nvml is None or snapshot.nvml.gpus is None:
        return ()
    return tuple(gpu for gpu in snapshot.nvml.gpus if gpu.state == "ok")


def unanswering(snapshot: Snapshot) -> tuple[Gpu, ...]:
    """GPUs that NVML lists and that could not be read: neither well nor known to be lost."""
    found = snapshot.nvml.gpus if snapshot.nvml is not None else None
    return tuple(gpu for gpu in found or () if gpu.state == "error")


def has_nvidia(snapshot: Snapshot) -> bool | None:
    """Whether this machine has an NVIDIA GPU; None when nothing that could tell was read."""
    nvml = snapshot.nvml
    if nvml is not None and (nvml.gpus or nvml.state in ("gpu-lost", "version-mismatch")):
        return True
    driver = snapshot.driver
    if nvidia_pci(snapshot) or is_jetson(snapshot) or (driver is not None and driver.proc_gpus):
        return True
    # NVIDIA's library is here and could not say: that is not "no GPU".
    if nvml is not None and nvml.state in ("no-permission", "unknown-error", "hung", "failed"):
        return None
    if system(snapshot) == "Darwin":
        return False  # no driver for macOS since 10.13
    # WSL's GPU is Windows' and on no bus that Linux sees.
    if snapshot.pci is not None and not is_wsl(snapshot):
        return False
    return False if nvml is not None and nvml.state in ("no-library", "no-devices") else None


def usable_nvidia(snapshot: Snapshot) -> bool:
    """Whether NVML answers for at least one GPU."""
    return bool(gpus(snapshot))


def withheld(snapshot: Snapshot) -> str | None:
    """Why the GPUs of this machine are not this process's to use; None where nothing says so."""
    if usable_nvidia(snapshot):
        return None
    if snapshot.scheduler is not None and snapshot.scheduler.gpus == ():
        return "the scheduler gave this job no GPU"
    driver = snapshot.driver
    if not in_container(snapshot) or is_wsl(snapshot) or is_jetson(snapshot):
        return None
    if driver is None or driver.nodes is None or gpu_nodes(driver):
        return None
    return "this container was given no GPU"


def without_nvidia(snapshot: Snapshot) -> Outcome | None:
    """Why a question about a GPU of this process cannot be asked; None when it can."""
    present = has_nvidia(snapshot)
    if present is None:
        why = because(snapshot, "pci", "nvml")
        return unknown(f"whether there is an NVIDIA GPU could not be read: {why}")
    if not present:
        return not_applicable("no NVIDIA GPU on this machine")
    reason = withheld(snapshot)
    return None if reason is None else not_applicable(reason)


def gpu_nodes(driver: NvidiaDriver) -> tuple[str, ...]:
    """/dev/nvidia0 and so on."""
    return tuple(node.path for node in driver.nodes or () if re.fullmatch(r"/dev/nvidia\d+", node.path))


def driver_version(snapshot: Snapshot) -> tuple[str, str] | None:
    """The version of the driver in force and where it was read.

    None too where the number is not one of NVIDIA's driver branches: Jetson Linux 35 calls its driver 35.4.1.
    """
    nvml, driver = snapshot.nvml, snapshot.driver
    for found, source in (
        (nvml.driver_version if nvml is not None else None, "nvmlSystemGetDriverVersion"),
        (driver.module_version if driver is not None else None, "/proc/driver/nvidia/version"),
    ):
        if found and re.match(r"[rR]?\d{3}", found):
            return found, source
    return None


def forward_compat(snapshot: Snapshot) -> Library | None:
    """The forward-compatibility libcuda that programs load in place of the driver's own."""
    return next(
        (
            library
            for library in snapshot.libraries or ()
            if library.family == "cuda" and library.order == 0 and "/compat" in library.path
        ),
        None,
    )


def is_consumer(gpu: Gpu) -> bool:
    """A GPU on which forward compatibility does not work."""
    return re.search(r"geforce|titan", gpu.name or "", re.IGNORECASE) is not None


def is_mobile(gpu: Gpu) -> bool:
    """A laptop's GPU, whose lanes and power its maker has decided on."""
    return re.search(r"laptop|mobile|max-q|\bMX\d", gpu.name or "", re.IGNORECASE) is not None


def in_container(snapshot: Snapshot) -> bool | None:
    """Whether envkit looks from inside a container (WSL and hosted notebooks are not meant)."""
    if snapshot.host is None or (snapshot.host.container is None and not snapshot.host.container_read):
        return None
    return snapshot.host.container in ("docker", "podman", "kubernetes", "lxc", "apptainer", "other")


def is_wsl(snapshot: Snapshot) -> bool:
    """Whether this is a WSL distribution."""
    return snapshot.host is not None and snapshot.host.wsl is not None


def is_jetson(snapshot: Snapshot) -> bool:
    """Whether this is a Jetson, whose GPU is not on the PCI bus."""
    host = snapshot.host
    return host is not None and (host.l4t is not None or "jetson" in (host.board or "").lower())


def env(snapshot: Snapshot, name: str) -> str | None:
    """An environment variable; None when unset or not read."""
    return next((var.value for var in snapshot.env or () if var.name == name), None)


def distributions(snapshot: Snapshot, name: str) -> tuple[Distribution, ...]:
    """Every usable copy of a distribution in the target Python, in sys.path order."""
    if snapshot.python is None or snapshot.python.distributions is None:
        return ()
    return tuple(d for d in snapshot.python.distributions if d.name == name and not d.broken)


def distribution(snapshot: Snapshot, name: str) -> Distribution | None:
    """The copy of a distribution that the target Python imports."""
    return next(iter(distributions(snapshot, name)), None)


def wants_gpu(snapshot: Snapshot) -> bool | None:
    """Whether a framework here is built for a GPU; None where none is installed or it was not read."""
    found = tuple(builds(snapshot))
    if any(build.cuda for build in found):
        return True
    return None if not found or any(build.cuda is None for build in found) else False


def packages_read(snapshot: Snapshot) -> bool:
    """Whether the target Python's packages were listed."""
    return snapshot.python is not None and snapshot.python.distributions is not None


def target(snapshot: Snapshot) -> Outcome | TargetPython:
    """The target Python with its packages, or why they were not read."""
    if snapshot.python is None or snapshot.python.distributions is None:
        return unknown(because(snapshot, "python"))
    return snapshot.python


def builds(snapshot: Snapshot) -> Iterator[Build]:
    """The frameworks of the target Python."""
    python = snapshot.python
    if python is None:
        return
    if python.torch is not None and not python.torch.hip:
        facts = python.torch
        source = f"{facts.path}/version.py"
        yield Build(name="torch", version=facts.version, cuda=facts.cuda, archs=facts.archs, source=source)
    if python.tensorflow is not None and not python.tensorflow.is_rocm:
        tf = python.tensorflow
        cuda = "" if tf.is_cuda is False else tf.cuda
        source = f"{tf.path}/python/platform/build_info.py"
        yield Build(name="tensorflow", version=tf.version, cuda=cuda, archs=tf.archs, source=source)
    for major in ("13", "12"):
        plugin = distribution(snapshot, f"jax-cuda{major}-plugin")
        if plugin is not None:
            where = f"jax-cuda{major}-plugin {plugin.version}"
            yield Build(name="jax", version=plugin.version, cuda=f"{major}.0", archs=None, source=where)
            return


def version(text: str | None) -> Version | None:
    """A PEP 440 version, or None when it is none."""
    try:
        return None if text is None else Version(text)
    except ValueError:  # InvalidVersion is one; another is for numbers of thousands of digits
        return None


def whole(text: str | None) -> int | None:
    """The number that a text is, of at most nine digits; None where it is none."""
    return int(text) if text is not None and re.fullmatch("[0-9]{1,9}", text) else None


def public(text: str) -> str:
    """A version without its local part: `2.13.0+cu130` -> `2.13.0`."""
    return text.partition("+")[0]


def capability(gpu: Gpu) -> str | None:
    """`8.6`; None where the driver says none, or nonsense."""
    return (
        gpu.compute_capability if re.fullmatch(r"[0-9]{1,2}\.[0-9]", gpu.compute_capability or "") else None
    )


def gpu_label(gpu: Gpu) -> str:
    """`GPU 0 (NVIDIA H100 80GB HBM3)`."""
    return f"GPU {gpu.index} ({gpu.name})" if gpu.name else f"GPU {gpu.index}"


def python_minor(snapshot: Snapshot) -> str | None:
    """`3.12` of the target Python; `3.14t` of a free-threaded one, whose wheels are its own."""
    python = snapshot.python
    match = re.match(r"\d+\.\d+", (python.version if python is not None else None) or "")
    if python is None or match is None:
        return None
    return match[0] + ("t" if python.free_threaded else "")


def platform(snapshot: Snapshot) -> str:
    """`linux-x86_64`, `linux-aarch64`, `windows`, `macos-arm64`, as the compatibility tables name it."""
    machine = snapshot.host.machine if snapshot.host is not None else None
    arm = machine in ("aarch64", "arm64")
    if system(snapshot) == "Windows":
        return "windows"
    if system(snapshot) == "Darwin":
        return "macos-x86_64" if machine == "x86_64" else "macos-arm64"
    return "linux-aarch64" if arm else "linux-x86_64"


def system(snapshot: Snapshot) -> str:
    """`Linux` unless something says `Windows`, `Darwin` or another; WSL is Linux."""
    return (snapshot.host.system if snapshot.host is not None else None) or "Linux"
