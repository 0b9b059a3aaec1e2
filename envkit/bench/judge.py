"""Samples -> BenchResult: one figure a process, the median over processes with its interval. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from envkit.bench import limits, problems
from envkit.bench.held import stretch_of
from envkit.bench.model import BenchResult, Interval, ReferenceShown, StepTimes, WorkloadResult
from envkit.bench.samples import Environment, LearningCheck, Options, ProcessSamples, Run, Samples
from envkit.bench.scaling import scaling
from envkit.bench.unstable import over
from envkit.compat import Compat
from envkit.compat.references import references_for
from envkit.core.finding import Finding
from envkit.stats import estimate, quantile
from envkit.target.during import energy_of

FEW = 5
"""Steps below which a workload that was ended in the middle gives no figure of that process."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """One workload in one process, or in one launch of several workers."""

    process: ProcessSamples
    runs: tuple[Run, ...]
    """Of all workers of this node, in the order of their ranks."""
    rate: float
    """Items a second of all workers together."""
    typical: float
    """The same of its typical stretch of steps, by which processes are compared."""

    @property
    def world(self) -> int:
        """Workers over all nodes."""
        return _world(self.process, self.runs[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one line of the result stands for."""

    arm: str
    workload: str
    nproc: int
    options: Options


def judge(samples: Samples, compat: Compat, *, findings: Sequence[Finding] = ()) -> BenchResult:
    """The result of what was measured.

    findings: of others (why a result is below what it should be); failures of the samples come before them.
    """
    results = tuple(_result(row, group, compat) for row, group in grouped(samples).items())
    scaled = scaling(samples)
    failures = tuple(dict.fromkeys(failure for process in samples.processes for failure in process.failures))
    return BenchResult(
        fingerprint=samples.fingerprint,
        results=results,
        ceilings=limits.ceilings([process for process in samples.processes if process.arm == "A"]),
        scaling=scaled.rows,
        failures=failures,
        findings=(*problems.findings(samples), *findings),
        conditions=_conditions(samples),
        date=samples.date,
        interrupted=samples.interrupted,
        notes=(*scaled.notes, *_notes(samples)),
    )


def grouped(samples: Samples) -> dict[Row, list[Measured]]:
    """What was measured, by arm, workload, number of workers and options, in the order of starting."""
    groups: dict[Row, list[Measured]] = {}
    for process in samples.processes:
        for workload in dict.fromkeys(run.workload for run in process.runs):
            runs = tuple(run for run in process.runs if run.workload == workload)
            measured = _measured(process, runs)
            if measured is None:
                continue
            options = replace(runs[0].options, batch_size=runs[0].batch_size)
            key = Row(arm=process.arm, workload=workload, nproc=measured.world, options=options)
            groups.setdefault(key, []).append(measured)
    return groups


def _measured(process: ProcessSamples, runs: tuple[Run, ...]) -> Measured | None:
    """None where there is no figure: nothing was measured, or too little before the end."""
    rates = [run.rate for run in runs]
    if not runs or any(rate is None for rate in rates):
        return None
    cut = process.how == "interrupted" or any(run.ended is None for run in runs)
    if cut and min(run.steps for run in runs) < FEW:
        return None
    here = sum(rate for rate in rates if rate is not None)
    # Workers of other nodes take the same steps: a collective ends each.
    share = _world(process, runs[0]) / len(runs)
    typical = sum(rate for run in runs if (rate := run.typical_rate) is not None)
    return Measured(process=process, runs=runs, rate=here * share, typical=typical * share)


def _world(process: ProcessSamples, run: Run) -> int:
    told = process.environment.world if process.environment is not None else 1
    return max(told, run.options.nproc * run.options.nnodes)


def interval(values: Sequence[float], unit: str) -> Interval:
    """The median over processes."""
    found = estimate(values)
    return Interval(median=found.median, low=found.low, high=found.high, unit=unit)


def _result(row: Row, group: list[Measured], compat: Compat) -> WorkloadResult:
    first = group[0].runs[0]
    environment = _environment(group)
    device = environment.device if environment is not None else None
    rates = [each.rate for each in group]
    runs = [run for each in group for run in each.runs]
    flops = [each.rate / first.items * first.flops for each in group if first.flops]
    achieved = statistics.median(flops) if flops else None
    reached = limits.reached([(each.runs[0], each.process.limits) for each in group])
    share = _mfu(group, None if achieved is None else achieved / row.nproc, compat)
    throughput = interval(rates, f"{first.unit}/s")
    return WorkloadResult(
        workload=row.workload,
        framework=row.options.framework,
        device=_device(device.kind if device else row.options.device, device.index if device else None),
        device_name=device.name if device else "",
        precision=row.options.precision,
        throughput=throughput,
        arm=row.arm,
        options=row.options,
        batch_size=first.batch_size,
        nproc=row.nproc,
        processes=tuple(rates),
        typical=tuple(each.typical for each in group),
        step=_step(runs),
        flops_per_step=first.flops,
        achieved=achieved,
        rss=max((run.rss for run in runs if run.rss is not None), default=None),
        device_memory=max((run.device_memory for run in runs if run.device_memory is not None), default=None),
        energy=_energy(group),
        ceiling=reached.ceiling,
        mfu=share.value,
        check=_check(runs),
        references=_references(row, throughput, device.name if device else ""),
        unstable=_unstable(group),
        notes=tuple(filter(None, (*_run_notes(group), reached.note, share.note))),
    )


def _environment(group: Sequence[Measured]) -> Environment | None:
    return next((each.process.environment for each in group if each.process.environment), None)


def _mfu(group: Sequence[Measured], achieved: float | None, compat: Compat) -> limits.Mfu:
    """achieved: FLOP/s of one device."""
    environment = _environment(group)
    if environment is None:
        return limits.Mfu(value=None)
    watts = [
        found
        for each in group
        if (found := limits.power_limit(each.process.conditions, each.runs[0], environment.device))
        is not None
    ]
    precision = group[0].runs[0].options.precision
    return limits.mfu(achieved, precision, environment.device, min(watts, default=None), compat)


def _references(row: Row, throughput: Interval, device_name: str) -> tuple[ReferenceShown, ...]:
    """Published figures of the same unit, the most comparable first."""
    options = row.options
    found = references_for(row.workload, options.framework, options.precision, device_name, row.nproc)
    return tuple(
        ReferenceShown(
            what=each.what,
            value=each.value,
            unit=each.unit,
            share=throughput.median / each.value,
            comparable=each.comparable,
            conditions=each.conditions,
            source=each.provenance.source,
        )
        for each in found
        if each.unit == throughput.unit
    )


def _device(kind: str, index: int | None) -> str:
    return kind if index is None or kind == "cpu" else f"{kind}:{index}"


def _step(runs: Sequence[Run]) -> StepTimes | None:
    """Over the steps of all processes."""
    host = sorted(second for run in runs for second in run.step_seconds)
    if not host:
        return None
    device = [second for run in runs for second in run.device_seconds or ()]
    first = [run.first_step for run in runs if run.first_step is not None]
    return StepTimes(
        p50=quantile(host, 0.5),
        p95=quantile(host, 0.95),
        first=statistics.median(first) if first else None,
        device_p50=statistics.median(device) if device else None,
    )


def _check(runs: Sequence[Run]) -> LearningCheck | None:
    """The worst of all processes: that of one that does not learn counts."""
    checks = [run.check for run in runs if run.check is not None]
    return next((check for check in checks if not check.ok), checks[0] if checks else None)


def _energy(group: Sequence[Measured]) -> float | None:
    """Joules of an item: the median over processes."""
    found = [value for each in group if (value := _energy_of(each)) is not None]
    return statistics.median(found) if found else None


def _energy_of(measured: Measured) -> float | None:
    conditions, run = measured.process.conditions, measured.runs[0]
    if conditions is None or run.began is None or run.ended is None or run.options.nnodes > 1:
        return None
    spent = energy_of(conditions, run.began, run.ended, _devices(measured))
    return spent.joules / (measured.rate * (run.ended - run.began)) if spent and measured.rate else None


def _devices(measured: Measured) -> tuple[str, ...] | None:
    """UUIDs of the GPUs that it ran on; () for the CPU; None = as the conditions show."""
    environment = measured.process.environment
    if environment is None or measured.world > 1:
        return None
    if environment.device.kind == "cpu":
        return ()
    return None if environment.device.uuid is None else (environment.device.uuid,)


def _unstable(group: Sequence[Measured]) -> tuple[str, ...]:
    found = (stretch_of(each.process, each.runs[0].workload) for each in group)
    return over([one for one in found if one is not None])


def _run_notes(group: Sequence[Measured]) -> tuple[str, ...]:
    """What was changed on the way, and what the figures do not rest on."""
    runs = [run for each in group for run in each.runs]
    said = dict.fromkeys(note for run in runs for note in run.notes)
    notes = list(said)
    unsteady = sum(1 for each in group if any(run.stable is False for run in each.runs))
    if unsteady:
        of = f"{unsteady} of {len(group)} processes"
        notes.append(f"warm-up ended by its time limit and not by steady steps in {of}")
    early = sum(1 for each in group if each.process.how != "done")
    if early:
        of = f"{early} of {len(group)} processes"
        notes.append(f"{of} did not end well; what they measured before is counted")
    return tuple(notes)


def _conditions(samples: Samples) -> dict[str, str]:
    """What was so for all processes."""
    found: dict[str, str] = {}
    for process in samples.processes:
        if process.conditions is not None:
            for trouble in process.conditions.trouble:
                found.setdefault("not sampled", trouble)
    return found


def _notes(samples: Samples) -> Iterable[str]:
    """What is to be known of the whole."""
    for process in samples.processes:
        if process.how in ("crashed", "timeout"):
            yield f"process {process.number + 1} ({process.arm}) {process.detail}"
