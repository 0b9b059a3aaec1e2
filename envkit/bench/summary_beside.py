"""A result beside what its own machine gave a moment ago, and beside published figures."""

from __future__ import annotations

import math

from envkit.bench import words
from envkit.bench.model import BenchResult, Ceiling, ReferenceShown, WorkloadResult
from envkit.bench.summary_tables import label
from envkit.core.report import Bar, Bars, Block, KeyValues, Pair, Section

_COMPARABLE = {
    "same": "measured in the same way",
    "close": "measured in nearly the same way",
    "order-of-magnitude": "measured otherwise: only the order of magnitude counts",
}


def ceilings(result: BenchResult) -> list[Section]:
    """Bars: each ceiling is 100 %, the workloads that it bounds stand under it. Other limits in words."""
    bounded: dict[tuple[str, str | None, str], list[WorkloadResult]] = {}
    tops: dict[tuple[str, str | None, str], Ceiling] = {}
    for one in result.results:
        if one.ceiling is not None and one.ceiling.share is not None:
            key = (one.ceiling.what, one.ceiling.precision, one.arm)
            bounded.setdefault(key, []).append(one)
            tops.setdefault(key, one.ceiling)
    blocks: list[Block] = []
    for key, ones in bounded.items():
        top = tops[key]
        bars = [Bar(label=f"{words.limit(top)}: {words.rate(top.value.median, top.value.unit)}", value=100)]
        bars += [Bar(label=_reached(result, one, top), value=_percent(one.ceiling)) for one in ones]
        blocks.append(Bars(bars=tuple(bars), unit="%"))
    used = {(top.what, top.precision) for top in tops.values()}
    pairs = tuple(
        Pair(key=words.limit(one), value=words.interval(one.value), note=one.shape or None)
        for one in result.ceilings
        if (one.what, one.precision) not in used
    )
    if peak := _peak(result):
        pairs = (peak, *pairs)
    if pairs:
        blocks.append(KeyValues(pairs=pairs))
    detail = tuple(
        Pair(key=words.limit(one), value=words.interval(one.value), note=one.shape or None)
        for one in result.ceilings
        if (one.what, one.precision) in used
    )
    title = "Share of what this machine gave beside it"
    sections = [Section(title=title, blocks=tuple(blocks), detail=bool(result.compared))] if blocks else []
    if detail:
        title = "The ceilings, with their intervals"
        sections.append(Section(title=title, blocks=(KeyValues(pairs=detail),), detail=True))
    return sections


def _reached(result: BenchResult, one: WorkloadResult, top: Ceiling) -> str:
    """`transformer: 524 TFLOP/s`."""
    if one.achieved is None or top.value.unit != "FLOP/s":
        return label(result, one)
    return f"{label(result, one)}: {words.rate(one.achieved, 'FLOP/s')}"


def _peak(result: BenchResult) -> Pair | None:
    said = [f"{label(result, one)} {words.share(one.mfu)}" for one in result.results if one.mfu is not None]
    return Pair(key="of the datasheet's peak", value=", ".join(said)) if said else None


def _percent(ceiling: Ceiling | None) -> float:
    value = (ceiling.share or 0.0) * 100 if ceiling is not None else 0.0
    return round(value, 1 if value < 10 else 0) if math.isfinite(value) else value


def published(result: BenchResult, *, verbose: bool) -> list[Section]:
    """Published figures, each with how far it may be compared."""
    pairs = tuple(
        Pair(
            key=label(result, one),
            value=f"{words.share(row.share)} of {words.rate(row.value, row.unit)} ({row.what})",
            note=_note(row, verbose),
        )
        for one in result.results
        for row in one.references
    )
    return [Section(title="Beside published figures", blocks=(KeyValues(pairs=pairs),))] if pairs else []


def _note(row: ReferenceShown, verbose: bool) -> str:
    comparable = _COMPARABLE.get(row.comparable, row.comparable)
    return f"{comparable}. {row.conditions}. {row.source}" if verbose else f"{comparable}; {row.source}"
