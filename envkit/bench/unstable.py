"""Why a figure may not hold: what moved, or came in between, while it was measured. Pure.

Each threshold is what a process-level comparison would notice: the spread between processes of a quiet
machine is a few percent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from envkit.bench import words
from envkit.bench.held import CpuHeld, Stretch, cpu_held
from envkit.core.text import count, one_line, size
from envkit.target.clocks import BRAKE, HOT, GpuHeld, gpus_held
from envkit.target.conditions import Conditions

_OTHERS = 0.05
"""Share of the CPUs that other processes may take unnoticed where the CPUs are short."""
_OTHERS_IDLE = 0.25
"""And where half of them or more idle."""
_STEAL = 0.02
_THROTTLED = 0.02
_SWAP = 1 << 20
"""Bytes a second."""
_FAULTS = 100.0
"""Pages a second."""
_CLOCK = 0.05
"""Share of the highest clock of the run by which a GPU's may be lower; a CPU's may twice as much, since its
highest clock depends on how many of its cores work."""
_LOAD = 2.0
"""Runnable tasks for a CPU, where nothing better is known of others."""
_POWER = 0.02
"""Share by which a power limit may move: NVML rounds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One reason, and how it compares with others of its kind."""

    kind: str
    text: str
    weight: float
    """The more, the worse."""


def unstable(
    conditions: Conditions, began: float, ended: float, devices: Collection[str] | None = None
) -> tuple[str, ...]:
    """Sentences without a full stop; () when nothing moved, and when nothing could be read.

    devices: UUIDs of the GPUs that it ran on, () for none; None = as the conditions show.
    """
    return tuple(one.text for one in _reasons(conditions, began, ended, devices))


def over(stretches: Sequence[Stretch]) -> tuple[str, ...]:
    """`unstable` of several processes: one sentence a reason, that of the process which had it worst."""
    found: dict[str, list[Said]] = {}
    for one in stretches:
        for said in _reasons(one.conditions, one.began, one.ended, one.devices):
            found.setdefault(said.kind, []).append(said)
    return tuple(_worst(group, len(stretches)) for group in found.values())


def _worst(group: Sequence[Said], processes: int) -> str:
    worst = max(group, key=lambda said: said.weight)
    if processes == 1:
        return worst.text
    also = f"; so in {len(group)} of {processes} processes, this was the worst"
    return worst.text + (also if len(group) > 1 else f"; in 1 of {processes} processes")


def _reasons(
    conditions: Conditions, began: float, ended: float, devices: Collection[str] | None
) -> Iterator[Said]:
    cpu = cpu_held(conditions, began, ended)
    for gpu in gpus_held(conditions, began, ended, devices):
        yield from _clock(gpu, cpu.seconds)
        yield from _held(gpu, cpu.seconds)
        yield from _changed(gpu)
    yield from _cpu(cpu, conditions)
    yield from _memory(cpu)
    yield from _cpu_clock(cpu)


def _clock(gpu: GpuHeld, seconds: float) -> Iterator[Said]:
    top = max(gpu.clocks, default=0)
    low = [one for one in gpu.working if one.sm_clock and one.sm_clock < (1 - _CLOCK) * top]
    if not low:
        return
    least = min(one.sm_clock for one in low if one.sm_clock)
    why = ", ".join(dict.fromkeys(reason for one in low for reason in one.reasons)) or "no reason was given"
    where = _of(len(low), gpu, seconds)
    text = f"the clock of GPU {gpu.index} fell from {top} to {least} MHz ({why}) in {where}"
    yield Said(kind=f"clock {gpu.index}", text=text, weight=1 - least / top)


def _held(gpu: GpuHeld, seconds: float) -> Iterator[Said]:
    name = f"GPU {gpu.index}"
    for reasons, text in ((HOT, "heat held {} back"), (BRAKE, "the power supply held {} back")):
        under = gpu.under(reasons)
        if not under:
            continue
        hottest = max((one.temperature for one in under if one.temperature is not None), default=None)
        why = ", ".join(dict.fromkeys(r for one in under for r in one.reasons if r in reasons))
        hot = "" if hottest is None or reasons is not HOT else f", {hottest:g} °C"
        said = f"{text.format(name)} ({why}{hot}) in {_of(len(under), gpu, seconds)}"
        yield Said(kind=text + name, text=said, weight=len(under) / max(1, gpu.seen))


def _changed(gpu: GpuHeld) -> Iterator[Said]:
    name = f"GPU {gpu.index}"
    limits = [one.power_limit for one in gpu.working if one.power_limit]
    if limits and max(limits) - min(limits) > _POWER * max(limits):
        text = f"the power limit of {name} moved between {min(limits):g} and {max(limits):g} W"
        yield Said(kind=f"limit {name}", text=text, weight=max(limits) - min(limits))
    widths = [one.pcie_width for one in gpu.working if one.pcie_width]
    if widths and min(widths) < max(widths):
        text = f"the PCIe link of {name} went from {max(widths)} to {min(widths)} lanes"
        yield Said(kind=f"lanes {name}", text=text, weight=1 / min(widths))
    if gpu.others:
        names = ", ".join(one_line(other, limit=40) for other in gpu.others[:3])
        more = f" and {len(gpu.others) - 3} more" if len(gpu.others) > 3 else ""
        text = f"other processes were on {name}: {names}{more}"
        yield Said(kind=f"others {name}", text=text, weight=len(gpu.others))


def _of(moments: int, gpu: GpuHeld, seconds: float) -> str:
    """`12 of 30 s`; a stretch shorter than a second was seen once."""
    if seconds < 1:
        return "the one moment that was seen"
    return f"{max(1.0, seconds * moments / max(1, gpu.seen)):.0f} of {seconds:.0f} s"


def _cpu(cpu: CpuHeld, conditions: Conditions) -> Iterator[Said]:
    if cpu.throttled is not None and cpu.throttled >= _THROTTLED:
        quota = f" of {count(conditions.quota)} CPUs" if conditions.quota else ""
        text = f"the CPU quota{quota} held it back {words.share(cpu.throttled)} of the time"
        yield Said(kind="quota", text=text, weight=cpu.throttled)
    if cpu.others is not None:
        if cpu.others >= (_OTHERS if (cpu.idle or 0.0) < 0.5 else _OTHERS_IDLE):
            text = f"other processes took {words.share(cpu.others)} of the CPUs"
            yield Said(kind="others", text=text, weight=cpu.others)
    elif cpu.load is not None and conditions.cpus and cpu.load >= _LOAD * conditions.cpus:
        on = f"the load was {cpu.load:.1f} on {count(conditions.cpus)} CPUs"
        yield Said(kind="load", text=f"{on}; whose it was could not be read", weight=cpu.load)
    if cpu.steal is not None and cpu.steal >= _STEAL:
        text = f"the hypervisor gave {words.share(cpu.steal)} of the CPUs' time to other machines (steal)"
        yield Said(kind="steal", text=text, weight=cpu.steal)


def _memory(cpu: CpuHeld) -> Iterator[Said]:
    if cpu.swapped is not None and cpu.swapped >= _SWAP:
        text = f"the machine swapped {size(cpu.swapped)} a second"
        yield Said(kind="memory", text=text, weight=cpu.swapped)
    elif cpu.faults is not None and cpu.faults >= _FAULTS:
        text = f"{cpu.faults:.0f} pages of memory a second were read from disk"
        yield Said(kind="memory", text=text, weight=cpu.faults)


def _cpu_clock(cpu: CpuHeld) -> Iterator[Said]:
    if cpu.heat_events:
        hot = "" if cpu.temperature is None else f" ({cpu.temperature:.0f} °C)"
        text = f"heat held the CPU back {cpu.heat_events:.0f} times{hot}"
        yield Said(kind="CPU heat", text=text, weight=cpu.heat_events)
    top = max(cpu.clocks, default=0.0)
    low = [clock for clock in cpu.clocks if clock < (1 - 2 * _CLOCK) * top]
    if len(cpu.clocks) >= 3 and len(low) >= len(cpu.clocks) / 4:
        text = f"the CPU's clock fell from {top:.0f} to {median(low):.0f} MHz"
        yield Said(kind="CPU clock", text=text, weight=1 - median(low) / top)
