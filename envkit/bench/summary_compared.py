"""Two arms beside each other, and several numbers of processes."""

from __future__ import annotations

from envkit.bench import words
from envkit.bench.model import BenchResult, Compared, Scaled
from envkit.core.report import Bar, Bars, Block, Cell, Column, Section, Table, Text

_VERDICTS = {"same": "the same", "inconclusive": "cannot tell"}


def comparison(result: BenchResult) -> list[Section]:
    """B beside A: the verdict, the change with its interval, and what would have been seen."""
    if not result.compared:
        return []
    # The table of throughput has both sides already, where both ran here.
    both = {"A", "B"} <= {one.arm for one in result.results}
    titles = ("workload", "B is", "change", "95 % interval", "detectable", *(() if both else ("A", "B")))
    rows = tuple(_row(one)[: len(titles)] for one in result.compared)
    columns = tuple(
        Column(title=title, align="left" if title in ("workload", "B is") else "right") for title in titles
    )
    bars = tuple(
        Bar(
            label=one.workload,
            value=round((one.ratio - 1) * 100, 1),
            low=None if one.low is None else round((one.low - 1) * 100, 1),
            high=None if one.high is None else round((one.high - 1) * 100, 1),
        )
        for one in result.compared
    )
    why = tuple(Text(text=f"{one.workload}: {one.why}") for one in result.compared if one.why)
    blocks: tuple[Block, ...] = (Table(columns=columns, rows=rows), Bars(bars=bars, unit="%"), *why)
    return [Section(title="B beside A", blocks=blocks)]


def _row(one: Compared) -> tuple[Cell, ...]:
    known = None
    if one.low is not None and one.high is not None:
        known = f"{words.change(one.low)} to {words.change(one.high)}"
    return (
        one.workload,
        _VERDICTS.get(one.verdict, one.verdict),
        words.change(one.ratio),
        known,
        words.share(one.detectable),
        words.rate(one.a.median, one.a.unit),
        words.rate(one.b.median, one.b.unit),
    )


def scaling(result: BenchResult) -> list[Section]:
    """Efficiency over the number of processes, a block for each workload and mode."""
    groups: dict[tuple[str, str], list[Scaled]] = {}
    for one in result.scaling:
        groups.setdefault((one.workload, one.mode), []).append(one)
    return [_scaled(*key, rows) for key, rows in groups.items()]


_MODES = {
    "weak": "weak: the same batch for each process",
    "strong": "strong: the same batch over all processes",
}


def _scaled(workload: str, mode: str, rows: list[Scaled]) -> Section:
    measured = [one for one in rows if one.throughput.median > 0]
    exposed = any(one.exposed is not None for one in measured)
    titles = [
        "processes",
        "throughput",
        "95 % interval",
        "efficiency",
        *(["waits for others"] if exposed else []),
    ]
    cells: list[tuple[Cell, ...]] = []
    for one in measured:
        speed = one.throughput
        row: list[Cell] = [one.nproc, words.rate(speed.median, speed.unit)]
        row += [words.span(speed.low, speed.high, speed.unit, of=speed.median), words.share(one.efficiency)]
        cells.append((*row, words.share(one.exposed)) if exposed else tuple(row))
    bars = tuple(
        Bar(
            label=str(one.nproc),
            value=_percent(one.efficiency),
            low=None if one.low is None else _percent(one.low),
            high=None if one.high is None else _percent(one.high),
        )
        for one in measured
    )
    notes = tuple(
        Text(text=f"{one.nproc} {'process' if one.nproc == 1 else 'processes'}: {one.note}")
        for one in rows
        if one.note
    )
    table = Table(columns=tuple(Column(title=title, align="right") for title in titles), rows=tuple(cells))
    chart = (Bars(bars=bars, unit="%"),) if len(measured) > 1 else ()
    title = f"Scaling of {workload}, {_MODES.get(mode, mode)}"
    return Section(title=title, blocks=(*((table,) if cells else ()), *chart, *notes))


def _percent(share: float) -> float:
    return round(share * 100, 1)
