"""The machines of a request: what a Snapshot shows, or what a person typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from envkit.compat import Compat, GpuModel, Platform, find_gpu, parse_arch, parse_cc, version_key
from envkit.core.errors import UsageError
from envkit.facts.gpu_model import Gpu, PciGpu
from envkit.facts.model import Snapshot
from envkit.facts.numbers import readable
from envkit.resolve.request import Host, TargetGpu

_MACHINES: dict[str, Platform] = {
    "x86_64": "linux-x86_64",
    "amd64": "linux-x86_64",
    "x64": "linux-x86_64",
    "aarch64": "linux-aarch64",
    "arm64": "linux-aarch64",
}
_MAC: dict[str, Platform] = {
    "arm64": "macos-arm64",
    "aarch64": "macos-arm64",
    "x86_64": "macos-x86_64",
}
_MUSL = "musl"


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedTarget:
    """What the `--target-*` flags said; None = not said."""

    driver: str | None = None
    gpus: Sequence[str] = ()
    arch: str | None = None
    glibc: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything was said."""
        return bool(self.driver or self.gpus or self.arch or self.glibc)


def typed_host(typed: TypedTarget, here: Host, compat: Compat) -> Host:
    """The host that a person described; what was not said is not known, apart from the architecture.

    Raises UsageError for a driver, GPU, architecture or glibc that is none.
    """
    models = [model for text in typed.gpus for model in find_gpu(compat, text)[:1]]
    platform = _platform(typed.arch) if typed.arch is not None else _implied(typed, models, here)
    if typed.driver is not None and not _is_version(typed.driver):
        raise UsageError(f"{typed.driver!r} is no driver version", todo="give one like 550 or 550.54.15")
    libc = "musl" if typed.glibc == _MUSL else "glibc"
    if typed.glibc is not None and libc == "glibc" and not re.fullmatch(r"\d+\.\d+(\.\d+)?", typed.glibc):
        raise UsageError(f"{typed.glibc!r} is no glibc version", todo="give one like 2.31, or musl")
    return Host(
        platform=platform,
        driver=typed.driver,
        gpus=tuple(typed_gpu(text, compat) for text in typed.gpus) or None,
        libc=libc,  # type: ignore[arg-type]
        glibc=None if libc == "musl" else typed.glibc,
    )


_ON_ARM = ("Superchip", "Jetson", "Integrated")
"""Forms of an NVIDIA GPU that is one board with an Arm processor."""


def _implied(typed: TypedTarget, models: Sequence[GpuModel], here: Host) -> Platform:
    """The platform of a target whose architecture was not said: that of its GPUs, else the one at hand."""
    if models and all(model.vendor == "nvidia" and model.form_factor in _ON_ARM for model in models):
        return "linux-aarch64"
    if here.platform.startswith("macos") and (typed.driver or typed.gpus):
        return "linux-x86_64"  # no Mac has an NVIDIA driver
    return here.platform


def contained(host: Host) -> Host:
    """A machine as an image sees it that runs on it: always Linux, on Windows by WSL."""
    if host.platform == "windows":
        return replace(host, platform="linux-x86_64", wsl=True)
    if host.platform.startswith("macos"):
        arm = host.platform == "macos-arm64"
        return replace(host, platform="linux-aarch64" if arm else "linux-x86_64", gpus=())
    return host


def _is_version(text: str) -> bool:
    return re.fullmatch(r"[rR]?\d{3,}(\.\d+)*", text) is not None and bool(version_key(text))


def _platform(arch: str) -> Platform:
    if arch.lower() not in _MACHINES:
        raise UsageError(f"{arch!r} is no architecture", todo="give x86_64 or aarch64 (arm64)")
    return _MACHINES[arch.lower()]


def typed_gpu(text: str, compat: Compat) -> TargetGpu:
    """A GPU as people type it: `a100`, `rtx4090`, an NVML name, `8.0`, `sm_80`.

    Raises UsageError when the name is not known or means GPUs of different capabilities.
    """
    text = text.strip()
    bare = re.fullmatch(r"(?:cc\s*)?(\d{1,2}\.\d)", text)
    arch = parse_arch(text)
    if bare or arch:
        cc = ".".join(map(str, parse_cc(bare[1]) if bare else arch.cc))  # type: ignore[union-attr]
        return TargetGpu(name=f"compute capability {cc}", cc=cc)
    models = find_gpu(compat, text)
    if not models:
        raise UsageError(
            f"{text!r} is no GPU that envkit knows",
            todo="give its compute capability instead, as --target-gpu 8.6 "
            "(nvidia-smi --query-gpu=compute_cap --format=csv prints it)",
        )
    kinds = {(model.cc, model.vendor) for model in models}
    if len(kinds) > 1:
        names = ", ".join(f"{model.name} ({model.cc or model.gfx})" for model in models)
        raise UsageError(f"{text!r} can mean several GPUs: {names}", todo="give the whole name")
    return _of_model(models[0], models[0].name)


def _of_model(model: GpuModel, name: str) -> TargetGpu:
    return TargetGpu(name=name, cc=model.cc, vendor=model.vendor)


def snapshot_host(snapshot: Snapshot, compat: Compat) -> Host:
    """The machine of a Snapshot. What was not read is not known, never absent."""
    snapshot = readable(snapshot)
    host = snapshot.host
    nvml, driver = snapshot.nvml, snapshot.driver
    versions = (nvml.driver_version if nvml else None, driver.module_version if driver else None)
    libc = host.libc if host is not None else None
    return Host(
        platform=_snapshot_platform(snapshot),
        # Jetson Linux 35 calls its driver 35.4.1, which is of no branch.
        driver=next((text for text in versions if text and re.match(r"[rR]?\d{3}", text)), None),
        gpus=_gpus(snapshot, compat),
        libc="musl" if libc == "musl" else "glibc",
        glibc=host.libc_version if host is not None and libc != "musl" else None,
        wsl=host is not None and host.wsl is not None,
        board=host.board if host is not None else None,
    )


def _snapshot_platform(snapshot: Snapshot) -> Platform:
    host = snapshot.host
    machine = (host.machine if host is not None else None) or "x86_64"
    system = ((host.system if host is not None else None) or "Linux").lower()
    if system.startswith("darwin"):
        return _MAC.get(machine.lower(), "macos-arm64")
    if system.startswith("win"):
        return "windows"
    return _MACHINES.get(machine.lower(), "linux-x86_64")


def _gpus(snapshot: Snapshot, compat: Compat) -> tuple[TargetGpu, ...] | None:
    nvml = snapshot.nvml
    if nvml is not None and nvml.gpus:
        return _distinct(_of_nvml(gpu, compat) for gpu in nvml.gpus)
    # What is bound to vfio-pci belongs to a virtual machine.
    ours = [device for device in snapshot.pci or () if device.driver != "vfio-pci"]
    on_bus = [device for device in ours if device.vendor in ("nvidia", "amd")]
    if on_bus:
        return _distinct(_of_pci(device, compat) for device in on_bus if _computes(device, on_bus))
    board = snapshot.host.board if snapshot.host is not None else None
    if board and "jetson" in board.lower():
        return (TargetGpu(name=board, cc=_board_cc(board, compat)),)
    return () if _surely_none(snapshot) else None


def _surely_none(snapshot: Snapshot) -> bool:
    """Whether nothing that could show an NVIDIA GPU was left unread."""
    nvml, host = snapshot.nvml, snapshot.host
    if nvml is not None and nvml.state in ("no-permission", "unknown-error", "hung", "failed"):
        return False  # NVIDIA's library is here and could not say
    if host is not None and host.wsl is not None:  # its GPU is Windows' and on no bus that Linux sees
        return nvml is not None and nvml.state in ("no-library", "no-devices")
    return snapshot.pci is not None or _snapshot_platform(snapshot).startswith("macos")


def _computes(device: PciGpu, on_bus: Sequence[PciGpu]) -> bool:
    """An AMD chip beside an NVIDIA GPU is mostly the one in the processor."""
    return device.vendor == "nvidia" or all(each.vendor != "nvidia" for each in on_bus)


def _of_nvml(gpu: Gpu, compat: Compat) -> TargetGpu:
    name = gpu.name or f"GPU {gpu.index}"
    if gpu.compute_capability is not None:
        return TargetGpu(name=name, cc=gpu.compute_capability)
    return TargetGpu(name=name, cc=_cc(name, compat))


def _of_pci(device: PciGpu, compat: Compat) -> TargetGpu:
    name = device.name or f"{device.vendor.upper()} device {device.device_id}"
    if device.vendor == "nvidia":
        return TargetGpu(name=name, cc=_cc(name, compat))
    return TargetGpu(name=name, cc=None, vendor="amd")


def _board_cc(board: str, compat: Compat) -> str | None:
    """Of the GPU on a board; its name goes on after the module's: `NVIDIA Jetson AGX Orin Developer Kit`."""
    words = board.split()
    found = (_cc(" ".join(words[:count]), compat) for count in range(len(words), 0, -1))
    return next((cc for cc in found if cc is not None), None)


def _cc(name: str, compat: Compat) -> str | None:
    ccs = {model.cc for model in find_gpu(compat, name)}
    return ccs.pop() if len(ccs) == 1 else None


def _distinct(gpus: object) -> tuple[TargetGpu, ...]:
    return tuple(dict.fromkeys(gpus))  # type: ignore[call-overload]
