"""A report of nested keys, whether it was indented text or XML, as one kind of tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from envkit.facts.importers.values import present


@dataclass(slots=True)
class Tree:
    """Keys in their order, as `values.key` writes them; a key may come several times."""

    items: list[tuple[str, str | Tree]] = field(default_factory=list)

    def raw(self, *paths: str) -> str | None:
        """The text at the first of the paths (`pci/bus_id`) that is there, whatever it says."""
        for path in paths:
            for found in self._at(path.split("/")):
                if isinstance(found, str):
                    return found
        return None

    def text(self, *paths: str) -> str | None:
        """The text at the first of the paths that says something; None for `N/A` and its like."""
        for path in paths:
            for found in self._at(path.split("/")):
                if isinstance(found, str) and (shown := present(found)) is not None:
                    return shown
        return None

    def under(self, *names: str) -> Tree | None:
        """The first subtree of one of these names."""
        return next(self.every(*names), None)

    def every(self, *names: str) -> Iterator[Tree]:
        """All subtrees of these names."""
        for name in names:
            for found in self._at(name.split("/")):
                if isinstance(found, Tree):
                    yield found

    def leaves(self) -> Iterator[tuple[str, str]]:
        """Keys and texts at all depths, in their order. Trees are as shallow as their readers keep them."""
        for name, value in self.items:
            if isinstance(value, Tree):
                yield from value.leaves()
            else:
                yield name, value

    def _at(self, path: list[str]) -> Iterator[str | Tree]:
        for name, value in self.items:
            if name != path[0]:
                continue
            if len(path) == 1:
                yield value
            elif isinstance(value, Tree):
                yield from value._at(path[1:])
