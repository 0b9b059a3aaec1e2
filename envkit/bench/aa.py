"""`envkit bench --aa`: how often a rule calls equal things different on this machine, and what it would
find. Pure.

All processes of the pool ran the same. Every comparison takes neighbours in time out of it, no process
twice, and calls half of them A and half B in the order A B B A. So whatever is called different is a false
alarm. Then B's steps are made slower by 5, 10 and 20 %, and the same rules judge again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envkit.bench.aa_rules import RULES, Process, Rule, Side
from envkit.bench.samples import Samples
from envkit.core.report import Column, Report, Section, Table, Text, Verdict
from envkit.stats import MARGIN, MINIMUM, compare, median, percentiles

SLOWER = (0.05, 0.10, 0.20)
"""Slow-downs that are put into B."""
WANTED = 100
"""Comparisons that a share in per cent takes at least."""
ALLOWED = 0.05
"""Share of false alarms that a rule at 95 % may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a rule said of comparisons in which B was slower by `slower`."""

    slower: float
    """0 = nothing was different."""
    comparisons: int
    called_faster: int
    called_slower: int
    called_same: int

    @property
    def different(self) -> float:
        """Share called faster or slower."""
        return (self.called_faster + self.called_slower) / self.comparisons


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFound:
    """One rule over the whole pool."""

    rule: str
    nothing: Found
    """Where nothing was different: what is called different here is a false alarm."""
    injected: tuple[Found, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Aa:
    """What the comparisons of one workload with itself said."""

    workload: str
    processes: int
    per_side: int
    comparisons: int
    apart: int
    """How many comparisons the pool gives that share no process: so many are independent."""
    between: float
    """Quartile distance of the throughput of processes over their median."""
    within: float
    """The same of the steps of one process, the median over processes."""
    detectable: float | None
    """Median over comparisons of the smallest difference that each could have seen; None below 5 processes
    a side."""
    rules: tuple[RuleFound, ...]
    """envkit's own first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AaResult:
    """What `envkit bench --aa --json` prints."""

    fingerprint: dict[str, str]
    results: tuple[Aa, ...]
    date: str = ""
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    schema: str = "envkit.bench-aa/1"


def measure(pool: Sequence[Process], *, workload: str, per_side: int, wanted: int = WANTED) -> Aa:
    """Every rule over every comparison that the pool gives, at least `wanted`.

    Raises ValueError where the pool is too small for one comparison.
    """
    drawn = tuple(comparisons(pool, per_side, wanted))
    if not drawn:
        raise ValueError(f"{len(pool)} processes: one comparison takes {2 * per_side} in a row")
    sides = (([one.typical_rate for one in a], [one.typical_rate for one in b]) for a, b in drawn)
    seen = [one for a, b in sides if (one := compare(a, b, paired=True).detectable) is not None]
    return Aa(
        workload=workload,
        processes=len(pool),
        per_side=per_side,
        comparisons=len(drawn),
        apart=sum(count // (2 * per_side) for count in _stretches(pool).values()),
        between=spread([one.rate for one in pool]),
        within=median([spread(one.steps) for one in pool]),
        detectable=median(seen) if seen else None,
        rules=tuple(_judged(name, rule, drawn) for name, rule in RULES),
    )


def judge(samples: Samples, *, wanted: int = WANTED) -> AaResult:
    """Every workload of a bench with one arm. A workload with too few processes is a note."""
    found: list[Aa] = []
    notes: list[str] = []
    names = dict.fromkeys(run.workload for process in samples.processes for run in process.runs)
    for name in names:
        pool = pool_of(samples, name)
        try:
            found.append(measure(pool, workload=name, per_side=per_side(len(pool)), wanted=wanted))
        except ValueError as error:
            notes.append(f"{name}: {error}")
    return AaResult(
        fingerprint=samples.fingerprint,
        results=tuple(found),
        date=samples.date,
        interrupted=samples.interrupted,
        notes=tuple(notes),
    )


def per_side(processes: int) -> int:
    """Processes a side of a comparison: a quarter of the pool, 5 to 8."""
    return min(max(processes // 4, MINIMUM), 8)


def comparisons(pool: Sequence[Process], per_side: int, wanted: int) -> Iterable[tuple[Side, Side]]:
    """Neighbours in time as A and B: first every place in the pool in the order A B B A A B B A, then,
    until there
    are `wanted`, every place again with the order within each pair drawn by lot."""
    size = 2 * per_side
    starts = [
        start
        for start in range(len(pool) - size + 1)
        if pool[start].stretch == pool[start + size - 1].stretch
    ]
    rng = random.Random(0)
    first, given = True, 0
    while starts and (first or given < wanted):
        for start in starts:
            swaps = [turn % 2 == 1 if first else rng.random() < 0.5 for turn in range(per_side)]
            yield _sides(pool[start : start + size], swaps)
        given += len(starts)
        first = False


def _sides(row: Side, swaps: Sequence[bool]) -> tuple[Side, Side]:
    pairs = [(row[2 * turn], row[2 * turn + 1]) for turn in range(len(swaps))]
    ordered = [pair[::-1] if swap else pair for pair, swap in zip(pairs, swaps, strict=True)]
    return tuple(pair[0] for pair in ordered), tuple(pair[1] for pair in ordered)


def pool_of(samples: Samples, workload: str) -> tuple[Process, ...]:
    """The processes of a bench that measured `workload`, in the order of starting; rank 0 of several."""
    ordered = sorted(samples.processes, key=lambda one: one.number)
    return tuple(
        Process(steps=run.step_seconds)
        for process in ordered
        for run in process.runs
        if run.workload == workload and run.rank == 0 and run.step_seconds
    )


def spread(values: Sequence[float]) -> float:
    """Quartile distance over the median."""
    ordered = sorted(values)
    low, high = percentiles(ordered, 0.5)
    return (high - low) / median(ordered)


def _judged(name: str, rule: Rule, drawn: Sequence[tuple[Side, Side]]) -> RuleFound:
    found = [_count(slower, [rule(a, _slowed(b, slower)) for a, b in drawn]) for slower in (0.0, *SLOWER)]
    return RuleFound(rule=name, nothing=found[0], injected=tuple(found[1:]))


def _slowed(side: Side, share: float) -> Side:
    return tuple(one.slower(share) for one in side) if share else side


def _count(slower: float, verdicts: Sequence[Verdict]) -> Found:
    return Found(
        slower=slower,
        comparisons=len(verdicts),
        called_faster=verdicts.count("faster"),
        called_slower=verdicts.count("slower"),
        called_same=verdicts.count("same"),
    )


def _stretches(pool: Sequence[Process]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for one in pool:
        counts[one.stretch] = counts.get(one.stretch, 0) + 1
    return counts


def sections(aa: Aa) -> tuple[Section, ...]:
    """What is shown of it: one table, and what it says."""
    columns = (
        Column(title="rule"),
        Column(title="false alarms", align="right"),
        *(Column(title=f"{slower:.0%} found", align="right") for slower in SLOWER),
    )
    rows = tuple(
        (
            found.rule,
            f"{found.nothing.called_faster + found.nothing.called_slower} of {found.nothing.comparisons}"
            f" ({found.nothing.different:.1%})",
            *(f"{one.called_slower / one.comparisons:.0%}" for one in found.injected),
        )
        for found in aa.rules
    )
    told = (
        f"{aa.processes} equal processes, {aa.comparisons} comparisons of {aa.per_side} with {aa.per_side}"
        f" neighbours ({aa.apart} of them share no process). The middle half of the processes spreads over"
        f" {aa.between:.1%} of the median, that of the steps of one process over {aa.within:.1%}."
    )
    if aa.detectable is not None:
        told += (
            f" Half of the comparisons could have seen {aa.detectable:.1%} or less;"
            f" less than {MARGIN:.0%} is called the same."
        )
    told += " Found: of how many was B called slower after its steps had been made longer by so much."
    return (
        Section(
            title=f"{aa.workload}: nothing against nothing",
            blocks=(Text(text=told), Table(columns=columns, rows=rows)),
        ),
    )


def too_many(one: Aa) -> bool:
    """Whether envkit's own rule gave more false alarms than luck explains.

    That is 2 standard deviations above what is allowed, over the comparisons that share no process.
    """
    luck = math.sqrt(ALLOWED * (1 - ALLOWED) / max(one.apart, 1))
    return one.rules[0].nothing.different > ALLOWED + 2 * luck


def report(results: Sequence[Aa], *, notes: tuple[str, ...] = ()) -> Report:
    """The answer of `envkit bench --aa`: `problems` where envkit's own rule gives `too_many` false alarms."""
    worst = max((one.rules[0].nothing.different for one in results), default=0.0)
    said = f"envkit's comparison called {worst:.1%} of equal pairs different here; {ALLOWED:.0%} are allowed."
    few = any(one.per_side < MINIMUM for one in results)
    of_few = (f"Below {MINIMUM} processes a side every comparison is inconclusive.",) if few else ()
    verdict: Verdict = "problems" if any(too_many(one) for one in results) else "healthy"
    return Report(
        command="envkit bench --aa",
        verdict=verdict if results else "unknown",
        headline="How often equal things are called different on this machine",
        conclusion=said if results else "Too few processes for one comparison: more of them with --repeat.",
        sections=tuple(section for one in results for section in sections(one)),
        notes=(*of_few, *notes),
    )
