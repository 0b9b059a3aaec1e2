"""Containers: the engine's way to the GPU from the host, and the GPU as a container sees it."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.container_model import Containers, Docker
from envkit.facts.gpu_model import NvidiaDriver
from envkit.facts.model import Snapshot

_NOT_RUNNING = not_applicable("Docker engine: not-running")


def _engine_with_gpu(snapshot: Snapshot) -> Outcome | tuple[Containers, Docker]:
    """A Docker engine on a host whose NVIDIA driver works, or why the question does not arise."""
    if views.in_container(snapshot):
        return not_applicable("inside a container")
    without = views.without_nvidia(snapshot)
    if without is not None:
        return without
    containers = snapshot.containers
    if containers is None or containers.docker is None:
        return unknown(views.because(snapshot, "containers"))
    docker = containers.docker
    if docker.state == "not-running":
        return _NOT_RUNNING
    if docker.state in ("absent", "remote"):
        return not_applicable(f"Docker engine: {docker.state}")
    if docker.state != "ok":
        return unknown(f"Docker engine: {docker.detail or docker.state}")
    return containers, docker


def _has_cdi(containers: Containers, docker: Docker) -> bool:
    listed = any(device.startswith("nvidia.com/gpu") for device in docker.discovered_devices or ())
    return listed or any(spec.kind == "nvidia.com/gpu" and not spec.error for spec in containers.cdi or ())


def _wrong(error: str | None) -> str | None:
    """What is wrong with a file; that this user may not read it is not wrong."""
    return None if error is None or error.endswith("may not be read") else error


def container_toolkit_missing(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Docker cannot pass the GPU on: nvidia-container-toolkit is not installed."""
    facts = _engine_with_gpu(snapshot)
    if isinstance(facts, Outcome):
        return facts
    containers, docker = facts
    if containers.toolkit is None or containers.toolkit.installed is None:
        return unknown(views.because(snapshot, "containers"))
    if containers.toolkit.installed:
        return ok("nvidia-container-toolkit is installed")
    if "nvidia" in (docker.runtimes or ()) or _has_cdi(containers, docker):
        return ok("Docker brings its own way to the GPU")
    return problem(
        "Docker runs here and nvidia-container-toolkit is not installed: containers get no GPU",
        fact("nvidia-ctk", "not found", "PATH"),
        fact("runtimes of Docker", ", ".join(docker.runtimes or ()) or "none", "docker info"),
    )


def container_toolkit_misconfig(snapshot: Snapshot, compat: Compat) -> Outcome:
    """nvidia-container-toolkit is installed and wrongly configured."""
    facts = _engine_with_gpu(snapshot)
    broken = snapshot.containers is not None and _wrong(snapshot.containers.daemon_json_error)
    # An engine that is not running may not have started for just that.
    if broken and (not isinstance(facts, Outcome) or facts == _NOT_RUNNING):
        return problem(
            f"/etc/docker/daemon.json cannot be read: {broken}",
            fact("daemon.json", broken, "/etc/docker/daemon.json"),
            daemon_json="yes",
        )
    if isinstance(facts, Outcome):
        return facts
    containers, docker = facts
    toolkit = containers.toolkit
    if toolkit is None or not toolkit.installed:
        return not_applicable("nvidia-container-toolkit is not installed")
    if error := _wrong(toolkit.config_error):
        return problem(
            f"the toolkit's configuration cannot be read: {error}",
            fact("config.toml", error, toolkit.config_path or "/etc/nvidia-container-runtime"),
            config="yes",
        )
    if toolkit.no_cgroups and not docker.rootless:
        return problem(
            "the toolkit's no-cgroups is on, which is for rootless Docker only: GPU devices stay closed",
            fact("no-cgroups", "true", toolkit.config_path or "/etc/nvidia-container-runtime/config.toml"),
            no_cgroups="false",
        )
    stale = _stale_cdi(snapshot, containers, docker)
    if stale is not None:
        return stale
    if docker.runtimes is None:
        return unknown("which runtimes Docker knows could not be read")
    if "nvidia" not in docker.runtimes and not _has_cdi(containers, docker):
        return problem(
            "the toolkit is installed, and Docker knows neither its runtime nor a CDI device",
            fact("runtimes of Docker", ", ".join(docker.runtimes or ()) or "none", "docker info"),
            fact("CDI specifications", "none", "/etc/cdi, /var/run/cdi"),
            # An older Docker finds the toolkit's hook by itself, if it was started after the installation.
            confidence=0.7,
            configure="yes",
        )
    return ok("Docker can pass the GPU on")


def _stale_cdi(snapshot: Snapshot, containers: Containers, docker: Docker) -> Outcome | None:
    driver = views.driver_version(snapshot)
    mode = containers.toolkit.mode if containers.toolkit is not None else None
    unused = "nvidia" in (docker.runtimes or ()) and mode != "cdi" and not containers.podman_path
    for spec in containers.cdi or ():
        if driver is not None and spec.driver_version is not None and spec.driver_version != driver[0]:
            return problem(
                f"the CDI specification was made for driver {spec.driver_version}; {driver[0]} is loaded",
                fact(spec.path, f"driver {spec.driver_version}", "library names in the file"),
                fact("driver", *driver),
                # The NVIDIA runtime does not read it; `--device nvidia.com/gpu=all` does.
                severity="note" if unused else None,
                cdi=spec.path,
            )
    return None


def docker_snap_confinement(snapshot: Snapshot, compat: Compat) -> Outcome:
    """snap-confined Docker cannot use the NVIDIA runtime."""
    facts = _engine_with_gpu(snapshot)
    if isinstance(facts, Outcome):
        return facts
    _, docker = facts
    if not docker.snap:
        return ok("Docker is not a snap")
    if "nvidia" in (docker.runtimes or ()):
        return ok("this Docker snap brings the NVIDIA runtime with it")
    return problem(
        "Docker is installed as a snap, whose confinement keeps the NVIDIA runtime out",
        fact("Docker root", docker.root_dir or docker.client_path or "snap", "docker info"),
    )


def _inside(snapshot: Snapshot) -> Outcome | NvidiaDriver:
    """Driver facts inside a container on a host whose NVIDIA driver is loaded."""
    if views.is_jetson(snapshot):
        return not_applicable("a Jetson's GPU has other nodes")
    inside = views.in_container(snapshot)
    if inside is None:
        return unknown(views.because(snapshot, "host"))
    if not inside:
        return not_applicable("not inside a container")
    driver = snapshot.driver
    if driver is None or driver.nodes is None:
        return unknown(views.because(snapshot, "driver"))
    if not driver.loaded:
        return not_applicable("the host has no NVIDIA driver loaded")
    return driver


def container_no_gpus_flag(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The container was started without any GPU."""
    driver = _inside(snapshot)
    if isinstance(driver, Outcome):
        return driver
    if views.gpu_nodes(driver):
        return ok("the container has GPU device nodes")
    wants = views.wants_gpu(snapshot)
    if wants is False:
        return not_applicable("the frameworks in this container are CPU builds, which ask for no GPU")
    return problem(
        f"the host has NVIDIA driver {driver.module_version or '?'}, and this container was given no GPU",
        fact("driver of the host", driver.module_version or "loaded", "/proc/driver/nvidia/version"),
        fact("/dev/nvidia0 ...", "absent", "/dev"),
        severity=None if wants else "warning",
        confidence=1.0 if wants else 0.7,
        **_engine(snapshot),
    )


def _engine(snapshot: Snapshot) -> dict[str, str | None]:
    """The slot that says whose command line starts this container."""
    kind = snapshot.host.container if snapshot.host is not None else None
    return {kind if kind in ("kubernetes", "podman", "apptainer") else "docker": "yes"}


def container_driver_capabilities(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The container got no compute capability, so libcuda is not mounted."""
    driver = _inside(snapshot)
    if isinstance(driver, Outcome):
        return driver
    if not views.gpu_nodes(driver):
        return not_applicable("the container has no GPU at all")
    if driver.libcuda_path is None:
        return unknown(views.because(snapshot, "driver"))
    if driver.libcuda_path:
        return ok("libcuda is there")
    asked = views.env(snapshot, "NVIDIA_DRIVER_CAPABILITIES")
    return problem(
        "the container has the GPU's device nodes and no libcuda.so.1",
        fact("libcuda.so.1", "not found", "library directories"),
        fact("NVIDIA_DRIVER_CAPABILITIES", asked if asked is not None else "not set", "environment"),
        severity=None if views.wants_gpu(snapshot) is not False else "note",
        confidence=1.0,
        **_engine(snapshot),
    )


def container_selinux(snapshot: Snapshot, compat: Compat) -> Outcome:
    """SELinux blocks the device nodes."""
    driver = _inside(snapshot)
    if isinstance(driver, Outcome):
        return driver
    mode = snapshot.containers.selinux if snapshot.containers is not None else None
    closed = [node.path for node in driver.nodes or () if node.accessible is False]
    if not closed:
        return ok("the device nodes are open")
    if mode is None:
        return unknown("whether SELinux is enforcing could not be read")
    if mode != "enforcing":
        return not_applicable("SELinux is not enforcing")
    return problem(
        f"SELinux is enforcing and {closed[0]} cannot be opened",
        fact(closed[0], "no permission", "access()"),
        fact("SELinux", "enforcing", "/sys/fs/selinux/enforce"),
        confidence=0.7,
    )


def container_cgroup_reload(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A running container lost its GPU devices after a daemon reload."""
    driver = _inside(snapshot)
    if isinstance(driver, Outcome):
        return driver
    nvml = snapshot.nvml
    if nvml is None:
        return unknown(views.because(snapshot, "nvml"))
    if nvml.state != "unknown-error" or not views.gpu_nodes(driver):
        return ok("NVML does not report the error of a lost device")
    return problem(
        "the device nodes are there, and NVML fails with an unknown error: the container lost its devices",
        fact("NVML", nvml.detail or "Unknown Error", "nvmlInit"),
        fact("device nodes", ", ".join(views.gpu_nodes(driver)[:4]), "/dev"),
        confidence=0.85,
    )


RULES = (
    container_toolkit_missing,
    container_toolkit_misconfig,
    docker_snap_confinement,
    container_no_gpus_flag,
    container_driver_capabilities,
    container_selinux,
    container_cgroup_reload,
)
