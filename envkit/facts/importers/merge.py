"""Several accounts of one machine as one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from envkit.core.text import one_line
from envkit.facts.gpu_model import Gpu, Nvml
from envkit.facts.importers import gpu_names, probes
from envkit.facts.model import CONTRADICTION, ProbeStatus, Snapshot
from envkit.facts.python_model import Distribution, TargetPython

T = TypeVar("T")

_MOVING = frozenset(
    {
        "detail", "error", "memory_used", "memory_reserved", "temperature", "memory_temperature",
        "power_draw", "clock_sm", "clock_memory", "clock_reasons", "performance_state", "utilization_gpu",
        "utilization_memory", "pcie_gen", "pcie_replays", "processes", "violation_power",
        "violation_thermal", "corrected_volatile", "uncorrected_volatile", "load1", "taken", "envkit",
        "location", "executable", "chosen_because", "path", "nvcc", "total", "index", "uptime", "available",
        "display_active", "max_mhz",
    }
)  # fmt: skip
"""Readings that differ from one moment to the next, and words that each report has its own of."""


class _Merger:
    """Lays one account over another and keeps what does not agree."""

    def __init__(self) -> None:
        self.contradictions: dict[str, list[str]] = {}
        self.probe = ""

    def note(self, name: str, kept: object, other: object) -> None:
        said = one_line(f"{name}: {kept} is taken, another source says {other}", limit=160)
        notes = self.contradictions.setdefault(self.probe, [])
        if said not in notes and len(notes) < 8:
            notes.append(said)

    def either(self, name: str, first: Any, second: Any) -> Any:
        """One field: what only one account knows, else the first's, made more specific where they agree."""
        if first is None or second is None:
            return second if first is None else first
        if type(first) is not type(second):
            return first
        if isinstance(first, Nvml):
            return self.nvml(first, second)
        if isinstance(first, TargetPython):
            return self.python(first, second)
        if is_dataclass(first):
            return self.record(first, second)
        if isinstance(first, str):
            return self.words(name, first, second)
        if first != second and not isinstance(first, tuple) and name not in _MOVING:
            # A paste cannot see what it does not ask: False and 0 there are answers, too.
            self.note(name, first, second)
        return first

    def record(self, first: T, second: T) -> T:
        values = {
            field.name: self.either(field.name, getattr(first, field.name), getattr(second, field.name))
            for field in fields(first)  # type: ignore[arg-type]
        }
        return replace(first, **values)  # type: ignore[type-var]

    def words(self, name: str, first: str, second: str) -> str:
        """`2.6.0` and `2.6.0+cu124` agree, and so do a name and the part of it that a table had room for."""
        if name in _MOVING or first.lower() == second.lower():
            return first
        short, long = sorted((gpu_names.uncut(first), gpu_names.uncut(second)), key=len)
        if short and long.lower().startswith(short.lower()):
            return first if len(gpu_names.uncut(first)) == len(long) and first == long else long
        self.note(name, first or "none", second or "none")
        return first

    def nvml(self, first: Nvml, second: Nvml) -> Nvml:
        """Accounts of different states are of different moments: one says nothing of the other."""
        if first.state != second.state:
            self.note("NVML", first.state, second.state)
            return first
        merged = self.record(replace(first, gpus=None), replace(second, gpus=None))
        return replace(merged, gpus=self.gpus(first.gpus, second.gpus))

    def gpus(self, first: tuple[Gpu, ...] | None, second: tuple[Gpu, ...] | None) -> tuple[Gpu, ...] | None:
        if not first or not second:
            return first or second
        left = list(second)
        merged = []
        for gpu in first:
            other = next((one for one in left if _same(gpu, one)), None)
            if other is not None:
                left.remove(other)
                gpu = self.record(gpu, replace(other, index=gpu.index))
            merged.append(gpu)
        if left and len(second) > 1:
            self.note("GPUs", len(first), len(second))
        return tuple(merged)

    def python(self, first: TargetPython, second: TargetPython) -> TargetPython:
        """A list that was read in the environment itself is whole; those of reports add to each other."""
        bare_first, bare_second = (replace(one, distributions=None) for one in (first, second))
        merged = self.record(bare_first, bare_second)
        return replace(merged, distributions=self.packages(first, second))

    def packages(self, first: TargetPython, second: TargetPython) -> tuple[Distribution, ...] | None:
        if first.distributions is None or second.distributions is None or first.read:
            return first.distributions if first.distributions is not None else second.distributions
        others = {one.name: one for one in second.distributions}
        merged = [
            self.package(one, others.pop(one.name)) if one.name in others else one
            for one in first.distributions
        ]
        return (*merged, *others.values())

    def package(self, first: Distribution, second: Distribution) -> Distribution:
        return replace(
            first,
            version=self.words(f"version of {first.name}", first.version, second.version),
            installer=first.installer or second.installer,
        )


def _same(one: Gpu, other: Gpu) -> bool:
    """Whether two accounts are of one GPU: by what names it for good, else by its place and name."""
    for mine, theirs in ((one.uuid, other.uuid), (one.pci_address, other.pci_address)):
        if mine is not None and theirs is not None:
            return mine == theirs
    if one.index != other.index or one.name is None or other.name is None:
        return one.index == other.index
    short, long = sorted((gpu_names.uncut(one.name).lower(), gpu_names.uncut(other.name).lower()), key=len)
    return long.startswith(short)


def merge(snapshots: Sequence[Snapshot]) -> Snapshot:
    """One snapshot of several, the most specific first.

    Every fact is that of the first snapshot that holds it; what none holds stays unknown. Facts that do not
    agree, other than readings that change by the moment, are named in the probe's status.
    """
    merger = _Merger()
    merged = snapshots[0]
    statuses = {status.name: status for status in merged.probes}
    for other in snapshots[1:]:
        values = {}
        for field in fields(Snapshot):
            merger.probe = field.name
            if field.name not in ("probes", "schema"):
                mine, theirs = getattr(merged, field.name), getattr(other, field.name)
                values[field.name] = merger.either(field.name, mine, theirs)
        merged = replace(merged, **values)
        for status in other.probes:
            statuses[status.name] = _status(statuses.get(status.name), status)
    noted = tuple(_with_notes(status, merger.contradictions) for status in statuses.values())
    return replace(merged, probes=noted)


def _status(first: ProbeStatus | None, second: ProbeStatus) -> ProbeStatus:
    """The status that says most; where none holds the facts, all say so."""
    if first is None or probes.rank(first) != probes.rank(second):
        return second if first is None or probes.rank(second) < probes.rank(first) else first
    if second.detail in first.detail:
        return first
    return replace(first, detail=one_line(f"{first.detail}; {second.detail}", limit=300))


def _with_notes(status: ProbeStatus, contradictions: dict[str, list[str]]) -> ProbeStatus:
    notes = contradictions.get(status.name)
    if not notes:
        return status
    said = "; ".join(notes)
    return replace(status, detail=one_line(f"{status.detail}; {CONTRADICTION}{said}".lstrip("; "), limit=600))
