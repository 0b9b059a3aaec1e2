"""A fleet as a Report: what a person reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from envkit.core.finding import Finding
from envkit.core.report import Column, Report, Section, Table, Text
from envkit.core.text import one_line, plural
from envkit.doctor.fleet.hostlist import counted, shown
from envkit.doctor.fleet.model import Difference, Fleet, FleetFinding, Group, Odd, Split, Unread

MOST = 20
"""Rows of a table that is not asked for in detail."""
REASONS = 3
"""Deviations of an odd node that are told before `and 5 more`."""


def report(fleet: Fleet) -> Report:
    """The report of a merge."""
    sections = [
        *_groups(fleet),
        *_odd(fleet),
        *_differences(fleet),
        *_not_read(fleet),
        *_by_node(fleet),
        *_unreadable(fleet),
    ]
    return Report(
        command="envkit doctor --merge",
        verdict=fleet.verdict,
        headline=headline(fleet),
        conclusion=_conclusion(fleet),
        findings=tuple(_findings(fleet)),
        sections=tuple(sections),
        notes=tuple(_notes(fleet)),
    )


def headline(fleet: Fleet) -> str:
    """`10,000 nodes: 9,997 alike; 3 differ: node-17 (driver 550.54 instead of 570.133), ...`."""
    parts = [f"{_count(fleet)}: {_alike(fleet)}"]
    if fleet.odd:
        named = ", ".join(f"{one.node} ({_reasons(one, 1)})" for one in fleet.odd[:3])
        rest = f" and {len(fleet.odd) - 3:,} more" if len(fleet.odd) > 3 else ""
        parts.append(f"{plural_of(len(fleet.odd), 'differs', 'differ')}: {named}{rest}")
    if fleet.unreadable:
        parts.append(f"{plural(len(fleet.unreadable), 'snapshot')} could not be read")
    return "; ".join(parts)


def _count(fleet: Fleet) -> str:
    nodes = f"{len(fleet.nodes):,} {'node' if len(fleet.nodes) == 1 else 'nodes'}"
    return nodes if len(fleet.groups) < 2 else f"{nodes} of {len(fleet.groups)} kinds"


def plural_of(number: int, one: str, many: str) -> str:
    """`1 differs`, `3 differ`."""
    return f"{number:,} {one if number == 1 else many}"


def _alike(fleet: Fleet) -> str:
    if len(fleet.nodes) == 1:
        return "nothing to compare it with"
    divided = [group for group in fleet.groups if group.splits]
    if len(fleet.groups) == 1 and divided:
        return f"{_sides(divided[0].splits[0])}"
    if divided:
        return f"{plural(len(divided), 'kind')} divided in itself"
    if len(fleet.groups) > 1 and not fleet.odd:
        return "alike within each kind"
    alike = sum(group.alike for group in fleet.groups)
    return "all alike" if not fleet.odd else f"{alike:,} alike"


def _sides(split: Split) -> str:
    """`two groups, 5 with driver 550.54 and 5 with 570.133`."""
    numbers = {2: "two", 3: "three", 4: "four"}
    many = numbers.get(len(split.sides), str(len(split.sides)))
    sides = [f"{len(side.nodes):,} with {split.labels[0]} {side.values[0]}" for side in split.sides[:4]]
    return f"{many} groups, {' and '.join(sides)}"


def _reasons(one: Odd, most: int) -> str:
    told = [f"{why.label} {why.value} instead of {why.instead}" for why in one.because[:most]]
    rest = len(one.because) - most
    return ", ".join(told) + (f" and {rest} more" if rest > 0 else "")


def _groups(fleet: Fleet) -> Iterator[Section]:
    if len(fleet.groups) > 1:
        rows = tuple(
            (index, len(group.nodes), group.label, shown(group.nodes), f"{group.alike:,}")
            for index, group in enumerate(fleet.groups, 1)
        )
        columns = (
            Column(title="kind", align="right"),
            Column(title="nodes", align="right"),
            Column(title="hardware"),
            Column(title="which"),
            Column(title="alike", align="right"),
        )
        yield Section(
            title="Kinds of nodes, each compared in itself", blocks=(Table(columns=columns, rows=rows),)
        )
    for index, group in enumerate(fleet.groups, 1):
        if group.splits:
            where = f" (kind {index})" if len(fleet.groups) > 1 else ""
            yield _divided(group, where)


def _divided(group: Group, where: str) -> Section:
    rows = []
    for split in group.splits[:MOST]:
        facts = ", ".join(split.labels[:REASONS])
        more = f" and {len(split.labels) - REASONS} more" if len(split.labels) > REASONS else ""
        for index, side in enumerate(split.sides):
            values = ", ".join(side.values[:REASONS])
            rows.append((facts + more if index == 0 else "", values, len(side.nodes), shown(side.nodes)))
    columns = (
        Column(title="by"),
        Column(title="value"),
        Column(title="nodes", align="right"),
        Column(title="which"),
    )
    title = f"Divided in groups too large to call one odd{where}"
    return Section(title=title, blocks=(Table(columns=columns, rows=tuple(rows)),))


def _odd(fleet: Fleet) -> Iterator[Section]:
    if not fleet.odd:
        return
    alike: dict[tuple[object, ...], list[Odd]] = defaultdict(list)
    for one in fleet.odd:
        alike[(one.group, one.because)].append(one)
    rows = [
        (shown([one.node for one in same]), same[0].score, _reasons(same[0], REASONS))
        for same in alike.values()
    ]
    columns = (Column(title="node"), Column(title="score", align="right"), Column(title="what is different"))
    yield from _table("Odd ones out", columns, rows, "odd nodes")


def _differences(fleet: Fleet) -> Iterator[Section]:
    several = len(fleet.groups) > 1
    rows = [row for one in fleet.differences for row in _difference_rows(one, several)]
    columns = (
        *((Column(title="kind", align="right"),) if several else ()),
        Column(title="fact"),
        Column(title="most nodes"),
        Column(title="others"),
        Column(title="which"),
    )
    if rows:
        yield from _table("Differences", columns, rows, "differences")


def _difference_rows(one: Difference, several: bool) -> Iterator[tuple[str | int | float | None, ...]]:
    most = f"{one.majority} ({one.share:.1%})" if one.share < 0.9995 else f"{one.majority} (all but few)"
    for index, other in enumerate(one.others[:5]):
        start = (one.label, most) if index == 0 else ("", "")
        kind: tuple[int | str, ...] = ((one.group + 1 if index == 0 else ""),) if several else ()
        yield (*kind, *start, other.value, shown(other.nodes))
    if len(one.others) > 5:
        rest = sum(len(other.nodes) for other in one.others[5:])
        empty: tuple[str, ...] = ("",) * (3 if several else 2)
        yield (*empty, f"and {len(one.others) - 5} other values", f"{rest} nodes")


def _table(
    title: str, columns: tuple[Column, ...], rows: Sequence[tuple[str | int | float | None, ...]], what: str
) -> Iterator[Section]:
    """The first rows, and all of them in detail."""
    cut = len(rows) > MOST
    blocks: tuple[Table | Text, ...] = (Table(columns=columns, rows=tuple(rows[:MOST])),)
    if cut:
        blocks += (Text(text=f"And {len(rows) - MOST:,} more rows: -v, or --json, has them all."),)
    yield Section(title=title, blocks=blocks)
    if cut:
        whole = Table(columns=columns, rows=tuple(rows))
        yield Section(title=f"All {what}", blocks=(whole,), detail=True)


def _not_read(fleet: Fleet) -> Iterator[Section]:
    """Whole parts for everybody, single facts in detail."""
    columns = (Column(title="fact"), Column(title="nodes", align="right"), Column(title="which"))
    parts = [one for one in fleet.unread if "." not in one.fact and "[" not in one.fact]
    if parts:
        rows = tuple(_unread_row(one) for one in parts)
        yield Section(title="Not read on some nodes", blocks=(Table(columns=columns, rows=rows),))
    facts = [one for one in fleet.unread if one not in parts]
    if facts:
        rows = tuple(_unread_row(one) for one in facts)
        yield Section(
            title="Facts not read on some nodes", blocks=(Table(columns=columns, rows=rows),), detail=True
        )


def _unread_row(one: Unread) -> tuple[str, int, str]:
    return one.label, len(one.nodes), shown(one.nodes)


def _by_node(fleet: Fleet) -> Iterator[Section]:
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for node in fleet.nodes:
        alike[node.problems].append(node.name)
    if len(alike) < 2:
        return
    ordered = sorted(alike.items(), key=lambda pair: (not pair[0], len(pair[1]), pair[0]))
    rows = [(shown(names), len(names), ", ".join(keys) or "none") for keys, names in ordered]
    columns = (Column(title="nodes"), Column(title="how many", align="right"), Column(title="findings"))
    yield from _table("Findings by node", columns, rows, "findings by node")


def _unreadable(fleet: Fleet) -> Iterator[Section]:
    if fleet.unreadable:
        rows = [(one.source, one.why) for one in fleet.unreadable]
        columns = (Column(title="what"), Column(title="why"))
        yield from _table("Could not be read", columns, rows, "that could not be read")


def _findings(fleet: Fleet) -> Iterator[Finding]:
    for one in fleet.findings:
        yield _finding(one, len(fleet.nodes))
    yield from (Finding(key=key, outcome="ok") for key in fleet.ok)
    why = "on no node"
    yield from (Finding(key=key, outcome="not-applicable", why_unknown=why) for key in fleet.not_applicable)


def _finding(one: FleetFinding, total: int) -> Finding:
    where = _where(one, total)
    if one.outcome == "unknown":
        return replace(
            one.finding, why_unknown=f"{where}: {one.finding.why_unknown or 'no reason was given'}"
        )
    example = f"{one.example}: " if total > 1 else ""
    on = "" if one.everywhere else f"On {counted(one.nodes)}. "
    return replace(
        one.finding,
        severity=one.severity,
        title=f"{one.finding.title} ({where})" if total > 1 else one.finding.title,
        summary=on + example + one.finding.summary,
    )


def _where(one: FleetFinding, total: int) -> str:
    if one.everywhere:
        return "this node" if total == 1 else f"all {total:,} nodes"
    return f"{len(one.nodes):,} of {total:,} nodes"


def _conclusion(fleet: Fleet) -> str:
    """What the last line says."""
    if len(fleet.nodes) < 2:
        return ""
    bad = [one for one in fleet.findings if one.outcome == "problem" and one.severity == "error"]
    nodes = sorted({node for one in bad for node in one.nodes})
    parts = [f"{_count(fleet)}: {_alike(fleet)}{_which(fleet)}."]
    if bad:
        many = f"Errors on {len(nodes):,} of {len(fleet.nodes):,} nodes: "
        parts.append(many + ", ".join(one.key for one in bad[:5]) + ("" if len(bad) <= 5 else ", ...") + ".")
    elif fleet.verdict == "healthy":
        parts.append("No node has a finding." if not fleet.findings else "Nothing wrong was found.")
    return one_line(" ".join(parts), limit=400)


def _which(fleet: Fleet) -> str:
    many = plural_of(len(fleet.odd), "differs", "differ")
    return f", {many} ({shown([one.node for one in fleet.odd])})" if fleet.odd else ""


def _notes(fleet: Fleet) -> Iterator[str]:
    if len(fleet.nodes) == 1:
        yield "One snapshot: give those of other nodes, too, to see what differs."
