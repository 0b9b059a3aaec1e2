"""B beside A: the arms of one interleaved run, or two results that were measured apart. Pure.

`stats.compare` says how the verdict is found. What was measured apart gets less trust: a machine that was
not steady makes a difference `inconclusive`, because the machine may be the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envkit.bench.fingerprint import differences
from envkit.bench.judge import Measured, grouped, interval
from envkit.bench.model import BenchResult, Compared, Interval, WorkloadResult
from envkit.bench.samples import Samples
from envkit.core.errors import BadInputError, UsageError
from envkit.core.text import one_line
from envkit.stats import MARGIN, Comparison, compare

APART = (
    "A and B were measured apart: whatever changed on the machine between them is in the difference, too;"
    ' `envkit bench --vs "OPTIONS"` lets them take turns'
)
_SHOWN = 4


def arms(samples: Samples, *, margin: float = MARGIN) -> tuple[Compared, ...]:
    """Arms A and B of one run, process beside process; one row for each workload and number of workers.

    Only rounds in which both arms measured the workload count. () for a run with one arm.
    """
    sides: dict[tuple[str, int], dict[str, list[Measured]]] = {}
    for key, group in grouped(samples).items():
        found = sides.setdefault((key.workload, key.nproc), {}).setdefault(key.arm, [])
        # After a halved batch an arm has two groups: the larger one counts.
        if len(group) > len(found):
            found[:] = group
    both = {key: arm for key, arm in sides.items() if {"A", "B"} <= arm.keys()}
    several = len({nproc for _, nproc in both}) > 1
    return tuple(
        _beside(
            f"{workload}, {nproc} workers" if several else workload, found["A"], found["B"], margin=margin
        )
        for (workload, nproc), found in both.items()
    )


def _beside(name: str, first: Sequence[Measured], second: Sequence[Measured], *, margin: float) -> Compared:
    # The schedule starts both arms of a round one after the other, so half of a number is the round.
    rounds = [{one.process.number // 2: one.typical for one in group} for group in (first, second)]
    shared = sorted(rounds[0].keys() & rounds[1].keys())
    unit = f"{first[0].runs[0].unit}/s"
    sides = [interval(tuple(rates.values()), unit) for rates in rounds]
    if not shared:
        why = "no round has both: each time the process of one side failed"
        ratio = sides[1].median / sides[0].median
        return _compared(name, sides, Comparison(
            verdict="inconclusive", ratio=ratio, low=None, high=None, detectable=None, count_a=0, count_b=0,
            why=why,
        ))  # fmt: skip
    a, b = ([rates[turn] for turn in shared] for rates in rounds)
    return _compared(name, sides, compare(a, b, paired=True, margin=margin))


def files(a: BenchResult, b: BenchResult, *, anyway: bool = False, margin: float = MARGIN) -> BenchResult:
    """Two saved results, the first arm of each.

    Raises UsageError where their fingerprints differ, unless `anyway`; then the difference is a note. Raises
    BadInputError where they have no workload in common.
    """
    differing = differences(a.fingerprint, b.fingerprint)
    if differing and not anyway:
        raise UsageError(
            f"these results are not of the same machine and software: {_few(differing)}",
            todo="compare them nevertheless with --anyway, or measure both with one `envkit bench --vs`",
        )
    ours, theirs = _first_arm(a), _first_arm(b)
    shared = [
        key for key in ours if key in theirs and ours[key].throughput.unit == theirs[key].throughput.unit
    ]
    if not shared:
        raise BadInputError(
            f"these results have no workload in common: A has {_names(ours)}, B has {_names(theirs)}",
            todo="measure the same workload in both",
        )
    several = len({nproc for _, nproc in shared}) > 1
    rows = (_apart(key, ours[key], theirs[key], several=several, margin=margin) for key in shared)
    said = (f"compared although they differ: {_few(differing)}",) if differing else ()
    left = sorted({workload for workload, _ in ours.keys() ^ theirs.keys()})
    only = (f"only in one of both: {', '.join(left)}",) if left else ()
    return BenchResult(
        fingerprint=b.fingerprint,
        results=(),
        compared=tuple(rows),
        date=b.date,
        notes=(APART, *said, *only),
    )


Key = tuple[str, int]


def _first_arm(result: BenchResult) -> dict[Key, WorkloadResult]:
    found: dict[Key, WorkloadResult] = {}
    for one in result.results:
        if one.arm == "A" and one.throughput.median > 0:
            found.setdefault((one_line(one.workload), one.nproc), one)
    return found


def _apart(key: Key, a: WorkloadResult, b: WorkloadResult, *, several: bool, margin: float) -> Compared:
    found = _steady(_of_processes(a, b, margin), a, b)
    name = f"{key[0]}, {key[1]} workers" if several else key[0]
    row = _compared(name, (a.throughput, b.throughput), found)
    changed = _changed(a, b)
    return replace(row, why="; ".join(filter(None, (row.why, changed))))


def _of_processes(a: WorkloadResult, b: WorkloadResult, margin: float) -> Comparison:
    """Files come from people: a result without usable processes is no reason to stop."""
    try:
        return compare(a.typical or a.processes, b.typical or b.processes, margin=margin)
    except ValueError as error:
        ratio = b.throughput.median / a.throughput.median
        return Comparison(
            verdict="inconclusive", ratio=ratio, low=None, high=None, detectable=None,
            count_a=len(a.processes), count_b=len(b.processes), why=str(error),
        )  # fmt: skip


def _steady(found: Comparison, a: WorkloadResult, b: WorkloadResult) -> Comparison:
    moved = [f"{side}: {one_line(one.unstable[0])}" for side, one in (("A", a), ("B", b)) if one.unstable]
    if found.verdict not in ("faster", "slower") or not moved:
        return found
    why = (
        f"B was {found.verdict} by {abs(found.ratio - 1):.1%}, but the machine was not steady"
        f" ({'; '.join(moved)}) and may be the difference"
    )
    return replace(found, verdict="inconclusive", why=why)


def _changed(a: WorkloadResult, b: WorkloadResult) -> str:
    pairs = (
        ("precision", a.precision, b.precision),
        ("framework", a.framework, b.framework),
        ("device", a.device, b.device),
        ("batch", a.batch_size, b.batch_size),
        ("compile", a.options and a.options.compile, b.options and b.options.compile),
        ("channels last", a.options and a.options.channels_last, b.options and b.options.channels_last),
        ("scale", a.options and a.options.scale, b.options and b.options.scale),
    )
    return ", ".join(
        one_line(f"{name}: A {first or 'none'}, B {second or 'none'}")
        for name, first, second in pairs
        if first != second
    )


def _compared(name: str, sides: Sequence[Interval], found: Comparison) -> Compared:
    return Compared(
        workload=name,
        verdict=found.verdict,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        detectable=found.detectable,
        a=sides[0],
        b=sides[1],
        why=found.why,
    )


def _few(texts: Sequence[str]) -> str:
    shown = "; ".join(one_line(text) for text in texts[:_SHOWN])
    return shown if len(texts) <= _SHOWN else f"{shown}; and {len(texts) - _SHOWN} more"


def _names(results: dict[Key, WorkloadResult]) -> str:
    return ", ".join(dict.fromkeys(workload for workload, _ in results)) or "none"
