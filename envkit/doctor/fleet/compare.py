"""A group of like nodes, fact by fact: who has which value, who is rare, where the group is divided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from envkit.doctor.fleet.flatten import Facts
from envkit.doctor.fleet.forms import near_paths
from envkit.doctor.fleet.words import ABSENT, Listed, Path, Value, generic, steady

FEW = 0.1
"""A value that at most this share of the nodes has is rare; a single node's always is."""
CLEAR = 2 / 3
"""Values that are not rare must make up this share of the nodes, else nothing is usual and nobody odd."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """One fact of a group. Nodes are indices, ascending."""

    path: Path
    values: tuple[tuple[Value, tuple[int, ...]], ...]
    """The most common first."""
    unread: tuple[int, ...]

    def read(self) -> int:
        """On how many nodes."""
        return sum(len(nodes) for _, nodes in self.values)

    def common(self) -> tuple[tuple[Value, tuple[int, ...]], ...]:
        """Values that are not rare."""
        few = _few(self.read())
        return tuple(pair for pair in self.values if len(pair[1]) > few)

    def rare(self) -> tuple[tuple[Value, tuple[int, ...]], ...]:
        """Values of a small minority; empty where there is no clear rest."""
        common, total = self.common(), self.read()
        if sum(len(nodes) for _, nodes in common) < CLEAR * total:
            return ()
        return self.values[len(common) :]


def _few(total: int) -> int:
    return max(1, int(FEW * total))


def tallies(nodes: Sequence[tuple[int, Sequence[Facts]]]) -> Iterator[Tally]:
    """The facts that are not the same, or not read, on all nodes.

    nodes: each with its parts, in the same order for all. Parts that are the same object are looked at once.
    """
    for parts in zip(*(parts for _, parts in nodes), strict=True):
        alike: dict[int, tuple[Facts, list[int]]] = {}
        for (node, _), facts in zip(nodes, parts, strict=True):
            alike.setdefault(id(facts), (facts, []))[1].append(node)
        if len(alike) > 1:
            yield from _part(list(alike.values()))


def _part(alike: list[tuple[Facts, list[int]]]) -> Iterator[Tally]:
    for path in dict.fromkeys(path for facts, _ in alike for path in facts):
        values: dict[Value, list[int]] = defaultdict(list)
        unread: list[int] = []
        for facts, nodes in alike:
            if path in facts:
                value = facts[path]
                (unread if value is None else values[value]).extend(nodes)
            elif isinstance(facts.get(path[:-1]), Listed) and isinstance(path[-1], tuple):
                values[ABSENT].extend(nodes)
            # What is missing otherwise belongs to something that is itself absent or not read, which is told.
        if len(values) > 1 or (values and unread):
            yield _tally(path, values, unread)


def _tally(path: Path, values: dict[Value, list[int]], unread: list[int]) -> Tally:
    near = _NEAR.get(generic(path))
    if near is not None:
        values = _joined(values, near)
    ordered = sorted(values.items(), key=lambda pair: (-len(pair[1]), steady(pair[0])))
    return Tally(
        path=path,
        values=tuple((value, tuple(sorted(nodes))) for value, nodes in ordered),
        unread=tuple(sorted(unread)),
    )


def _joined(values: dict[Value, list[int]], share: float) -> dict[Value, list[int]]:
    """Numbers within a share of the smallest of them taken as one: the most common of them."""
    numbers = sorted(value for value in values if isinstance(value, int | float))
    joined = {value: nodes for value, nodes in values.items() if not isinstance(value, int | float)}
    start = 0
    for end in range(1, len(numbers) + 1):
        if end == len(numbers) or numbers[end] > numbers[start] + abs(numbers[start]) * share:
            within = numbers[start:end]
            most = max(within, key=lambda number: (len(values[number]), -number))
            joined[most] = [node for number in within for node in values[number]]
            start = end
    return joined


_NEAR = near_paths()
