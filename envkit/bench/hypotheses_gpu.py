"""What may hold a workload back on a GPU: clocks and lanes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

from envkit.bench import words
from envkit.bench.hypothesis import COPIES, Case, Hypothesis, mean, seen
from envkit.target.clocks import BRAKE, CAP, HOT, GpuHeld, evidence, slots


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
            evidence=tuple(
                row
                for gpu in {gpu.index: gpu for gpu in concerned}.values()
                for row in evidence(gpu, reasons)
            ),
            slots=tuple(slots(concerned[0]).items()),
        )


def _facts(gpus: Iterable[GpuHeld]) -> bool:
    return any(gpu.facts is not None for gpu in gpus)


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
