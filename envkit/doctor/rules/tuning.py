"""Settings of GPU and CPU that cost time, and no result."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.rules.per_gpu import each_gpu
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

_SCALES_ITSELF = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")
"""Drivers whose `powersave` follows the load (kernel: intel_pstate, amd-pstate); of others it is slowest."""
_SLOW = frozenset({"powersave", "conservative"})


def persistence_off(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU without a screen whose driver is unloaded between two programs."""
    if views.is_wsl(snapshot) or views.is_jetson(snapshot):
        return not_applicable("there is no persistence mode on this system")
    held = snapshot.driver is not None and snapshot.driver.persistenced
    shown = any(gpu.display_active for gpu in views.gpus(snapshot))

    def judge(gpu: Gpu) -> Outcome | None:
        if gpu.persistence is None or views.is_mobile(gpu):
            return None
        # A desktop holds the driver, and so does the daemon.
        if gpu.persistence or held or shown or gpu.processes:
            return ok("held")
        return problem(
            f"persistence mode of {views.gpu_label(gpu)} is off: "
            "each program waits until the driver has started",
            fact(f"GPU {gpu.index} persistence mode", "off", "nvmlDeviceGetPersistenceMode"),
            container="yes" if views.in_container(snapshot) else None,
            host=None if views.in_container(snapshot) else "yes",
        )

    return each_gpu(snapshot, judge, "the driver stays loaded between programs")


def application_clocks_low(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Application clocks below what the card comes with."""

    def judge(gpu: Gpu) -> Outcome | None:
        if gpu.clock_app_sm is None or not gpu.clock_app_sm_default:
            return None
        if gpu.clock_app_sm >= gpu.clock_app_sm_default:
            return ok("default")
        return problem(
            f"{views.gpu_label(gpu)} is held at {gpu.clock_app_sm:g} MHz; "
            f"its default is {gpu.clock_app_sm_default:g} MHz",
            fact(
                f"GPU {gpu.index} application clock",
                f"{gpu.clock_app_sm:g} MHz",
                "nvmlDeviceGetApplicationsClock",
            ),
            fact("default", f"{gpu.clock_app_sm_default:g} MHz", "nvmlDeviceGetDefaultApplicationsClock"),
            index=str(gpu.index),
        )

    return each_gpu(snapshot, judge, "application clocks are at their defaults")


def gpus_differ(snapshot: Snapshot, compat: Compat) -> Outcome:
    """GPUs of one model with different firmware."""
    devices = [gpu for gpu in views.gpus(snapshot) if gpu.name and gpu.vbios]
    versions: dict[str, dict[str, list[int]]] = {}
    for gpu in devices:
        versions.setdefault(gpu.name or "", {}).setdefault(gpu.vbios or "", []).append(gpu.index)
    mixed = next(((name, found) for name, found in versions.items() if len(found) > 1), None)
    if mixed is None:
        fine = ok("one firmware")
        return each_gpu(
            snapshot, lambda gpu: fine if gpu.vbios else None, "GPUs of one model have one firmware"
        )
    # Two cards of a workstation were bought when they were; the boards of a server come as a set.
    several = len(devices) >= 4
    return problem(
        f"GPUs of the model {mixed[0]} have {len(mixed[1])} different firmware versions",
        *(
            fact(f"GPU {', '.join(map(str, at))}", vbios, "nvmlDeviceGetVbiosVersion")
            for vbios, at in mixed[1].items()
        ),
        severity="warning" if several else "note",
    )


def governor_not_performance(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A frequency governor that keeps the CPU at its lowest clock."""
    cpu = snapshot.cpu
    if cpu is None:
        return unknown(views.because(snapshot, "cpu"))
    if cpu.governor is None:
        if views.in_part(snapshot, "cpu"):
            return unknown(views.because(snapshot, "cpu"))
        return not_applicable("the kernel does not choose this CPU's clocks")
    if cpu.governor not in _SLOW:
        return ok(f"governor {cpu.governor}")
    if cpu.scaling_driver is None:
        return unknown(f"what the governor {cpu.governor} does depends on a driver that could not be read")
    if cpu.scaling_driver in _SCALES_ITSELF:
        return ok(f"governor {cpu.governor} of {cpu.scaling_driver}, which follows the load")
    return problem(
        f"the governor {cpu.governor} of {cpu.scaling_driver} keeps the CPU's clocks low",
        fact("governor", cpu.governor, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        fact("driver", cpu.scaling_driver, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"),
        container="yes" if views.in_container(snapshot) else None,
        host=None if views.in_container(snapshot) else "yes",
    )


def numa_remote(snapshot: Snapshot, compat: Compat) -> Outcome:
    """This process may only use CPUs of another NUMA node than its GPUs."""
    cpu = snapshot.cpu
    if cpu is None or cpu.numa_nodes is None:
        return unknown(views.because(snapshot, "cpu"))
    if cpu.numa_nodes < 2:
        return not_applicable("one NUMA node")
    if cpu.numa_of_affinity is None:
        return unknown("which NUMA nodes this process may use could not be read")
    if not views.gpus(snapshot):
        missing = views.without_nvidia(snapshot)
        return missing if missing is not None else unknown(views.because(snapshot, "nvml"))
    near = {card.address: card.numa_node for card in views.nvidia_pci(snapshot) or ()}
    nodes = {
        gpu.index: node
        for gpu in views.gpus(snapshot)
        if (node := gpu.numa_node if gpu.numa_node is not None else near.get(gpu.pci_address or ""))
        is not None
    }
    if not nodes:
        return not_applicable("the GPUs belong to no NUMA node")
    if set(nodes.values()) & set(cpu.numa_of_affinity):
        return ok("this process may use CPUs beside its GPUs")
    first, node = min(nodes.items())
    own = ", ".join(map(str, cpu.numa_of_affinity))
    return problem(
        f"this process may use CPUs of NUMA node {own} only, and GPU {first} hangs on node {node}",
        fact("NUMA nodes of this process", own, "/proc/self/status"),
        *(
            fact(f"GPU {index}", f"node {one}", "/sys/bus/pci/devices")
            for index, one in list(nodes.items())[:8]
        ),
        confidence=0.8,
        node=str(node),
    )


RULES = (
    persistence_off,
    application_clocks_low,
    gpus_differ,
    governor_not_performance,
    numa_remote,
)
