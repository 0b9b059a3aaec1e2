"""GPUs whose clocks were held back while something ran, out of the conditions beside it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from envkit.core.finding import Evidence
from envkit.target.conditions import Conditions, GpuFacts, GpuMoment
from envkit.target.during import gpus_in_use, moments, of_gpu

_IDLE_USE = 0.05
"""Utilisation up to which a GPU idles, and its clock says nothing."""
_CAP_SET = 0.98
"""Share of the default power limit below which somebody has set one."""
HOT = ("hw-thermal", "sw-thermal")
BRAKE = ("hw-power-brake",)
CAP = ("sw-power-cap",)


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuHeld:
    """One GPU that the run was on, in the moments in which it worked."""

    index: int
    facts: GpuFacts | None
    working: tuple[GpuMoment, ...]
    others: tuple[str, ...] = ()
    """Names of other processes on it, at any moment."""
    seen: int = 0
    """All moments, idle ones too."""

    @property
    def clocks(self) -> tuple[int, ...]:
        """MHz, of the moments that have them."""
        return tuple(gpu.sm_clock for gpu in self.working if gpu.sm_clock)

    def under(self, reasons: Collection[str]) -> tuple[GpuMoment, ...]:
        """The moments in which one of these reasons held it back."""
        return tuple(gpu for gpu in self.working if set(reasons) & set(gpu.reasons))

    def lost(self, reasons: Collection[str]) -> float | None:
        """Share of its highest clock that was missing while these held it back, over all moments, 0..1."""
        most = (self.facts.sm_clock_max if self.facts else None) or max(self.clocks, default=None)
        if not most or not self.working:
            return None
        missing = [1 - min(1.0, gpu.sm_clock / most) for gpu in self.under(reasons) if gpu.sm_clock]
        return sum(missing) / len(self.working)

    @property
    def capped(self) -> bool:
        """Whether somebody has set a power limit below the default."""
        default = self.facts.power_default if self.facts is not None else None
        return bool(default) and any(
            one.power_limit is not None and one.power_limit < _CAP_SET * (default or 0)
            for one in self.working
        )


def gpus_held(
    conditions: Conditions, began: float, ended: float, devices: Collection[str] | None = None
) -> tuple[GpuHeld, ...]:
    """Of the GPUs that were used, between two instants. devices: as for `gpus_in_use`."""
    inside = moments(conditions, began, ended)
    found = []
    for index in gpus_in_use(conditions, began, ended, devices):
        seen = [gpu for moment in inside if (gpu := of_gpu(moment, index)) is not None]
        working = tuple(
            gpu
            for gpu in seen
            if "gpu-idle" not in gpu.reasons and (gpu.utilisation is None or gpu.utilisation > _IDLE_USE)
        )
        names = dict.fromkeys(name for gpu in seen for name in gpu.others or ())
        facts = next((facts for facts in conditions.gpus if facts.index == index), None)
        found.append(GpuHeld(index=index, facts=facts, working=working, others=tuple(names), seen=len(seen)))
    return tuple(found)


def evidence(gpu: GpuHeld, reasons: Collection[str]) -> Iterator[Evidence]:
    """What was seen of a GPU while these reasons held its clock back."""
    under, name = gpu.under(reasons), f"GPU {gpu.index}"
    named = dict.fromkeys(reason for one in under for reason in one.reasons if reason in reasons)
    yield Evidence(what=name, value=", ".join(named), source="NVML, clock event reasons")
    for what, unit, values in (
        ("SM clock", "MHz", [one.sm_clock for one in under if one.sm_clock]),
        ("temperature", "°C", [one.temperature for one in under if one.temperature is not None]),
        ("power", "W", [one.power for one in under if one.power is not None]),
    ):
        if values:
            shown = f"{min(values):g} to {max(values):g} {unit}"
            yield Evidence(what=f"{what} of {name}", value=shown, source="NVML")
    limit = next((one.power_limit for one in under if one.power_limit), None)
    if limit and gpu.facts is not None and gpu.facts.power_default:
        shown = f"{limit:g} W; {gpu.facts.power_default:g} W is the default"
        yield Evidence(what=f"power limit of {name}", value=shown, source="NVML")


def slots(gpu: GpuHeld) -> dict[str, str]:
    """What the catalogue's steps for its clocks are filled with."""
    found = {"index": str(gpu.index)}
    if gpu.facts is not None and gpu.facts.power_default:
        found["watts"] = f"{gpu.facts.power_default:.0f}"
    return found
