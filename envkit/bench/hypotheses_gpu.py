"""What may hold a workload back on a GPU: clocks and lanes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from envkit.bench import words
from envkit.bench.hypothesis import COPIES, Case, Hypothesis, mean, seen
from envkit.core.finding import Evidence
from envkit.target.clocks import BRAKE, CAP, HOT, GpuHeld


def gpu_clocks(case: Case) -> Iterator[Hypothesis]:
    """Heat, the power supply and a power limit below the default."""
    for key, reasons, text in (
        ("thermal-throttle", HOT, "heat held the GPU's clock"),
        ("power-brake", BRAKE, "the power supply held the GPU's clock"),
        ("power-cap-low", CAP, "a power limit below the default held the GPU's clock"),
    ):
        concerned = [gpu for gpu in case.gpus if gpu.under(reasons)]
        if key == "power-cap-low":
            concerned = [gpu for gpu in concerned if gpu.capped]
        loss = mean(gpu.lost(reasons) for gpu in concerned)
        if not concerned or loss is None:
            continue
        under = [moment for gpu in concerned for moment in gpu.under(reasons)]
        whole = sum(len(gpu.working) for gpu in concerned)
        mhz = [moment.sm_clock for moment in under if moment.sm_clock]
        most = (
            max((gpu.facts.sm_clock_max or 0) for gpu in concerned if gpu.facts) if _facts(concerned) else 0
        )
        level = f" at {median(mhz):.0f}" + (f" of {most} MHz" if most else " MHz") if mhz else ""
        yield Hypothesis(
            key=key,
            summary=f"{text}{level} in {words.share(len(under) / whole)} of the moments",
            loss=loss,
            confidence=0.8,
            evidence=tuple(_clock_evidence(concerned, reasons)),
            slots=tuple(_gpu_slots(concerned[0])),
        )


def _clock_evidence(gpus: Sequence[GpuHeld], reasons: Sequence[str]) -> Iterator[Evidence]:
    for gpu in {gpu.index: gpu for gpu in gpus}.values():
        under = gpu.under(reasons)
        name = f"GPU {gpu.index}"
        named = dict.fromkeys(reason for one in under for reason in one.reasons if reason in reasons)
        yield seen(name, ", ".join(named), "NVML, clock event reasons")
        for what, unit, values in (
            ("SM clock", "MHz", [one.sm_clock for one in under if one.sm_clock]),
            ("temperature", "°C", [one.temperature for one in under if one.temperature is not None]),
            ("power", "W", [one.power for one in under if one.power is not None]),
        ):
            if values:
                yield seen(f"{what} of {name}", f"{min(values):g} to {max(values):g} {unit}", "NVML")
        limit = next((one.power_limit for one in under if one.power_limit), None)
        if limit and gpu.facts is not None and gpu.facts.power_default:
            shown = f"{limit:g} W; {gpu.facts.power_default:g} W is the default"
            yield seen(f"power limit of {name}", shown, "NVML")


def _facts(gpus: Iterable[GpuHeld]) -> bool:
    return any(gpu.facts is not None for gpu in gpus)


def _gpu_slots(gpu: GpuHeld) -> Iterator[tuple[str, str]]:
    yield "index", str(gpu.index)
    if gpu.facts is not None and gpu.facts.power_default:
        yield "watts", f"{gpu.facts.power_default:.0f}"


def pcie(case: Case) -> Iterator[Hypothesis]:
    """Fewer lanes than the card has: what it costs is known of copies only."""
    for gpu in {gpu.index: gpu for gpu in case.gpus}.values():
        most = gpu.facts.pcie_width_max if gpu.facts is not None else None
        width = min((one.pcie_width for one in gpu.working if one.pcie_width), default=None)
        if not most or not width or width >= most:
            continue
        yield Hypothesis(
            key="pcie-link-narrow",
            summary=f"GPU {gpu.index} ran on {width} of {most} PCIe lanes",
            loss=1 - width / most if case.workload in COPIES else None,
            confidence=0.9 if case.workload in COPIES else 0.4,
            evidence=(seen(f"PCIe lanes of GPU {gpu.index}", f"{width} of {most}", "NVML"),),
            slots=(("index", str(gpu.index)),),
        )
        return
