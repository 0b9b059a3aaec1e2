"""What a snapshot says that decides between the causes of a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from envkit.facts.model import Snapshot
from envkit.match.hints import Machine

_FOREIGN = frozenset({"windows", "macos"})
"""Hints of a text that was written on a machine of which envkit takes no snapshot."""


def with_snapshot(machine: Machine, snapshot: Snapshot | None) -> Machine:
    """The machine of the text, completed by the snapshot; the text's own words come first."""
    if snapshot is None or machine.hints & _FOREIGN:
        return machine
    torch = snapshot.python.torch if snapshot.python is not None else None
    return replace(
        machine,
        ccs=machine.ccs or _ccs(snapshot),
        archs=machine.archs or (torch.archs if torch is not None and torch.archs else ()),
        cuda=machine.cuda or (torch.cuda if torch is not None and torch.cuda else None),
        driver=machine.driver or _driver_version(snapshot),
        platform="windows" if snapshot.host is not None and snapshot.host.wsl else machine.platform,
        hints=machine.hints.union(_host(snapshot), _driver(snapshot), _build(snapshot), _around(snapshot)),
    )


def _ccs(snapshot: Snapshot) -> tuple[str, ...]:
    gpus = snapshot.nvml.gpus if snapshot.nvml is not None else None
    return tuple(gpu.compute_capability for gpu in gpus or () if gpu.compute_capability is not None)


def _driver_version(snapshot: Snapshot) -> str | None:
    nvml, driver = snapshot.nvml, snapshot.driver
    if nvml is not None and nvml.driver_version:
        return nvml.driver_version
    return driver.module_version if driver is not None else None


def _host(snapshot: Snapshot) -> Iterator[str]:
    host = snapshot.host
    if host is None:
        return
    if host.wsl is not None:
        yield "wsl"
    elif host.container in ("docker", "podman", "kubernetes", "lxc", "apptainer", "other"):
        yield "in-container"
    elif host.container is None and host.container_read:
        yield "not-in-container"
    if host.system == "Linux" and host.wsl is None:
        yield "linux-sure"
    if host.hosted_notebook is not None:
        yield "colab"
    if host.machine in ("aarch64", "arm64"):
        yield "arm"
    if host.secure_boot is not None:
        yield "secure-boot-on" if host.secure_boot else "secure-boot-off"
    if host.reboot_required:
        yield "reboot-required"


def _driver(snapshot: Snapshot) -> Iterator[str]:
    driver, nvml = snapshot.driver, snapshot.nvml
    if driver is not None:
        if driver.loaded:
            yield "module-loaded"
        elif driver.module_files:
            yield "module-built"
        elif driver.module_files == ():
            yield "module-not-built"
        if driver.modules and {"nouveau", "nova_core"} & set(driver.modules) and not driver.loaded:
            yield "nouveau-bound"
        paths = None if driver.nodes is None else {node.path for node in driver.nodes}
        if paths is not None and not any(
            path.startswith("/dev/nvidia") and path[-1].isdigit() for path in paths
        ):
            yield "no-nodes"
        elif paths is not None and "/dev/nvidia-uvm" not in paths:
            yield "no-uvm"
    if nvml is not None and nvml.state == "ok" and nvml.gpus:
        yield "driver-works"
        if any(gpu.mig_mode for gpu in nvml.gpus):
            yield "mig"
    if snapshot.xids:
        yield "xid"


def _build(snapshot: Snapshot) -> Iterator[str]:
    python = snapshot.python
    if python is None:
        return
    if python.torch is not None and python.torch.cuda is not None:
        yield "cuda-build" if python.torch.cuda else "cpu-build"
    if python.torch is not None and python.torch.hip:
        yield "amd"
    if python.kind == "conda":
        yield "conda"


def _around(snapshot: Snapshot) -> Iterator[str]:
    scheduler, containers = snapshot.scheduler, snapshot.containers
    if scheduler is not None and scheduler.gpus == ():
        yield "job-without-gpu"
    mask = next((var.value for var in snapshot.env or () if var.name == "CUDA_VISIBLE_DEVICES"), None)
    if mask is not None:
        yield "mask-hides" if mask.strip() in ("", "-1") else "mask-set"
    if containers is not None and containers.docker is not None and containers.docker.snap:
        yield "snap-docker"
    if containers is not None and containers.selinux == "enforcing":
        yield "selinux"
