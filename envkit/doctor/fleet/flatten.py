"""One part of a snapshot as facts: paths and values that compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from envkit.doctor.fleet.forms import compared, fields_of, kind_of, lists_of
from envkit.doctor.fleet.words import LISTED, PRESENT, Listed, Path, Value, steady
from envkit.facts.model import Snapshot

Facts = Mapping[Path, Value]
"""None = it could not be read."""


def flat(name: str, part: Any, *, read: bool) -> Facts:
    """The facts of one field of a snapshot.

    name: of the field.
    part: as `comparable` gives it.
    read: its probe ended well, so that None means "none".
    """
    facts: dict[Path, Value] = {}
    if part is None:
        facts[name,] = "none" if read else None
    else:
        _put((name,), part, facts, listed=name in lists_of(Snapshot))
    return facts


def _walk(form: msgspec.Struct, path: Path, facts: dict[Path, Value]) -> None:
    kind = kind_of(form)
    nones, lists = fields_of(kind).none, lists_of(kind)
    for name in compared(kind):
        value = getattr(form, name)
        if value is None and name in nones:
            word, guard = nones[name]
            known = not guard or getattr(form, guard) not in (None, False)
            facts[*path, name] = word if known else None
        else:
            _put((*path, name), value, facts, listed=name in lists)


def _put(path: Path, value: Any, facts: dict[Path, Value], *, listed: bool) -> None:
    if isinstance(value, msgspec.Struct):
        facts[path] = PRESENT
        _walk(value, path, facts)
    elif isinstance(value, tuple) and listed:
        facts[path] = LISTED
        if value:
            _elements(path, value, facts)
    elif isinstance(value, tuple):
        facts[path] = frozenset(map(str, value))
    else:
        facts[path] = value


def _elements(path: Path, elements: tuple[msgspec.Struct, ...], facts: dict[Path, Value]) -> None:
    """What stands in a list, elements of the same key together."""
    table = fields_of(kind_of(elements[0]))
    names = table.key.split()
    if not names:
        if table.counted:
            facts[path] = len(elements)
        facts.update({(*path, *inner): value for inner, value in _merged(elements).items()})
        return
    alike: dict[str, list[msgspec.Struct]] = {}
    for element in elements:
        alike.setdefault(":".join(str(getattr(element, name) or "unnamed") for name in names), []).append(
            element
        )
    for key, group in alike.items():
        merged = _merged(group)
        merged[()] = merged.pop((table.shown,), None) if table.shown else len(group)
        facts.update({(*path, (key,), *inner): value for inner, value in merged.items()})


def _merged(elements: Sequence[msgspec.Struct]) -> dict[Path, Value]:
    """The facts of like elements: one value where they agree, and which differs where they do not."""
    each: list[dict[Path, Value]] = []
    for element in elements:
        facts: dict[Path, Value] = {}
        _walk(element, (), facts)
        each.append(facts)
    if len(each) == 1:
        return each[0]
    merged: dict[Path, Value] = {}
    for path in dict.fromkeys(path for facts in each for path in facts):
        found = [value for facts in each if (value := facts.get(path)) is not None]
        merged[path] = _one(found)
    return merged


def _one(values: list[Value]) -> Value:
    """One value for many: the common one, or each with how often."""
    if not values:
        return None
    first = values[0]
    if all(value == first for value in values):
        return first
    if any(isinstance(value, Listed) for value in values):
        return LISTED
    counts: dict[Value, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return tuple(sorted(counts.items(), key=lambda pair: (-pair[1], steady(pair[0]))))
