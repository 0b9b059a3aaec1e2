"""Odd nodes and divided groups, from the facts in which a group is not of one mind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from envkit.doctor.fleet import words
from envkit.doctor.fleet.compare import Tally
from envkit.doctor.fleet.hostlist import natural
from envkit.doctor.fleet.model import Deviation, Odd, Side, Split
from envkit.doctor.fleet.words import Path


def odd(group: int, tallies: Iterable[Tally], names: Sequence[str]) -> list[Odd]:
    """The nodes that are in a small minority against a clear rest, by score.

    names: of all nodes, by index.
    """
    because: dict[int, list[Deviation]] = defaultdict(list)
    for tally in tallies:
        usual = tally.values[0][0]
        for value, nodes in tally.rare():
            deviation = Deviation(
                fact=words.fact(tally.path),
                label=words.label(tally.path),
                value=words.beside(tally.path, value, usual),
                instead=words.value(tally.path, usual),
                weight=words.weight(tally.path),
            )
            for node in nodes:
                because[node].append(deviation)
    found = [
        Odd(
            node=names[node],
            group=group,
            score=round(sum(one.weight for one in deviations), 3),
            because=tuple(sorted(deviations, key=lambda one: (-one.weight, one.fact))),
        )
        for node, deviations in because.items()
    ]
    return sorted(found, key=rank)


def rank(one: Odd) -> tuple[float, object]:
    """The highest score first, then by name."""
    return -one.score, natural(one.node)


def splits(tallies: Iterable[Tally], names: Sequence[str]) -> tuple[Split, ...]:
    """How a group is divided: facts that divide it in the same way are one split.

    Nodes with a rare value, or on which the fact was not read, are on no side.
    """
    alike: dict[tuple[tuple[int, ...], ...], list[Tally]] = defaultdict(list)
    for tally in tallies:
        common = tally.common()
        if len(common) > 1:
            alike[tuple(sorted(nodes for _, nodes in common))].append(tally)
    weighed = [(sum(words.weight(tally.path) for tally in one), _split(one, names)) for one in alike.values()]
    return tuple(split for _, split in sorted(weighed, key=lambda pair: (-pair[0], pair[1].facts)))


def _split(together: list[Tally], names: Sequence[str]) -> Split:
    ordered = sorted(together, key=lambda tally: (-words.weight(tally.path), words.fact(tally.path)))
    sides = []
    for _, nodes in ordered[0].common():
        shown = []
        for tally in ordered:
            value = next(value for value, members in tally.common() if members == nodes)
            shown.append(_told(tally.path, value, tally))
        sides.append(Side(nodes=tuple(names[node] for node in nodes), values=tuple(shown)))
    return Split(
        facts=tuple(words.fact(tally.path) for tally in ordered),
        labels=tuple(words.label(tally.path) for tally in ordered),
        sides=tuple(sorted(sides, key=lambda side: (-len(side.nodes), natural(side.nodes[0])))),
    )


def _told(path: Path, value: words.Value, tally: Tally) -> str:
    """Sets by what they have and lack beside the most common."""
    usual = tally.values[0][0]
    return words.value(path, value) if value == usual else words.beside(path, value, usual)
