"""Scaling: what n processes reach together, beside what one reaches alone. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from envkit.bench.model import Interval, Scaled
from envkit.bench.samples import Options, ProcessSamples, Run, Samples
from envkit.stats.compare import compare
from envkit.stats.summary import estimate

Mode = Literal["weak", "strong"]
_FEW = 5
"""Steps below which what a launch that was ended early measured does not count."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """One workload in one launch: all its processes together."""

    world: int
    batch: int
    """Of each process."""
    rate: float
    """Items a second of all processes."""
    unit: str
    exposed: float | None
    """Share of a step that waits for communication."""
    threads: int | None
    cpus: float | None
    """What a launch on the CPU had; None on another device."""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scaling:
    """Rows of the table, and what could not be said."""

    rows: tuple[Scaled, ...]
    notes: tuple[str, ...] = ()


def scaling(samples: Samples) -> Scaling:
    """Weak and strong efficiency of every workload that ran with several numbers of processes.

    Both are rate(n) / (n * rate(1)): for the same batch of each process that is weak scaling, for the same
    batch over all it is T(1) / (n * T(n)), strong scaling. What has neither batch is not compared, and told.
    Without a launch of one process the smallest number takes its place.
    """
    rows: list[Scaled] = []
    notes: list[str] = []
    for (workload, *_), launches in _groups(samples).items():
        worlds = sorted({launch.world for launch in launches})
        if len(worlds) < 2:
            continue
        base = [launch for launch in launches if launch.world == worlds[0]]
        for mode in _modes():
            rows += _rows(workload, mode, base, launches, notes)
        notes += _odd(workload, base, launches)
    return Scaling(rows=tuple(rows), notes=tuple(dict.fromkeys(notes)))


def exposed(run: Run) -> float | None:
    """Share of a step that training without collectives would have saved, 0..1; None = not measured."""
    if not run.no_sync_seconds or not run.step_seconds:
        return None
    step = statistics.median(run.step_seconds)
    return max(0.0, 1 - statistics.median(run.no_sync_seconds) / step) if step > 0 else None


def _modes() -> tuple[Mode, ...]:
    return ("weak", "strong")


def _rows(
    workload: str, mode: Mode, base: Sequence[Launch], launches: Iterable[Launch], notes: list[str]
) -> Iterator[Scaled]:
    """The base and every larger number of processes that scales in this mode; nothing where none does."""
    fitting: dict[int, list[Launch]] = {}
    for launch in launches:
        if launch.world > base[0].world and _mode(base[0], launch) == mode:
            fitting.setdefault(launch.world, []).append(launch)
    if not fitting:
        return
    yield Scaled(
        workload=workload, nproc=base[0].world, mode=mode, throughput=_throughput(base), efficiency=1.0
    )
    for world, group in sorted(fitting.items()):
        ideal = [launch.rate * world / launch.world for launch in base]
        ratio = compare(ideal, [launch.rate for launch in group])
        waits = [launch.exposed for launch in group if launch.exposed is not None]
        said = _said(base, group, mode)
        notes += [f"{workload} with {world} processes: {text}" for text in said]
        yield Scaled(
            workload=workload,
            nproc=world,
            mode=mode,
            throughput=_throughput(group),
            efficiency=ratio.ratio,
            low=ratio.low,
            high=ratio.high,
            exposed=statistics.median(waits) if waits else None,
            note="; ".join(said),
        )


def _mode(base: Launch, launch: Launch) -> Mode | None:
    if launch.batch == base.batch:
        return "weak"
    if launch.batch == max(1, base.batch * base.world // launch.world):
        return "strong"
    return None


def _throughput(group: Sequence[Launch]) -> Interval:
    found = estimate([launch.rate for launch in group])
    return Interval(median=found.median, low=found.low, high=found.high, unit=f"{group[0].unit}/s")


def _said(base: Sequence[Launch], group: Sequence[Launch], mode: Mode) -> list[str]:
    """What else differed than the number of processes."""
    first, alone = group[0], base[0]
    said = [text for launch in group for text in launch.told]
    if first.cpus is not None and first.world > first.cpus:
        said.append(f"{first.world} processes shared {first.cpus:g} CPUs: this measures that, not scaling")
    if None not in (first.threads, alone.threads) and first.threads != alone.threads:
        said.append(f"{first.threads} threads a process, and {alone.threads} in the launch of {alone.world}")
    if alone.world != 1:
        said.append(f"beside {alone.world} processes, one alone was not measured")
    whole, ours = alone.batch * alone.world, first.batch * first.world
    if mode == "strong" and ours != whole:
        said.append(f"the batch over all was {ours}, not {whole}, which {first.world} does not divide")
    return list(dict.fromkeys(said))


def _odd(workload: str, base: Sequence[Launch], launches: Iterable[Launch]) -> Iterator[str]:
    for launch in launches:
        if launch.world > base[0].world and _mode(base[0], launch) is None:
            yield (
                f"{workload}: a batch of {launch.batch} in each of {launch.world} processes beside one of "
                f"{base[0].batch} in {base[0].world} is neither weak nor strong scaling: not compared"
            )


def _groups(samples: Samples) -> dict[tuple[str, str, Options], list[Launch]]:
    """Launches by workload, target and options, the number of processes and the batch left out."""
    targets = {arm.name: arm.target for arm in samples.arms}
    groups: dict[tuple[str, str, Options], list[Launch]] = {}
    for process in samples.processes:
        for workload in dict.fromkeys(run.workload for run in process.runs):
            runs = [run for run in process.runs if run.workload == workload and run.rate]
            launch = _launch(process, runs)
            if launch is not None:
                options = replace(runs[0].options, nproc=1, nnodes=1, batch_size=None)
                key = (workload, targets.get(process.arm, ""), options)
                groups.setdefault(key, []).append(launch)
    return groups


def _launch(process: ProcessSamples, runs: Sequence[Run]) -> Launch | None:
    """None where a process of this node has no rate: the sum would be too small."""
    if not runs or len({run.batch_size for run in runs}) > 1:
        return None
    if process.how != "done" and min(run.steps for run in runs) < _FEW:
        return None
    environment, options = process.environment, runs[0].options
    if len({run.rank for run in runs}) < options.nproc:
        return None
    world = max(options.nproc * options.nnodes, environment.world if environment else 1)
    here = len(runs)
    waits = [wait for run in runs if (wait := exposed(run)) is not None]
    on_cpu = environment is not None and environment.device.kind == "cpu" and options.nnodes == 1
    return Launch(
        world=world,
        batch=runs[0].batch_size,
        # Processes of other nodes run the same steps: a collective ends each.
        rate=sum(run.rate or 0.0 for run in runs) * world / here,
        unit=runs[0].unit,
        exposed=statistics.median(waits) if waits and world > 1 else None,
        threads=environment.threads if environment else None,
        cpus=process.conditions.cpus if on_cpu and process.conditions else None,
        told=(f"rates of {here} of {world} processes, those of this node",) if here < world else (),
    )
