"""Facts in words: what they are called, and their values as people read them."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache

from envkit.core.text import one_line, size
from envkit.doctor.fleet.labels import SHORT, SIZES, UNITS, WEIGHTS

Path = tuple[Hashable, ...]
"""Names of fields; the key of an element of a list is a tuple of one text."""
Value = Hashable
"""A scalar; a frozenset of texts; pairs (value, how often) where like devices disagree; None = not read."""


@dataclass(frozen=True, slots=True)
class Absent:
    """In a list that was read, there is no such element."""


ABSENT = Absent()


@dataclass(frozen=True, slots=True)
class Listed:
    """In place of a list: it was read, so what is not in it is absent."""


LISTED = Listed()
PRESENT = "present"
"""In place of what has fields of its own, beside its None."""


def steady(what: Value) -> str:
    """A text to sort by that is the same in every process."""
    if isinstance(what, frozenset):
        return ",".join(sorted(map(str, what)))
    if isinstance(what, tuple):
        return ",".join(f"{times} {steady(inner)}" for inner, times in what)
    return str(what)


def fact(path: Path) -> str:
    """`nvml.gpus[NVIDIA H100].vbios`."""
    steps = (f"[{one_line(step[0])}]" if isinstance(step, tuple) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


@cache
def generic(path: Path) -> str:
    """The path without keys: `nvml.gpus.vbios`."""
    return ".".join(str(step) for step in path if not isinstance(step, tuple))


def weight(path: Path) -> float:
    """How much a difference in this fact tells of a node."""
    return WEIGHTS.get(generic(path), (1.0, ""))[0]


def label(path: Path) -> str:
    """What a fact is called."""
    keys = [one_line(step[0], limit=80) for step in path if isinstance(step, tuple)]
    named = WEIGHTS.get(generic(path), (1.0, ""))[1]
    if named:
        return named.replace("{key}", keys[-1] if keys else "")
    words = generic(path)
    for start, short in SHORT.items():
        if words.startswith(start):
            words, keys = short + words.removeprefix(start), keys if start != "nvml.gpus." else []
    return words.replace(".", " ").replace("_", " ") + (f" ({', '.join(keys)})" if keys else "")


def value(path: Path, what: Value) -> str:
    """A value on one line."""
    if what is ABSENT:
        return "absent"
    if isinstance(what, bool):
        return "yes" if what else "no"
    if isinstance(what, frozenset):
        return one_line(", ".join(sorted(map(str, what))), limit=300) or "none"
    if isinstance(what, Listed):
        return "present"
    if isinstance(what, tuple):
        return ", ".join(f"{times} x {value(path, inner)}" for inner, times in what)
    if isinstance(what, int | float):
        return _number(path, what)
    return one_line(str(what), limit=300) or "none"


def _number(path: Path, number: float) -> str:
    name = path[-1]
    if not math.isfinite(number):
        return str(number)
    if name in SIZES:
        return size(number)
    figure = f"{number:.6g}" if isinstance(number, float) else str(number)
    return f"{figure} {UNITS[name]}" if isinstance(name, str) and name in UNITS else figure


def beside(path: Path, what: Value, most: Value) -> str:
    """A value as it differs from the most common one: sets by what they have and lack."""
    if not isinstance(what, frozenset) or not isinstance(most, frozenset) or not most:
        return value(path, what)
    parts = []
    for word, items in (("without", most - what), ("with", what - most)):
        if items:
            parts.append(f"{word} {', '.join(sorted(map(str, items)))}")
    return one_line(", ".join(parts), limit=300)
