"""A cause that may hold a workload back, and all that was seen beside the workload. Pure.

`loss` is the share of the speed that a cause takes: without it the workload would be 1 / (1 - loss) times as
fast. It is an upper bound where the text says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from envkit.bench.held import CpuHeld, Stretch, cpu_held
from envkit.core.finding import Evidence
from envkit.target.clocks import GpuHeld, gpus_held

COPIES = ("memcpy", "h2d", "d2h", "h2d-pageable", "d2h-pageable")
"""Workloads and ceilings that are copies between host and device."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hypothesis:
    """A cause that fits what was seen."""

    key: str
    summary: str
    loss: float | None
    """0..1; None = cannot be said."""
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    slots: tuple[tuple[str, str], ...] = ()
    title: str | None = None
    """Where the cause's own does not fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A workload with all that was seen beside it."""

    workload: str
    on_gpu: bool
    stretches: tuple[Stretch, ...]
    cpus: tuple[CpuHeld, ...]
    """Of each stretch."""
    gpus: tuple[GpuHeld, ...]
    """Of all stretches."""

    @staticmethod
    def of(workload: str, on_gpu: bool, stretches: Sequence[Stretch]) -> Case:
        """Read the conditions of each stretch."""
        return Case(
            workload=workload,
            on_gpu=on_gpu,
            stretches=tuple(stretches),
            cpus=tuple(cpu_held(s.conditions, s.began, s.ended) for s in stretches),
            gpus=tuple(
                gpu for s in stretches for gpu in gpus_held(s.conditions, s.began, s.ended, s.devices)
            ),
        )

    def mean(self, of: Callable[[CpuHeld], float | None]) -> float | None:
        """Over the stretches in which it was read."""
        return mean(of(cpu) for cpu in self.cpus)

    @property
    def usable(self) -> float | None:
        """CPUs that could be used."""
        return max((s.conditions.cpus for s in self.stretches if s.conditions.cpus), default=None)

    @property
    def quota(self) -> float | None:
        """CPUs of the control group's quota."""
        return max((s.conditions.quota for s in self.stretches if s.conditions.quota), default=None)

    @property
    def threads(self) -> int | None:
        """Of all processes that ran at once."""
        return max((s.threads * s.processes for s in self.stretches if s.threads), default=None)

    @property
    def processes(self) -> int:
        """That ran at once."""
        return max((s.processes for s in self.stretches), default=1)


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def seen(what: str, value: str | None, source: str) -> Evidence:
    """One observed fact."""
    return Evidence(what=what, value=value or "", source=source)
