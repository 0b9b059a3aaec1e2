"""The NVIDIA driver as the kernel and the file system show it. NVML and nvidia-smi are not asked here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Literal

from envkit.core.machine import Machine
from envkit.facts.gpu_model import DeviceNode, NvidiaDriver
from envkit.facts.probe import Probe
from envkit.facts.probes import dpkg, driver_library, driver_modules, pci
from envkit.facts.programs import which

_MODULES = (
    "nvidia",
    "nvidia_uvm",
    "nvidia_modeset",
    "nvidia_drm",
    "nvidia_peermem",
    "nouveau",
    "nova_core",
    "nova",
    "vfio_pci",
)
_NODE = re.compile(r"nvidia(?:\d+|ctl|-uvm|-uvm-tools|-modeset|-nvswitch(?:ctl|\d+)|-nvlink)|dxg")
_VERSION = re.compile(r"Kernel Module(?: for \S{1,40})? +(\d{2,4}\.\d{1,4}(?:\.\d{1,4})?)\b")

_PACKAGES = (
    "nvidia-",
    "libnvidia-",
    "cuda-drivers",
    "xserver-xorg-video-nvidia",
    "linux-modules-nvidia",
    "linux-objects-nvidia",
)
_NOT_DRIVER = (
    "nvidia-container",
    "libnvidia-container",
    "nvidia-docker",
    "nvidia-cuda-",
    "nvidia-cudnn",
    "nvidia-nsight",
    "nvidia-profiler",
    "nvidia-visual-profiler",
    "nvidia-openjdk",
)
"""Packages of the same prefixes that are not the driver: the container toolkit, CUDA and its tools."""

_COMM = 15
"""Characters that the kernel keeps of a process's name (TASK_COMM_LEN is 16, with its end)."""
_FABRIC_MANAGER = "nv-fabricmanager"
_PERSISTENCED = "nvidia-persistenced"
_PROGRAMS = ("nvidia-smi",)


def read(machine: Machine) -> NvidiaDriver:
    """Everything but NVML, in the order in which a driver comes up."""
    text = machine.read("/proc/driver/nvidia/version", 1 << 14)
    version, is_open = parse_version(text or "")
    version = version or machine.line("/sys/module/nvidia/version") or None
    modules = _loaded_modules(machine)
    loaded = True if text is not None or version else (None if modules is None else "nvidia" in modules)
    files, kernels = driver_modules.module_files(machine)
    ml_path, ml_version = driver_library.find(machine, "libnvidia-ml.so.1")
    cuda_path, cuda_version = driver_library.find(machine, "libcuda.so.1")
    packages = dpkg.installed(machine, _PACKAGES)
    names = _processes(machine) if loaded else None
    smi = which(machine, _PROGRAMS)
    proc_gpus = machine.ls("/proc/driver/nvidia/gpus")
    return NvidiaDriver(
        module_version=version,
        loaded=loaded,
        open_module=is_open,
        modules=modules,
        module_files=files,
        module_file_kernels=kernels,
        dkms=driver_modules.dkms(machine),
        headers=driver_modules.headers(machine),
        library_version=ml_version,
        library_path=ml_path,
        libcuda_version=cuda_version,
        libcuda_path=cuda_path,
        blacklisted=driver_modules.blacklisted(machine),
        nodes=_nodes(machine),
        nvswitches=pci.nvswitches(machine),
        fabric_manager=_fabric_manager(machine, names),
        fabric_manager_version=_fabric_manager_version(packages),
        persistenced=None if names is None else _PERSISTENCED[:_COMM] in names,
        packages=_driver_packages(packages),
        smi_path=None if smi is None else smi.get("nvidia-smi"),
        proc_gpus=None if proc_gpus is None else len(proc_gpus),
    )


def parse_version(text: str) -> tuple[str | None, bool | None]:
    """Version of /proc/driver/nvidia/version, and whether it is the open flavour; else (None, None).

    `NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 ...`
    `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (...)`
    """
    line = next((line for line in text.splitlines() if line.startswith("NVRM version:")), "")[:1000]
    found = _VERSION.search(line)
    return (found[1], "Open Kernel Module" in line) if found else (None, None)


def _loaded_modules(machine: Machine) -> tuple[str, ...] | None:
    """Those of /proc/modules, and those built in: they show in /sys/module only."""
    text = machine.read("/proc/modules")
    built_in_too = machine.ls("/sys/module")
    if text is None and built_in_too is None:
        return None
    there = {line.partition(" ")[0] for line in (text or "").splitlines()} | set(built_in_too or ())
    return tuple(name for name in _MODULES if name in there)


def _nodes(machine: Machine) -> tuple[DeviceNode, ...] | None:
    names = machine.ls("/dev")
    if names is None:
        return None
    nodes = [
        DeviceNode(path=f"/dev/{name}", accessible=machine.may(f"/dev/{name}", os.R_OK | os.W_OK))
        for name in sorted(names, key=_natural)
        if _NODE.fullmatch(name)
    ]
    # capabilities are opened for reading only
    nodes += [
        DeviceNode(
            path=f"/dev/nvidia-caps/{name}", accessible=machine.may(f"/dev/nvidia-caps/{name}", os.R_OK)
        )
        for name in sorted(machine.ls("/dev/nvidia-caps") or (), key=_natural)
    ]
    return tuple(nodes)


def _natural(name: str) -> tuple[str, int]:
    """nvidia2 before nvidia10."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or -1)


def _processes(machine: Machine) -> frozenset[str] | None:
    """Names of the processes of the whole machine; None when only some can be seen.

    The host's PID namespace is the one in which process 2 is kthreadd.
    """
    if machine.line("/proc/2/comm") != "kthreadd":
        return None
    return frozenset(_comms(machine))


def _comms(machine: Machine) -> Iterator[str]:
    for name in machine.ls("/proc") or ():
        if name.isdigit() and (comm := machine.line(f"/proc/{name}/comm")):
            yield comm


def _fabric_manager(
    machine: Machine, names: frozenset[str] | None
) -> Literal["running", "stopped", "absent"] | None:
    if names is None:
        return None
    if _FABRIC_MANAGER[:_COMM] in names:
        return "running"
    return "stopped" if machine.exists(f"/usr/bin/{_FABRIC_MANAGER}") else "absent"


def _fabric_manager_version(packages: dict[str, str] | None) -> str | None:
    for name, version in (packages or {}).items():
        if name.startswith("nvidia-fabricmanager") and "-dev" not in name:
            return dpkg.upstream(version)
    return None


def _driver_packages(packages: dict[str, str] | None) -> tuple[str, ...] | None:
    if packages is None:
        return None
    return tuple(
        f"{name}={version}" for name, version in packages.items() if not name.startswith(_NOT_DRIVER)
    )


PROBE = Probe(name="driver", field="driver", limit=2.0, read=read, programs=_PROGRAMS)
