"""Many snapshots to one answer: groups, odd nodes, differences, findings by cause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from envkit.compat import Compat
from envkit.core.finding import SEVERITIES
from envkit.doctor.answer import Verdict
from envkit.doctor.fleet import words
from envkit.doctor.fleet.compare import Tally, tallies
from envkit.doctor.fleet.digest import Digest, Digester, Ended, Example, first
from envkit.doctor.fleet.hardware import Hardware, kinds
from envkit.doctor.fleet.hostlist import natural
from envkit.doctor.fleet.model import (
    Difference,
    Fleet,
    FleetFinding,
    Group,
    NodeVerdict,
    Odd,
    Unread,
    Unreadable,
    Variant,
)
from envkit.doctor.fleet.odd import odd, rank, splits
from envkit.doctor.rules import RULES, Rule
from envkit.facts.model import Snapshot


def merge(
    snapshots: Iterable[tuple[str, Snapshot]],
    compat: Compat,
    *,
    rules: tuple[Rule, ...] = RULES,
    unreadable: Iterable[Unreadable] = (),
) -> Fleet:
    """Judge every snapshot and lay them beside each other. The order makes no difference.

    snapshots: each with the name of its node; a name that comes twice gets a number.
    unreadable: what should have given a snapshot and did not.
    """
    digester = Digester(compat=compat, rules=rules)
    digests = [digester.digest(name, name, snapshot) for name, snapshot in snapshots]
    return assemble(digests, digester.examples.items(), unreadable)


def assemble(
    digests: Iterable[Digest],
    examples: Iterable[tuple[Ended, Example]],
    unreadable: Iterable[Unreadable] = (),
) -> Fleet:
    """One answer from digests, of one `Digester` or of several.

    examples: of all of them.
    """
    nodes = _named(digests)
    names = [node.name for node in nodes]
    groups: list[Group] = []
    oddities: list[Odd] = []
    differences: list[Difference] = []
    unread: list[Unread] = []
    group_of = [0] * len(nodes)
    for number, (kind, members) in enumerate(kinds([node.hardware for node in nodes])):
        for member in members:
            group_of[member] = number
        found = list(tallies([(member, nodes[member].parts) for member in members]))
        odd_here = odd(number, found, names)
        oddities += odd_here
        differences += [_difference(number, one, names) for one in found if len(one.values) > 1]
        unread += [_unread(number, one, names) for one in sorted(found, key=_weightiest) if one.unread]
        groups.append(_group(kind, members, names, found, len(odd_here)))
    return Fleet(
        verdict=_worst(nodes),
        nodes=tuple(_node(node, group) for node, group in zip(nodes, group_of, strict=True)),
        groups=tuple(groups),
        odd=tuple(sorted(oddities, key=rank)),
        differences=tuple(sorted(differences, key=lambda one: (one.group, -one.weight, one.fact))),
        unread=tuple(unread),
        findings=_findings(nodes, examples),
        ok=_only(nodes, "ok"),
        not_applicable=_only(nodes, "not-applicable"),
        unreadable=tuple(sorted(unreadable, key=lambda one: natural(one.source))),
    )


def _named(digests: Iterable[Digest]) -> list[Digest]:
    """By name; nodes of the same name are told by their sources, and by numbers where these are the same."""
    nodes = sorted(digests, key=lambda node: (natural(node.name), natural(node.source)))
    often = Counter(node.name for node in nodes)
    nodes = [node if often[node.name] == 1 else replace(node, name=node.source) for node in nodes]
    seen: Counter[str] = Counter()
    for index, node in enumerate(nodes):
        seen[node.name] += 1
        if seen[node.name] > 1:
            nodes[index] = replace(node, name=f"{node.name} #{seen[node.name]}")
    return sorted(nodes, key=lambda node: natural(node.name))


def _weightiest(tally: Tally) -> tuple[float, str]:
    return -words.weight(tally.path), words.fact(tally.path)


def _difference(group: int, tally: Tally, names: Sequence[str]) -> Difference:
    usual, most = tally.values[0]
    return Difference(
        fact=words.fact(tally.path),
        label=words.label(tally.path),
        group=group,
        weight=words.weight(tally.path),
        majority=words.value(tally.path, usual),
        share=round(len(most) / tally.read(), 4),
        others=tuple(
            Variant(value=words.beside(tally.path, value, usual), nodes=tuple(names[node] for node in nodes))
            for value, nodes in tally.values[1:]
        ),
    )


def _unread(group: int, tally: Tally, names: Sequence[str]) -> Unread:
    return Unread(
        fact=words.fact(tally.path),
        label=words.label(tally.path),
        group=group,
        nodes=tuple(names[node] for node in tally.unread),
    )


def _group(
    kind: Hardware, members: Sequence[int], names: Sequence[str], found: Sequence[Tally], odd_here: int
) -> Group:
    return Group(
        label=kind.label(),
        nodes=tuple(names[member] for member in members),
        alike=len(members) - odd_here,
        splits=splits(found, names),
    )


def _node(node: Digest, group: int) -> NodeVerdict:
    return NodeVerdict(
        name=node.name,
        verdict=_verdict(node.ended),
        group=group,
        problems=tuple(key for key, outcome, _ in node.ended if outcome == "problem"),
    )


def _verdict(ended: Iterable[Ended]) -> Verdict:
    """As doctor's of one machine."""
    found = {(outcome, severity) for _, outcome, severity in ended}
    if found & {("problem", "error"), ("problem", "warning")}:
        return "problems"
    return "unknown" if ("unknown", None) in found else "healthy"


def _worst(nodes: Iterable[Digest]) -> Verdict:
    found = {_verdict(ended) for ended in {node.ended for node in nodes}}
    return "problems" if "problems" in found else "unknown" if "unknown" in found else "healthy"


def _findings(nodes: Sequence[Digest], examples: Iterable[tuple[Ended, Example]]) -> tuple[FleetFinding, ...]:
    """Problems and unknowns by cause."""
    chosen: dict[Ended, Example] = {}
    for ended, example in examples:
        chosen[ended] = first(chosen[ended], example) if ended in chosen else example
    called = {node.source: node.name for node in nodes}
    on: dict[tuple[str, str], list[str]] = defaultdict(list)
    worst: dict[tuple[str, str], Ended] = {}
    for node in nodes:
        for ended in node.ended:
            key, outcome, _ = ended
            if outcome in ("problem", "unknown"):
                on[key, outcome].append(node.name)
                worst[key, outcome] = min(worst.get((key, outcome), ended), ended, key=_severity)
    found = []
    for which, names in on.items():
        example = chosen[worst[which]]
        found.append(
            FleetFinding(
                key=which[0],
                outcome="problem" if which[1] == "problem" else "unknown",
                severity=worst[which][2],
                nodes=tuple(names),
                everywhere=len(names) == len(nodes),
                example=called.get(example.source, example.node),
                finding=example.finding,
            )
        )
    return tuple(sorted(found, key=_finding_rank))


def _severity(ended: Ended) -> int:
    return SEVERITIES.index(ended[2]) if ended[2] else len(SEVERITIES)


def _finding_rank(one: FleetFinding) -> tuple[int, int, str]:
    severity = SEVERITIES.index(one.severity) if one.severity else len(SEVERITIES)
    return severity, len(one.nodes), one.key


def _only(nodes: Sequence[Digest], outcome: str) -> tuple[str, ...]:
    """Checks that ended so on some node, and on no node worse."""
    ends: dict[str, set[str]] = defaultdict(set)
    for ended in {node.ended for node in nodes}:
        for key, how, _ in ended:
            ends[key].add(how)
    fine = {"ok": {"ok", "not-applicable"}, "not-applicable": {"not-applicable"}}[outcome]
    return tuple(sorted(key for key, found in ends.items() if outcome in found and found <= fine))
