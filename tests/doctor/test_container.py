"""Containers: from the host, and from inside."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import container
from envkit.facts.container_model import Docker
from envkit.facts.gpu_model import DeviceNode, Nvml
from tests.doctor.build import cpu_python
from tests.doctor.cases import CONTAINER, LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.machines import healthy_ci, healthy_cpu_job, healthy_jetson, healthy_pod, healthy_wsl
from tests.doctor.parts import nodes

CPU = cpu_python(WORKSTATION.python)
DENIED = changed(
    WORKSTATION, "containers.docker", Docker(state="denied", detail="permission denied on the socket")
)
STOPPED = changed(WORKSTATION, "containers.docker", Docker(state="not-running"))
NO_CDI = changed(WORKSTATION, "containers.cdi", ())
PLAIN = ("io.containerd.runc.v2", "runc")
NO_RUNTIME = changed(NO_CDI, "containers.docker.runtimes", PLAIN)
STALE = changed(WORKSTATION, "containers.cdi[0].driver_version", "550.54.14")
JETSON_CONTAINER = changed(healthy_jetson(), "host.container", "docker", "driver.nodes", ())
CLOSED = (*nodes("nvidiactl", "nvidia-uvm"), DeviceNode(path="/dev/nvidia0", accessible=False))
ENFORCING = changed(CONTAINER, "containers.selinux", "enforcing")
NO_GPU = changed(CONTAINER, "driver.nodes", (), "nvml", Nvml(state="no-library"))
NO_CUDA = changed(CONTAINER, "driver.libcuda_path", "")
LOST = Nvml(state="unknown-error", detail="Unknown Error")
TOOLKIT, MISCONFIG, SNAP = (
    container.container_toolkit_missing,
    container.container_toolkit_misconfig,
    container.docker_snap_confinement,
)
NO_FLAG, CAPABILITIES = container.container_no_gpus_flag, container.container_driver_capabilities
SELINUX, RELOAD = container.container_selinux, container.container_cgroup_reload


def on_the_host(rule):
    """What the rules on the engine have in common."""
    return (
        apart(rule, "inside a container", CONTAINER, "inside"),
        apart(rule, "no GPU", LAPTOP, "no NVIDIA GPU"),
        apart(rule, "no engine", STOPPED, "not-running"),
        apart(rule, "a job without GPU", healthy_cpu_job()),
        unsure(rule, "not read", unread(WORKSTATION, "containers")),
        unsure(rule, "the engine refuses", DENIED, "permission denied on the socket"),
        unsure(rule, "no GPU facts", changed(unread(WORKSTATION, "pci"), "nvml", None, "driver", None)),
    )


def inside(rule):
    """What the rules inside a container have in common."""
    return (
        apart(rule, "not in a container", WORKSTATION, "not inside"),
        apart(rule, "the host has no driver", changed(CONTAINER, "driver.loaded", False)),
        apart(rule, "Jetson", JETSON_CONTAINER, "Jetson"),
        unsure(rule, "the host was not read", unread(CONTAINER, "host")),
        unsure(rule, "the driver was not read", unread(CONTAINER, "driver")),
        unsure(rule, "nodes were not read", unread(CONTAINER, "driver.nodes")),
    )


CASES = (
    # container-toolkit-missing
    flip(
        TOOLKIT,
        NO_CDI,
        "containers.toolkit.installed",
        False,
        "containers.docker.runtimes",
        PLAIN,
        severity="warning",
        says=("not installed",),
        fix=("apt install nvidia-container-toolkit",),
        because="an engine that knows the NVIDIA runtime has it from somewhere",
    ),
    ill(
        TOOLKIT,
        "Fedora",
        changed(NO_RUNTIME, "containers.toolkit.installed", False, "host.os_id", "fedora"),
        severity="warning",
        fix=("dnf install nvidia-container-toolkit",),
    ),
    fine(TOOLKIT, "installed", WORKSTATION),
    fine(TOOLKIT, "Docker Desktop brings its own", healthy_wsl()),
    *on_the_host(TOOLKIT),
    unsure(TOOLKIT, "the toolkit was not looked for", unread(WORKSTATION, "containers.toolkit")),
    # container-toolkit-misconfig
    flip(
        MISCONFIG,
        NO_CDI,
        "containers.docker.runtimes",
        PLAIN,
        severity="warning",
        says=("neither its runtime nor a CDI",),
        fix=("nvidia-ctk runtime configure",),
    ),
    ill(
        MISCONFIG,
        "daemon.json",
        changed(WORKSTATION, "containers.daemon_json_error", "not JSON: line 3"),
        "line 3",
        severity="warning",
        fix=("json.tool",),
    ),
    ill(
        MISCONFIG,
        "daemon.json, for which the engine does not start",
        changed(STOPPED, "containers.daemon_json_error", "not JSON: line 3"),
        "line 3",
        severity="warning",
    ),
    ill(
        MISCONFIG,
        "config.toml",
        changed(WORKSTATION, "containers.toolkit.config_error", "not TOML: line 9"),
        "line 9",
        severity="warning",
        fix=("nvidia-ctk config",),
    ),
    ill(
        MISCONFIG,
        "no-cgroups",
        changed(WORKSTATION, "containers.toolkit.no_cgroups", True),
        severity="warning",
        fix=("no-cgroups=false",),
    ),
    ill(
        MISCONFIG,
        "stale CDI that Podman uses",
        changed(STALE, "containers.podman_path", "/usr/bin/podman"),
        "550.54.14",
        "580.95.05",
        severity="warning",
        fix=("cdi generate --output=/var/run/cdi/nvidia.yaml",),
    ),
    ill(MISCONFIG, "stale CDI beside the NVIDIA runtime", STALE, severity="note"),
    fine(MISCONFIG, "set up", WORKSTATION),
    fine(MISCONFIG, "CDI only", changed(WORKSTATION, "containers.docker.runtimes", PLAIN)),
    fine(
        MISCONFIG,
        "CDI devices that the engine lists",
        changed(NO_RUNTIME, "containers.docker.discovered_devices", ("nvidia.com/gpu=all",)),
    ),
    fine(
        MISCONFIG,
        "files that only root may read",
        changed(
            WORKSTATION,
            "containers.daemon_json_error",
            "the file may not be read",
            "containers.toolkit.config_error",
            "the file may not be read",
        ),
    ),
    fine(
        MISCONFIG,
        "rootless",
        changed(WORKSTATION, "containers.toolkit.no_cgroups", True, "containers.docker.rootless", True),
    ),
    apart(MISCONFIG, "not installed", changed(WORKSTATION, "containers.toolkit.installed", False)),
    *on_the_host(MISCONFIG),
    unsure(
        MISCONFIG,
        "runtimes were not told",
        changed(WORKSTATION, "containers.docker.runtimes", None),
        "runtimes",
    ),
    # docker-snap-confinement
    flip(
        SNAP,
        changed(WORKSTATION, "containers.docker.runtimes", PLAIN),
        "containers.docker.snap",
        True,
        severity="warning",
        says=("snap",),
        fix=("snap remove docker",),
    ),
    fine(SNAP, "Docker's own packages", WORKSTATION),
    fine(SNAP, "a snap that brings the NVIDIA runtime", changed(WORKSTATION, "containers.docker.snap", True)),
    *on_the_host(SNAP),
    # container-no-gpus-flag
    flip(
        NO_FLAG,
        CONTAINER,
        "driver.nodes",
        (),
        says=("580.95.05",),
        fix=("docker run --gpus all",),
    ),
    ill(NO_FLAG, "a pod", changed(healthy_pod(), "driver.nodes", ()), fix=("nvidia.com/gpu: 1",)),
    ill(NO_FLAG, "Podman", changed(NO_GPU, "host.container", "podman"), fix=("podman run --device",)),
    ill(NO_FLAG, "Apptainer", changed(NO_GPU, "host.container", "apptainer"), fix=("--nv",)),
    ill(NO_FLAG, "nothing installed yet", changed(NO_GPU, "python.torch", None), severity="warning"),
    fine(NO_FLAG, "GPU nodes", CONTAINER),
    apart(NO_FLAG, "CPU builds ask for none", healthy_ci(), "CPU builds"),
    *inside(NO_FLAG),
    # container-driver-capabilities
    flip(
        CAPABILITIES,
        CONTAINER,
        "driver.libcuda_path",
        "",
        says=("no libcuda.so.1",),
        fix=("NVIDIA_DRIVER_CAPABILITIES=compute,utility",),
    ),
    ill(
        CAPABILITIES, "Apptainer without --nv", changed(NO_CUDA, "host.container", "apptainer"), fix=("--nv",)
    ),
    ill(CAPABILITIES, "Podman", changed(NO_CUDA, "host.container", "podman"), fix=("by CDI",)),
    ill(CAPABILITIES, "a pod", changed(healthy_pod(), "driver.libcuda_path", ""), fix=("pod's environment",)),
    ill(CAPABILITIES, "nothing wants CUDA", changed(NO_CUDA, "python", CPU), severity="note"),
    fine(CAPABILITIES, "there", CONTAINER),
    apart(CAPABILITIES, "no GPU", NO_GPU),
    *inside(CAPABILITIES),
    unsure(CAPABILITIES, "libcuda was not looked for", unread(CONTAINER, "driver.libcuda_path")),
    # container-selinux
    flip(SELINUX, ENFORCING, "driver.nodes", CLOSED, says=("/dev/nvidia0",), fix=("container_use_devices",)),
    fine(SELINUX, "open", ENFORCING),
    apart(
        SELINUX,
        "not enforcing",
        changed(CONTAINER, "driver.nodes", CLOSED, "containers.selinux", "permissive"),
    ),
    *inside(SELINUX),
    unsure(
        SELINUX, "closed, and SELinux cannot be seen", changed(CONTAINER, "driver.nodes", CLOSED), "SELinux"
    ),
    # container-cgroup-reload
    flip(RELOAD, CONTAINER, "nvml", LOST, says=("lost its devices",), fix=("docker restart",)),
    fine(RELOAD, "NVML answers", CONTAINER),
    *inside(RELOAD),
    unsure(RELOAD, "NVML was not asked", unread(CONTAINER, "nvml")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
