"""The tables of a result: how fast, and what each step was like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from envkit.bench import words
from envkit.bench.model import BenchResult, WorkloadResult
from envkit.core import text
from envkit.core.report import Cell, Column, Section, Table

Getter = Callable[[WorkloadResult], Cell]


def labels(result: BenchResult) -> tuple[tuple[str, Getter], ...]:
    """The columns that tell the rows apart: the workload, and whatever else differs between rows."""
    varying: tuple[tuple[str, Getter], ...] = (
        ("side", lambda one: one.arm),
        ("framework", lambda one: one.framework),
        ("device", lambda one: one.device),
        ("precision", lambda one: one.precision),
        ("processes", lambda one: one.nproc),
    )
    found = [(title, get) for title, get in varying if len({get(one) for one in result.results}) > 1]
    return (("workload", lambda one: one.workload), *found)


def label(result: BenchResult, one: WorkloadResult) -> str:
    """The same in one string: `transformer, B`."""
    return ", ".join(str(get(one)) for _, get in labels(result))


def throughput(result: BenchResult) -> list[Section]:
    """How fast, with the interval, and the times of a step."""
    if not result.results:
        return []
    sure = any(one.throughput.low is not None for one in result.results)
    columns: tuple[tuple[str, Getter], ...] = (
        *labels(result),
        ("throughput", lambda one: words.rate(one.throughput.median, one.throughput.unit)),
        ("95 % interval" if sure else "range", _interval if sure else _range),
        ("step p50", lambda one: words.seconds(one.step.p50) if one.step else None),
        ("p95", lambda one: words.seconds(one.step.p95) if one.step else None),
    )
    return [Section(title="Throughput", blocks=(_table(_ordered(result), _known(result, columns)),))]


def _interval(one: WorkloadResult) -> Cell:
    return words.span(one.throughput.low, one.throughput.high, one.throughput.unit, of=one.throughput.median)


def _range(one: WorkloadResult) -> Cell:
    """Of the processes, where there are too few for an interval."""
    if len(one.processes) < 2:
        return None
    return words.span(min(one.processes), max(one.processes), one.throughput.unit, of=one.throughput.median)


def each_step(result: BenchResult) -> list[Section]:
    """Batch, first step, memory, energy, whether it learnt; a column that nobody could read is left out."""
    if not result.results:
        return []
    columns: tuple[tuple[str, Getter], ...] = (
        *labels(result),
        ("batch", lambda one: one.batch_size),
        ("first step", lambda one: words.seconds(one.step.first) if one.step else None),
        ("device p50", lambda one: words.seconds(one.step.device_p50) if one.step else None),
        ("RAM", lambda one: None if one.rss is None else text.size(one.rss)),
        ("VRAM", lambda one: None if one.device_memory is None else text.size(one.device_memory)),
        ("J/item", lambda one: words.joules(one.energy)),
        ("learnt", lambda one: None if one.check is None else "yes" if one.check.ok else "NO"),
    )
    kept = _known(result, columns)
    if len(kept) == len(labels(result)):
        return []
    return [Section(title="Each step", blocks=(_table(_ordered(result), kept),))]


def learning(result: BenchResult) -> list[Section]:
    """What the check before the measurement came to, for -v."""
    checked = [(one, one.check) for one in _ordered(result) if one.check is not None]
    if not checked:
        return []
    known = labels(result)
    titles = [title for title, _ in known]
    titles += ["data", "steps", "first loss", "last loss", "must not exceed"]
    rows = tuple(
        (*(get(one) for _, get in known), check.data, check.steps, check.first, check.last, check.demanded)
        for one, check in checked
    )
    table = Table(columns=tuple(Column(title=title) for title in titles), rows=rows)
    return [Section(title="Whether it learns", blocks=(table,), detail=True)]


def processes(result: BenchResult) -> list[Section]:
    """Every process by itself, for -v."""
    most = max((len(one.processes) for one in result.results), default=0)
    if most < 2:
        return []

    def figure(place: int) -> Getter:
        return lambda one: words.number(one.processes[place]) if place < len(one.processes) else None

    columns = [
        *labels(result),
        ("unit", lambda one: one.throughput.unit),
        *((str(place + 1), figure(place)) for place in range(most)),
    ]
    return [Section(title="Each process", blocks=(_table(_ordered(result), columns),), detail=True)]


def _ordered(result: BenchResult) -> list[WorkloadResult]:
    """Rows of one workload next to each other."""
    names = list(dict.fromkeys(one.workload for one in result.results))
    return sorted(result.results, key=lambda one: names.index(one.workload))


def _known(result: BenchResult, columns: Sequence[tuple[str, Getter]]) -> list[tuple[str, Getter]]:
    """Without columns that have nothing to say."""
    return [column for column in columns if any(column[1](one) is not None for one in result.results)]


def _table(rows: Sequence[WorkloadResult], columns: Sequence[tuple[str, Getter]]) -> Table:
    left = ("workload", "side", "framework", "device", "precision", "unit")
    return Table(
        columns=tuple(
            Column(title=title, align="left" if title in left else "right") for title, _ in columns
        ),
        rows=tuple(tuple(get(one) for _, get in columns) for one in rows),
    )
