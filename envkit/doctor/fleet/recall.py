"""Asks rules of many like nodes: what a rule answered is recalled where all that it looked at is the same.

A rule is a pure function of a snapshot. It is asked of a copy that notes which parts it looks into, and where
it looks closely, at what is a node's own (a temperature, a counter, a path). Its answer holds for every node
that has the same parts where it looked closely, and like parts where it did not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from envkit.compat import Compat
from envkit.doctor.fleet.forms import Kind, compared, looked_at
from envkit.doctor.judge import answer, ask
from envkit.doctor.outcome import Outcome
from envkit.doctor.rules import Rule
from envkit.facts.model import Snapshot

_FIELDS = tuple(field.name for field in dataclasses.fields(Snapshot))
_ALIKE = tuple(_FIELDS.index(name) for name in compared(Snapshot))
"""Places of the fields that are compared."""
_KINDS = 32
"""Answers remembered of a rule. One that needs more looks at what differs everywhere: it is always asked."""

Look = tuple[int, ...]
"""Where a rule looked: the place of a field, and beyond them all that place again where it looked closely."""


class _Noted:
    """Where the rule that is asked just now has looked; there is one, for one rule at a time."""

    places: set[int] = set()  # noqa: RUF012


@dataclasses.dataclass(slots=True)
class _Memory:
    """What one rule answered: by where it looked, and by what stood there."""

    answers: dict[Look, dict[tuple[int, ...], tuple[Outcome, object]]] = dataclasses.field(
        default_factory=dict
    )
    """With each, what it is known by: as long as that lives, no other object has its id."""
    left: int = _KINDS


class Recall:
    """Rules, and what they answered."""

    def __init__(self, compat: Compat, rules: tuple[Rule, ...]) -> None:
        self._compat = compat
        self._rules = [(rule, _Memory()) for rule in rules]

    def outcomes(self, snapshot: Snapshot, alike: Sequence[object]) -> list[Outcome]:
        """As the rules answer of this snapshot.

        alike: for each compared field, in their order, an object that is the same for like values.
        """
        values: list[object] = [getattr(snapshot, name) for name in _FIELDS] * 2
        for place, one in zip(_ALIKE, alike, strict=True):
            values[place] = one
        keys: dict[Look, tuple[int, ...]] = {}
        copy: Snapshot | None = None
        outcomes = []
        for rule, memory in self._rules:
            known = None
            for look, answers in memory.answers.items():
                key = keys.get(look)
                if key is None:
                    key = keys[look] = tuple([id(values[place]) for place in look])
                if known := answers.get(key):
                    break
            if known is not None:
                outcomes.append(known[0])
            elif memory.left:
                copy = copy or _noting_parts(snapshot)
                outcomes.append(self._learn(rule, memory, snapshot, copy, values))
            else:
                outcomes.append(ask(rule, snapshot, self._compat))
        return outcomes

    def _learn(
        self, rule: Rule, memory: _Memory, snapshot: Snapshot, copy: Snapshot, values: list[object]
    ) -> Outcome:
        _Noted.places = set()
        try:
            outcome = answer(rule, copy, self._compat)
        except Exception:  # it trips over the snapshot, or over the copy
            memory.left = 0
            return ask(rule, snapshot, self._compat)
        close = {place - len(_FIELDS) for place in _Noted.places}
        look = tuple(sorted(_Noted.places - close))
        seen = [values[place] for place in look]
        memory.answers.setdefault(look, {})[tuple(map(id, seen))] = (outcome, seen)
        memory.left -= 1
        if not memory.left:
            memory.answers.clear()
        return outcome


def _noting_parts(snapshot: Snapshot) -> Snapshot:
    """A snapshot that notes which of its fields are read, and copies them only then."""
    kind = _noting_snapshot()
    copy = object.__new__(kind)
    for name in _FIELDS:
        getattr(Snapshot, name).__set__(copy, getattr(snapshot, name))
    return copy  # type: ignore[no-any-return]


@cache
def _noting_snapshot() -> Any:
    members = {
        name: property(_reading_part(getattr(Snapshot, name), place)) for place, name in enumerate(_FIELDS)
    }
    return type("Snapshot", (Snapshot,), {"__slots__": (), **members})


def _reading_part(slot: Any, place: int) -> Callable[[Any], Any]:
    last: list[Any] = [None, None]

    def read(value: Any) -> Any:
        _Noted.places.add(place)
        part = slot.__get__(value)
        if part is not last[0]:  # like nodes share most of their parts
            last[:] = part, _copy(part, place)
        return last[1]

    return read


def _copy(value: Any, place: int) -> Any:
    """A part, its classes replaced by ones that note what is read of them.

    place: of the field of the snapshot that it stands in.
    """
    if isinstance(value, tuple):
        return tuple([_copy(item, place) for item in value])
    of: Kind = type(value)
    made = _noting(of, place)
    if made is None:
        return value
    kind, setters = made
    copy = object.__new__(kind)
    for name, put in setters:
        put(copy, _copy(getattr(value, name), place))
    return copy


@cache
def _noting(kind: Kind, place: int) -> tuple[Any, tuple[tuple[str, Callable[[Any, Any], None]], ...]] | None:
    """A class whose values are `kind`s that note reads, and what sets its fields; None for what has none."""
    if not hasattr(kind, "__dataclass_fields__"):
        return None
    slots = {field.name: getattr(kind, field.name) for field in dataclasses.fields(kind)}
    members = {
        name: property(_reading(slot, len(_FIELDS) + place))
        for name, slot in slots.items()
        if name not in looked_at(kind)
    }
    noting = type(kind.__name__, (kind,), {"__slots__": (), **members})
    return noting, tuple((name, slot.__set__) for name, slot in slots.items())


def _reading(slot: Any, note: int) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        _Noted.places.add(note)
        return slot.__get__(value)

    return read
