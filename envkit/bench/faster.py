"""What would be faster where a workload has reached what its machine gives; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from envkit.bench import words
from envkit.bench.model import BenchResult, WorkloadResult
from envkit.compat.load import load_compat
from envkit.compat.references import elsewhere, precision_gain, references_for

AT_THE_CEILING = 0.6
"""Share of its ceiling from which a workload counts as held by it. What is called well tuned for large
language models reaches 40 to 60 % of the datasheet's peak, which is 50 to 75 % of what a gemm reaches."""
_NEXT = {"fp32": ("tf32", "bf16"), "tf32": ("bf16",)}
"""Precisions that the matrix units take faster, by the one that is used."""
_LIMITS = ("gemm", "memcpy", "allreduce")
"""Workloads that are a ceiling themselves."""
_NAMED = 2
"""Other GPUs that are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One thing that would be faster."""

    what: str
    gain: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """Workloads at one ceiling, and the ways past it."""

    why: str
    ways: tuple[Way, ...]


def faster(result: BenchResult) -> tuple[Held, ...]:
    """For the workloads at their ceiling; () where none is there or nothing faster is known."""
    groups: dict[tuple[str, str, str, str], list[WorkloadResult]] = {}
    for one in result.results:
        top = one.ceiling
        if one.workload in _LIMITS or one.arm != "A" or top is None or top.share is None:
            continue
        if top.share >= AT_THE_CEILING:
            groups.setdefault((top.what, one.precision, one.device, one.device_name), []).append(one)
    found = [_held(group) for group in groups.values()]
    return tuple(held for held in found if held.ways)


def _held(group: list[WorkloadResult]) -> Held:
    first = group[0]
    names = list(dict.fromkeys(one.workload for one in group))
    top = first.ceiling
    limit = words.limit(top) if top else ""
    why = f"{', '.join(names)}: close to what this machine gives ({limit})."
    ways = [*_precisions(first, names[0]), *_devices(first)]
    if top is not None and top.what == "gemm":
        ways.append(Way(what="half as wide", gain="a quarter of the arithmetic"))
    return Held(why=why, ways=tuple(ways))


def _precisions(one: WorkloadResult, workload: str) -> Iterator[Way]:
    others = _NEXT.get(one.precision, ())
    if not one.device.startswith("cuda"):
        others = tuple(other for other in others if other != "tf32")
    for other in others:
        gain = precision_gain(load_compat(), one.device_name, one.precision, other)
        said = [
            f"up to {gain:.2g} times by the datasheet" if gain else "",
            "half the bytes"
            if one.ceiling and one.ceiling.what == "memory-bandwidth" and other == "bf16"
            else "",
            f"measure it: envkit bench {workload} --vs '--precision {other}'",
        ]
        yield Way(what=other, gain="; ".join(filter(None, said)))


def _devices(one: WorkloadResult) -> Iterator[Way]:
    """Other GPUs, by published figures of this workload, else of its ceiling."""
    ceiling = one.ceiling.what if one.ceiling else one.workload
    for name in (one.workload, ceiling):
        rows = references_for(name, one.framework, one.precision, one.device_name, one.nproc)
        better = [other for row in rows[:1] for other in elsewhere(row) if other.ratio > 1.05]
        for other in better[:_NAMED]:
            row = other.reference
            figure = words.rate(row.value, row.unit)
            repository = row.provenance.source.split(" (")[0].split(":")[0]
            gain = f"{other.ratio:.2g} times ({row.what}: {figure}; {repository})"
            yield Way(what=other.device, gain=gain)
        if better:
            return
