"""GPU settings and what others do with the GPU."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.core import text
from envkit.core.finding import Severity
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, ok, problem
from envkit.doctor.rules.per_gpu import each_gpu
from envkit.facts.gpu_model import Gpu, GpuProcess
from envkit.facts.model import Snapshot

_MIN_HELD = 1 << 30
_HELD_SHARE = 0.10
_DESKTOP_SHARE = 0.50
"""Of a GPU with a desktop, whose processes do not all tell what they hold (Windows' under WSL never do)."""
_NO_ROOM_SHARE = 0.80


def power_cap_low(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The power limit is set below the card's default."""

    def judge(gpu: Gpu) -> Outcome | None:
        # The limit in force also follows battery and heat; only the one that was set is a setting.
        limit, default = gpu.power_limit_set, gpu.power_default
        if limit is None or not default:
            return None
        # One watt of rounding is no cap.
        if limit >= default - 1:
            return ok("at its default")
        return problem(
            f"{views.gpu_label(gpu)} is capped at {limit:.0f} W; its default is {default:.0f} W",
            fact(f"GPU {gpu.index} power limit", f"{limit:.0f} W", "nvmlDeviceGetPowerManagementLimit"),
            fact("default", f"{default:.0f} W", "nvmlDeviceGetPowerManagementDefaultLimit"),
            index=str(gpu.index),
            watts=f"{default:.0f}",
        )

    return each_gpu(snapshot, judge, "every power limit is at its default or above")


def pcie_link_narrow(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Fewer PCIe lanes than slot and card allow. The generation drops at idle and is not judged."""

    def judge(gpu: Gpu) -> Outcome | None:
        width, most = gpu.pcie_width, gpu.pcie_width_max
        if not width or not most or gpu.virtualization in ("vgpu", "host-vgpu"):
            return None
        if width >= most:
            return ok("full width")
        return problem(
            f"{views.gpu_label(gpu)} runs on {width} of {most} PCIe lanes",
            fact(f"GPU {gpu.index} link width", f"x{width}", "nvmlDeviceGetCurrPcieLinkWidth"),
            fact("possible", f"x{most}", "nvmlDeviceGetMaxPcieLinkWidth"),
            # Laptops are wired with fewer lanes than their GPUs have.
            severity="note" if views.is_mobile(gpu) else None,
            pci=gpu.pci_address,
        )

    return each_gpu(snapshot, judge, "every PCIe link has its full width")


def compute_mode_exclusive(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A compute mode that refuses a second program, or all."""

    def judge(gpu: Gpu) -> Outcome | None:
        if gpu.compute_mode is None:
            return None
        if gpu.compute_mode == "default":
            return ok("shared")
        evidence = fact(f"GPU {gpu.index}", gpu.compute_mode, "nvmlDeviceGetComputeMode")
        label = views.gpu_label(gpu)
        if gpu.compute_mode == "prohibited":
            return problem(
                f"{label} refuses every compute program", evidence, severity="error", index=str(gpu.index)
            )
        return problem(
            f"{label} accepts one program at a time ({gpu.compute_mode})",
            evidence,
            # Clusters set it on purpose: a job has its GPU alone.
            severity="note" if snapshot.scheduler is not None else None,
            index=str(gpu.index),
        )

    return each_gpu(snapshot, judge, "every GPU is in the default compute mode")


def mig_no_instances(snapshot: Snapshot, compat: Compat) -> Outcome:
    """MIG is on and no instance exists."""

    def judge(gpu: Gpu) -> Outcome | None:
        if gpu.mig_mode is None:
            return None
        if not gpu.mig_mode or gpu.mig_instances is None or gpu.mig_instances:
            return ok("MIG is off, or has instances")
        return problem(
            f"MIG is on for {views.gpu_label(gpu)}, and no instance exists: CUDA sees no device",
            fact(f"GPU {gpu.index} MIG", "enabled", "nvmlDeviceGetMigMode"),
            fact("instances", 0, "nvmlDeviceGetMigDeviceHandleByIndex"),
            index=str(gpu.index),
        )

    return each_gpu(snapshot, judge, "no GPU is in MIG mode without an instance")


def mig_misconfig(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A change of MIG mode waits for a reset."""

    def judge(gpu: Gpu) -> Outcome | None:
        if gpu.mig_mode is None or gpu.mig_pending is None:
            return None
        if gpu.mig_mode == gpu.mig_pending:
            return ok("settled")
        words = {True: "enabled", False: "disabled"}
        return problem(
            f"MIG of {views.gpu_label(gpu)} is {words[gpu.mig_mode]} and will be {words[gpu.mig_pending]} "
            "after a reset",
            fact(f"GPU {gpu.index} MIG now", words[gpu.mig_mode], "nvmlDeviceGetMigMode"),
            fact("after a reset", words[gpu.mig_pending], "nvmlDeviceGetMigMode"),
            index=str(gpu.index),
        )

    return each_gpu(snapshot, judge, "no change of MIG mode waits")


def _severity_of_held(snapshot: Snapshot, share: float) -> Severity | None:
    """A pasted report cannot tell whose process it is: it may be the very training it was asked about."""
    if views.in_part(snapshot, "nvml"):
        return "note"
    return "error" if share >= _NO_ROOM_SHARE else None


def gpu_memory_held_by_other_process(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Somebody else's process holds much of the GPU's memory."""
    known = [gpu for gpu in views.gpus(snapshot) if gpu.memory_used is not None]
    free = next((gpu for gpu in known if _held(gpu) < _floor(snapshot, gpu)), None)

    def judge(gpu: Gpu) -> Outcome | None:
        # The memory of a GPU in MIG mode is that of all its instances, also of those of others.
        if gpu.memory_used is None or not gpu.memory_total or gpu.mig_mode:
            return None
        held = _held(gpu)
        if held < _floor(snapshot, gpu):
            return ok("free")
        share = held / gpu.memory_total
        others = sorted(_others(gpu), key=lambda process: -(process.memory or 0))
        evidence = [
            fact(
                f"GPU {gpu.index} memory",
                f"{text.size(held)} of {text.size(gpu.memory_total)} in use",
                "nvmlDeviceGetMemoryInfo",
            )
        ]
        evidence += [
            fact(f"process {process.pid}", f"{process.name or '?'}: {text.size(process.memory)}", "NVML")
            for process in others[:4]
        ]
        who = f"process {others[0].pid}" if len(others) == 1 else f"{len(others)} processes"
        holds = "holds" if len(others) < 2 else "hold"
        return problem(
            f"{who if others else 'a process that cannot be seen from here'} {holds} {share:.0%} of the "
            f"memory of {views.gpu_label(gpu)}",
            *evidence,
            severity=_severity_of_held(snapshot, share),
            pid=str(others[0].pid) if others else None,
            unseen=None if others else "yes",
            free=str(free.index) if free is not None else None,
        )

    return each_gpu(snapshot, judge, "GPU memory is free")


def _others(gpu: Gpu) -> list[GpuProcess]:
    """Processes that compute, and are not envkit's."""
    return [process for process in gpu.processes or () if not process.own and process.kind != "graphics"]


def _held(gpu: Gpu) -> int:
    """Bytes that neither envkit nor the desktop holds."""
    ours = sum(p.memory or 0 for p in gpu.processes or () if p.own or p.kind == "graphics")
    return (gpu.memory_used or 0) - ours


def _floor(snapshot: Snapshot, gpu: Gpu) -> float:
    """Bytes from which on it is worth a word."""
    desktop = gpu.display_active or views.is_wsl(snapshot)
    share = _DESKTOP_SHARE if desktop and not _others(gpu) else _HELD_SHARE
    return max(_MIN_HELD, share * (gpu.memory_total or 0))


RULES = (
    power_cap_low,
    pcie_link_narrow,
    compute_mode_exclusive,
    mig_no_instances,
    mig_misconfig,
    gpu_memory_held_by_other_process,
)
