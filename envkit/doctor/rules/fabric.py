"""NVLink and NVSwitch."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.rules.per_gpu import each_gpu
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

_NVLINK_ERRORS = 5
"""imbue-ai/cluster-health warns from 5 NVLink errors on."""


def nvlink_errors(snapshot: Snapshot, compat: Compat) -> Outcome:
    """NVLinks that count errors, or fewer of them than the sister GPUs have."""
    switched = snapshot.driver is not None and bool(snapshot.driver.nvswitches)
    widest: dict[str, int] = {}
    for gpu in views.gpus(snapshot):
        if gpu.nvlinks and gpu.name:
            active = sum(link.active is True for link in gpu.nvlinks)
            widest[gpu.name] = max(widest.get(gpu.name, 0), active)

    def judge(gpu: Gpu) -> Outcome | None:
        if not gpu.nvlinks:
            return None
        active = [link for link in gpu.nvlinks if link.active]
        expected = widest.get(gpu.name or "", 0)
        if not active and not switched:
            return None  # bridges join some of the cards of a workstation, and leave others out
        if len(active) < expected:
            return problem(
                f"{views.gpu_label(gpu)} has {len(active)} active NVLinks; its sisters have {expected}",
                fact(f"GPU {gpu.index} NVLinks", f"{len(active)} of {expected} active", "NVML"),
                index=str(gpu.index),
            )
        for link in active:
            errors = (link.replay_errors or 0) + (link.crc_errors or 0)
            if link.recovery_errors or errors >= _NVLINK_ERRORS:
                counts = (link.replay_errors, link.crc_errors, link.recovery_errors)
                return problem(
                    f"NVLink {link.link} of {views.gpu_label(gpu)} counts errors",
                    fact(
                        f"GPU {gpu.index} link {link.link}",
                        "replay {}, CRC {}, recovery {}".format(*counts),
                        "nvmlDeviceGetNvLinkErrorCounter",
                    ),
                    index=str(gpu.index),
                )
        return ok("links are up") if active else None

    return each_gpu(snapshot, judge, "every NVLink is up and counts no errors")


def fabric_manager_not_running(snapshot: Snapshot, compat: Compat) -> Outcome:
    """An NVSwitch machine without a running fabric manager of the driver's version."""
    driver = snapshot.driver
    if driver is None:
        return unknown(views.because(snapshot, "driver"))
    if driver.nvswitches is None:
        return unknown(views.because(snapshot, "driver"))
    if not driver.nvswitches:
        return not_applicable("no NVSwitch on the PCI bus")
    if views.in_container(snapshot):
        return not_applicable("the fabric manager belongs to the host of this container")
    evidence = [fact("NVSwitches", driver.nvswitches, "/sys/bus/pci/devices")]
    if driver.fabric_manager in ("stopped", "absent"):
        word = "is not running" if driver.fabric_manager == "stopped" else "is not installed"
        return problem(
            f"this machine has NVSwitches and nvidia-fabricmanager {word}",
            *evidence,
            fact("nvidia-fabricmanager", driver.fabric_manager, "process table"),
            install="yes" if driver.fabric_manager == "absent" else None,
        )
    module = driver.module_version
    if driver.fabric_manager_version and module and driver.fabric_manager_version != module:
        return problem(
            f"the fabric manager is version {driver.fabric_manager_version} and the driver {module}: "
            "they must be equal",
            *evidence,
            fact("fabric manager", driver.fabric_manager_version, "package database"),
            fact("driver", module, "/proc/driver/nvidia/version"),
            version=module,
        )
    if driver.fabric_manager is None:
        if driver.loaded is False:
            return not_applicable("no NVIDIA kernel module is loaded")
        return unknown("whether the fabric manager runs could not be read: processes are hidden")
    return ok("the fabric manager runs")


def fabric_not_ready(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The NVLink fabric has not finished initialising."""

    def judge(gpu: Gpu) -> Outcome | None:
        if gpu.fabric_state in (None, "not-supported"):
            return None
        if gpu.fabric_state == "completed" and not gpu.fabric_status:
            return ok("completed")
        shown = f"{gpu.fabric_state} {gpu.fabric_status or ''}".strip()
        return problem(
            f"the NVLink fabric of {views.gpu_label(gpu)} is not ready: {shown}",
            fact(f"GPU {gpu.index} fabric", shown, "nvmlDeviceGetGpuFabricInfoV"),
        )

    return each_gpu(snapshot, judge, "the NVLink fabric is ready")


RULES = (
    nvlink_errors,
    fabric_manager_not_running,
    fabric_not_ready,
)
