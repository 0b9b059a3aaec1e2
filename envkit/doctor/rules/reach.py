"""Whether programs reach the GPUs that the driver holds."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.rules.driver import KEPT, NO_GPU
from envkit.facts.gpu_model import Gpu, NvidiaDriver, Nvml
from envkit.facts.model import Snapshot

_CONTROL_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm")


def nvml_no_devices(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The driver works and reports no GPU."""
    nvml = snapshot.nvml
    if nvml is None:
        return unknown(views.because(snapshot, "nvml"))
    unread = [gpu for gpu in nvml.gpus or () if gpu.state in ("error", "no-permission")]
    if unread:
        return unknown(f"{views.gpu_label(unread[0])}: {unread[0].error or unread[0].state}")
    if nvml.state == "ok":
        return ok("NVML lists GPUs")
    if nvml.state in ("hung", "failed", "no-permission", "unknown-error"):
        return unknown(f"NVML: {nvml.detail or nvml.state}")
    if nvml.state != "no-devices":
        return not_applicable(f"NVML: {nvml.state}")
    elsewhere = KEPT if views.kept_for_guests(snapshot) else views.withheld(snapshot)
    if elsewhere is not None:
        return not_applicable(elsewhere)
    evidence = [fact("GPUs that NVML lists", 0, "nvmlDeviceGetCount_v2")]
    if nvml.driver_version:
        evidence.append(fact("driver", nvml.driver_version, "nvmlSystemGetDriverVersion"))
    devices = views.nvidia_pci(snapshot)
    if devices is not None:
        shown = ", ".join(f"{d.address} ({d.driver or 'no driver'})" for d in devices) or "none"
        evidence.append(fact("NVIDIA devices on the bus", shown, "/sys/bus/pci/devices"))
    return problem("the NVIDIA driver answers, and has no GPU to offer", *evidence)


def gpu_fell_off_bus(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU that was there cannot be reached any more."""
    nvml = snapshot.nvml
    lost = tuple(gpu for gpu in (nvml.gpus or () if nvml else ()) if gpu.state == "lost")
    fallen = tuple(xid for xid in snapshot.xids or () if xid.code == 79)
    if lost or (nvml is not None and nvml.state == "gpu-lost"):
        where = ", ".join(gpu.pci_address or f"GPU {gpu.index}" for gpu in lost) or "a GPU"
        evidence = [fact(where, "GPU is lost", "NVML")]
        evidence += [fact("Xid 79", xid.text, "kernel log") for xid in fallen[-1:]]
        total = f" of {nvml.device_count}" if nvml and nvml.device_count and lost else ""
        return problem(f"{len(lost) or 1}{total} GPU no longer answers on the PCIe bus", *evidence)
    silent = [gpu for gpu in views.unanswering(snapshot) if "did not answer" in (gpu.error or "")]
    if nvml is not None and silent and views.gpus(snapshot):
        return _silent(nvml, silent)
    missing = _missing_from_nvml(snapshot)
    if missing and fallen:
        return problem(
            f"{', '.join(missing)} is on the bus, and NVML does not list it after an Xid 79",
            fact("Xid 79", fallen[-1].text, "kernel log"),
            fact("not listed by NVML", ", ".join(missing), "/sys/bus/pci/devices"),
        )
    if views.has_nvidia(snapshot) is False:
        return not_applicable(NO_GPU)
    if nvml is None or nvml.state in ("hung", "failed"):
        return unknown(views.because(snapshot, "nvml"))
    if views.unanswering(snapshot):
        return unknown(views.because(snapshot, "nvml"))
    return ok("every GPU answers") if nvml.state == "ok" else not_applicable(f"NVML: {nvml.state}")


def _silent(nvml: Nvml, silent: list[Gpu]) -> Outcome:
    """Some GPUs answer, and one keeps whoever asks it waiting."""
    names = ", ".join(views.gpu_label(gpu) for gpu in silent)
    others = len(nvml.gpus or ()) - len(silent)
    return problem(
        f"{names} did not answer the driver; {others} of {len(nvml.gpus or ())} GPUs did",
        *(fact(views.gpu_label(gpu), gpu.error or "did not answer", "NVML") for gpu in silent),
        *(fact("call that did not return", one, "NVML") for one in nvml.unread if "did not answer" in one),
        confidence=0.7,
        silent=str(silent[0].index),
    )


def _missing_from_nvml(snapshot: Snapshot) -> tuple[str, ...]:
    """Addresses bound to the nvidia driver that NVML does not list."""
    listed = {gpu.pci_address for gpu in (snapshot.nvml.gpus or () if snapshot.nvml else ())}
    bound = (device for device in views.nvidia_pci(snapshot) or () if device.driver == "nvidia")
    return tuple(device.address for device in bound if device.address not in listed)


def uvm_node_missing(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Device nodes that CUDA opens are missing or closed to this user."""
    driver = snapshot.driver
    if views.has_nvidia(snapshot) is False:
        return not_applicable(NO_GPU)
    if views.is_wsl(snapshot):
        return not_applicable("WSL has /dev/dxg instead")
    if driver is None or driver.nodes is None:
        return unknown(views.because(snapshot, "driver"))
    if views.is_jetson(snapshot):
        return not_applicable("a Jetson's GPU has other nodes")
    if not driver.loaded:
        return not_applicable("no NVIDIA kernel module is loaded")
    closed = _closed(driver)
    if closed:
        return problem(
            f"this user may not open {', '.join(closed[:4])}",
            *(fact(path, "no permission to read and write", "access()") for path in closed[:4]),
            closed=closed[0],
        )
    if not views.gpu_nodes(driver):
        return not_applicable("no GPU node at all; other checks say why")
    names = {node.path for node in driver.nodes}
    missing = tuple(path for path in _CONTROL_NODES if path not in names)
    if not missing:
        return ok("the device nodes are there and open to this user")
    evidence = [fact(path, "absent", "/dev") for path in missing]
    if views.in_container(snapshot):
        return problem(
            f"{' and '.join(missing)} is missing in this container: CUDA cannot start",
            *evidence,
            confidence=0.9,
            container=missing[0],
        )
    # On bare metal CUDA itself asks nvidia-modprobe for the node, where that is installed.
    return problem(
        f"{' and '.join(missing)} is missing: CUDA cannot start unless it may make it",
        *evidence,
        severity="warning",
        confidence=0.6,
        missing=missing[0],
    )


def _closed(driver: NvidiaDriver) -> tuple[str, ...]:
    """Nodes that CUDA opens and this user may not: a control node, or every GPU."""
    shut = {node.path for node in driver.nodes or () if node.accessible is False}
    gpu_nodes = views.gpu_nodes(driver)
    control = tuple(path for path in _CONTROL_NODES if path in shut)
    # On shared machines the GPUs of others are closed on purpose.
    return control + (gpu_nodes if shut.issuperset(gpu_nodes) else ())


RULES = (
    nvml_no_devices,
    gpu_fell_off_bus,
    uvm_node_missing,
)
