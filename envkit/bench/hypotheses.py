"""What may hold a workload back: one function a cause, a case in, hypotheses out. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import fmean

from envkit.bench import words
from envkit.bench.held import CpuHeld
from envkit.bench.hypotheses_gpu import gpu_clocks, pcie
from envkit.bench.hypothesis import Case, Hypothesis, seen
from envkit.core.finding import Evidence
from envkit.core.text import count, one_line, plural, size

_SWAP = 1 << 20
"""Bytes a second from which swapping is felt."""
_OVER = 1.25
_UNDER = 0.75
"""Threads for a CPU beyond which they are too many, and too few."""
_IDLE = 0.2
"""Share of the CPUs that must idle for too few threads to be a cause."""
_TWO = 0.5
"""What a second program on a GPU takes at most, when both want all of it: they take turns."""


def quota_throttled(case: Case) -> Iterator[Hypothesis]:
    """The control group's quota."""
    held = case.mean(lambda cpu: cpu.throttled)
    if not held:
        return
    quota, threads = case.quota, case.threads
    each = max(1, int((quota or 1) / case.processes))
    too_many = quota is not None and threads is not None and threads > _OVER * quota
    of = f" of {count(quota)} CPUs" if quota else ""
    evidence = [seen("held back", words.share(held), "throttled time of cpu.stat beside the time used")]
    if too_many:
        evidence.append(seen("threads", f"{threads} for {count(quota or 0)} CPUs", "the framework"))
    slots = [("threads", str(each)), *([("quota", count(quota))] if quota else [])]
    yield Hypothesis(
        key="cpu-quota-below-threads" if too_many else "cpu-quota-throttled",
        summary=f"the CPU quota{of} held it back {words.share(held)} of the time",
        loss=held,
        confidence=0.5 if case.on_gpu else 0.9,
        evidence=tuple(evidence),
        slots=tuple(slots),
    )


def neighbours(case: Case) -> Iterator[Hypothesis]:
    """Other processes and other guests on the CPUs, other programs on the GPU."""
    own, others, steal = (case.mean(of) for of in (_own, _others, lambda cpu: cpu.steal))
    parts: list[str] = []
    evidence: list[Evidence] = []
    taken = steal or 0.0
    if others is not None and own is not None:
        idle = case.mean(lambda cpu: cpu.idle) or 0.0
        taken += max(0.0, others - idle)
        if others > idle and others >= 0.02:
            parts.append(f"other processes took {words.share(others)} of the CPUs")
            evidence.append(
                seen("CPUs of other processes", words.share(others), "/proc/stat, /proc/PID/stat")
            )
            evidence.append(seen("CPUs of this one", words.share(own), "/proc/PID/stat"))
    if steal and steal >= 0.01:
        parts.append(f"the hypervisor gave {words.share(steal)} of the CPUs' time to other machines")
        evidence.append(seen("steal", words.share(steal), "/proc/stat"))
    loss = taken / (own + taken) if own and taken else (taken or 0.0)
    names = tuple(dict.fromkeys(name for gpu in case.gpus for name in gpu.others))
    if names:
        shown = one_line(", ".join(names[:3]))
        parts.append(f"other processes were on the GPU ({shown})")
        evidence.append(seen("processes on the GPU", shown, "NVML"))
    if not parts:
        return
    yield Hypothesis(
        key="noisy-neighbour",
        summary=" and ".join(parts),
        loss=max(_TWO, loss) if names else loss,
        confidence=0.5 if case.on_gpu or names else 0.8,
        evidence=tuple(evidence),
        slots=(("stolen", "yes"),) if steal and steal >= 0.01 else (),
    )


def thread_count(case: Case) -> Iterator[Hypothesis]:
    """Threads of all processes beside the CPUs that they may use; a quota has a cause of its own."""
    cpus, threads = case.usable, case.threads
    if not cpus or not threads or (case.quota is not None and case.quota <= cpus and threads > cpus):
        return
    each = max(1, int(cpus / case.processes))
    evidence = (
        seen("threads", f"{threads} in {plural(case.processes, 'process', 'processes')}", "the framework"),
        seen("CPUs that may be used", count(cpus), "affinity and quota"),
    )
    slots = (("threads", str(each)),)
    if threads > _OVER * cpus:
        summary = f"{threads} threads shared {count(cpus)} CPUs"
        yield Hypothesis(
            key="thread-oversubscription",
            summary=summary,
            loss=None,
            confidence=0.3 if case.on_gpu else 0.6,
            evidence=evidence,
            slots=slots,
        )
    idle = case.mean(lambda cpu: cpu.idle)
    if not case.on_gpu and threads < _UNDER * cpus and idle is not None and idle >= _IDLE:
        yield Hypothesis(
            key="too-few-threads",
            summary=f"{threads} of {count(cpus)} CPUs computed, and {words.share(idle)} of them idled",
            loss=idle / (idle + (case.mean(_own) or 0.0)),
            confidence=0.6,
            evidence=(*evidence, seen("idle CPUs", words.share(idle), "/proc/stat")),
            slots=slots,
        )


def memory(case: Case) -> Iterator[Hypothesis]:
    """Swapping."""
    rate = case.mean(lambda cpu: cpu.swapped)
    if rate is not None and rate >= _SWAP:
        least = min(
            (m.available for s in case.stretches for m in s.conditions.moments if m.available is not None),
            default=None,
        )
        free = () if least is None else (seen("memory available, least", size(least), "/proc/meminfo"),)
        yield Hypothesis(
            key="swap-active",
            summary=f"the machine swapped {size(rate)} a second",
            loss=None,
            confidence=0.7,
            evidence=(seen("swapped", f"{size(rate)} a second", "/proc/vmstat"), *free),
        )


def cpu_heat(case: Case) -> Iterator[Hypothesis]:
    """Heat of the CPU packages; the cause is written for GPUs, and its advice holds for both."""
    events = sum(cpu.heat_events or 0.0 for cpu in case.cpus)
    if not events:
        return
    clocks = [clock for cpu in case.cpus for clock in cpu.clocks]
    top = max((s.conditions.clock_max or 0.0 for s in case.stretches), default=0.0) or max(
        clocks, default=0.0
    )
    loss = 1 - fmean(clocks) / top if clocks and top and not case.on_gpu else None
    hottest = max((cpu.temperature for cpu in case.cpus if cpu.temperature is not None), default=None)
    evidence = [seen("slow-downs for heat", f"{events:.0f}", "package_throttle_count")]
    if hottest is not None:
        evidence.append(seen("CPU temperature", f"{hottest:.0f} °C", "hwmon"))
    if clocks and top:
        evidence.append(seen("CPU clock", f"{fmean(clocks):.0f} of {top:.0f} MHz", "cpufreq"))
    yield Hypothesis(
        key="thermal-throttle",
        title="The CPU is too hot and lowers its clock",
        summary=f"heat held the CPU back {events:.0f} times",
        loss=None if loss is None else max(0.0, loss),
        confidence=0.7,
        evidence=tuple(evidence),
    )


HYPOTHESES: tuple[Callable[[Case], Iterator[Hypothesis]], ...] = (
    quota_throttled,
    neighbours,
    gpu_clocks,
    pcie,
    thread_count,
    memory,
    cpu_heat,
)


def _own(cpu: CpuHeld) -> float | None:
    return cpu.own


def _others(cpu: CpuHeld) -> float | None:
    return cpu.others
