"""The GPUs' health, as NVML and the kernel log report it."""

from __future__ import annotations

from envkit.compat import Compat, xid_kind
from envkit.core import text
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, ok, problem
from envkit.doctor.rules.per_gpu import each_gpu
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot


def ecc_xid_hardware(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Uncorrectable memory errors, or another driver error that means failing hardware."""

    def judge(gpu: Gpu) -> Outcome | None:
        ecc = gpu.ecc
        if ecc is None or (ecc.uncorrected_volatile is None and ecc.sram_threshold_exceeded is None):
            return None
        if ecc.uncorrected_volatile:
            found = ecc.uncorrected_volatile
            return problem(
                f"{views.gpu_label(gpu)} has {text.plural(found, 'uncorrectable memory error')} "
                "since the driver was loaded",
                fact(f"GPU {gpu.index}", f"{found} uncorrected (volatile)", "nvmlDeviceGetTotalEccErrors"),
                index=str(gpu.index),
            )
        if ecc.sram_threshold_exceeded:
            return problem(
                f"{views.gpu_label(gpu)} passed its threshold of SRAM errors",
                fact(f"GPU {gpu.index}", "SRAM threshold exceeded", "nvmlDeviceGetSramEccErrorStatus"),
                index=str(gpu.index),
            )
        return ok("no error")

    counters = each_gpu(snapshot, judge, "no uncorrectable memory error")
    if counters.status == "problem":
        return counters
    failing = [xid for xid in snapshot.xids or () if xid_kind(compat, xid.code) == "hardware"]
    if failing:
        last = failing[-1]
        return problem(
            f"the driver logged Xid {last.code} for {last.pci_address or 'a GPU'} since boot",
            *(fact(f"Xid {xid.code}", xid.text, "kernel log") for xid in failing[-3:]),
            confidence=0.8,
        )
    return counters


def row_remap_pending(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Row remapping or page retirement waits for a reset, or has failed."""

    def judge(gpu: Gpu) -> Outcome | None:
        remap, ecc = gpu.row_remap, gpu.ecc
        if remap is None and (ecc is None or ecc.retirement_pending is None):
            return None
        label = views.gpu_label(gpu)
        if remap is not None and remap.failed:
            return problem(
                f"{label} ran out of spare rows for its failing memory",
                fact(f"GPU {gpu.index}", "row remapping failed", "nvmlDeviceGetRemappedRows"),
                failed=str(gpu.index),
            )
        if remap is not None and remap.pending:
            return problem(
                f"{label} waits for a reset to replace a failing memory row",
                fact(f"GPU {gpu.index}", "row remapping pending", "nvmlDeviceGetRemappedRows"),
                index=str(gpu.index),
            )
        if ecc is not None and ecc.retirement_pending:
            return problem(
                f"{label} waits for a reset to retire failing memory pages",
                fact(f"GPU {gpu.index}", "retirement pending", "nvmlDeviceGetRetiredPagesPendingStatus"),
                index=str(gpu.index),
            )
        return ok("nothing waits")

    return each_gpu(snapshot, judge, "no memory row or page waits for a reset")


def thermal_throttle(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Clocks are lowered by temperature."""

    def judge(gpu: Gpu) -> Outcome | None:
        reasons = gpu.clock_reasons
        if reasons is None:
            return None
        hot = [reason for reason in reasons if reason in ("hw-thermal", "sw-thermal")]
        near = _near_slowdown(gpu)
        if not hot and not ("hw-slowdown" in reasons and "hw-power-brake" not in reasons and near):
            return ok("not throttled")
        evidence = [fact(f"GPU {gpu.index}", ", ".join(hot or ["hw-slowdown"]), "clock event reasons")]
        if gpu.temperature is not None:
            limit = f" (slows down at {gpu.temperature_slowdown:g} °C)" if gpu.temperature_slowdown else ""
            evidence.append(fact("temperature", f"{gpu.temperature:g} °C{limit}", "NVML"))
        if gpu.clock_sm is not None and gpu.clock_sm_max is not None:
            evidence.append(fact("SM clock", f"{gpu.clock_sm:g} of {gpu.clock_sm_max:g} MHz", "NVML"))
        return problem(
            f"{views.gpu_label(gpu)} lowers its clocks because it is too hot",
            *evidence,
            severity="error" if "hw-thermal" in hot else "warning",
            index=str(gpu.index),
        )

    return each_gpu(snapshot, judge, "no GPU lowers its clocks for heat")


def _near_slowdown(gpu: Gpu) -> bool:
    return (
        gpu.temperature is not None
        and gpu.temperature_slowdown is not None
        and gpu.temperature >= gpu.temperature_slowdown - 3
    )


def power_brake(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The power supply or its cabling makes the hardware slow down."""

    def judge(gpu: Gpu) -> Outcome | None:
        reasons = gpu.clock_reasons
        if reasons is None:
            return None
        braked = "hw-power-brake" in reasons
        hot = "hw-thermal" in reasons or _near_slowdown(gpu)
        # Some cards raise hw-slowdown while they idle.
        unexplained = "hw-slowdown" in reasons and "gpu-idle" not in reasons and not hot
        if not braked and not unexplained:
            return ok("no brake")
        shown = "hw-power-brake" if braked else "hw-slowdown"
        evidence = [fact(f"GPU {gpu.index}", shown, "clock event reasons")]
        if gpu.clock_sm is not None and gpu.clock_sm_max is not None:
            evidence.append(fact("SM clock", f"{gpu.clock_sm:g} of {gpu.clock_sm_max:g} MHz", "NVML"))
        return problem(
            f"an external power brake holds {views.gpu_label(gpu)} down",
            *evidence,
            # A laptop brakes its GPU on battery.
            severity="warning" if views.is_mobile(gpu) else None,
            confidence=1.0 if braked else 0.6,
            index=str(gpu.index),
        )

    return each_gpu(snapshot, judge, "no power brake")


RULES = (
    ecc_xid_hardware,
    row_remap_pending,
    thermal_throttle,
    power_brake,
)
