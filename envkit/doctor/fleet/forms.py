"""A Snapshot without what is each node's own: equal for like nodes, and hashed and compared in C.

For every class of the model there is a struct with the fields that `FIELDS` compares; msgspec copies a
snapshot into these.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from envkit.doctor.fleet.fields import FIELDS, Fields
from envkit.facts.model import Snapshot

Kind = Any
"""A class of the model; mypy does not take `type[Any]` for hashable."""
NOTHING = Fields()


def comparable(name: str, part: Any) -> Any:
    """A field of a snapshot without what is not compared: hashable, and equal for nodes that are alike."""
    return msgspec.convert(part, _form_of_field(name), from_attributes=True)


@cache
def _form_of_field(name: str) -> Any:
    return _replaced(typing.get_type_hints(Snapshot)[name])


@cache
def form_of(kind: Kind) -> type[msgspec.Struct]:
    """The struct that stands for a class of the model."""
    hints = typing.get_type_hints(kind)
    of = looked_at(kind)
    fields = [(name, _replaced(hint)) for name, hint in hints.items() if name in of]
    return msgspec.defstruct(kind.__name__, fields, frozen=True, kw_only=True, namespace={"of_model": kind})


def fields_of(kind: Kind) -> Fields:
    """The classification of a class of the model."""
    return FIELDS.get(kind, NOTHING)


@cache
def looked_at(kind: Kind) -> frozenset[str]:
    """The fields that are compared, those too that stand for an element or decide what its None means.

    A field that is classified nowhere is compared: what is new is rather told once too often.
    """
    table = fields_of(kind)
    guards = {guard for _, guard in table.none.values() if guard}
    own = table.own.keys() - guards - set(table.key.split())
    return frozenset(field.name for field in dataclasses.fields(kind)) - own


@cache
def compared(kind: Kind) -> tuple[str, ...]:
    """The fields that become facts, in the order of the model."""
    own = fields_of(kind).own
    return tuple(field.name for field in dataclasses.fields(kind) if field.name not in own)


@cache
def lists_of(kind: Kind) -> frozenset[str]:
    """The fields that hold lists of the model's classes."""
    hints = typing.get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if any(_in_list(hint)))


def _in_list(hint: Any) -> Iterator[bool]:
    for inner in typing.get_args(hint):
        yield typing.get_origin(hint) is tuple and dataclasses.is_dataclass(inner)
        yield from _in_list(inner)


def _replaced(hint: Any) -> Any:
    """A type with the model's classes replaced by their structs."""
    if dataclasses.is_dataclass(hint):
        return form_of(typing.cast(Kind, hint))
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(map(_replaced, inner))]  # noqa: UP007 - made while running
    if origin is tuple:
        return tuple[tuple(item if item is Ellipsis else _replaced(item) for item in inner)]  # type: ignore[misc]
    return hint


def kind_of(form: msgspec.Struct) -> Kind:
    """The class of the model that a struct stands for."""
    kind: Kind = type(form).of_model  # type: ignore[attr-defined]
    return kind


@cache
def near_paths() -> dict[str, float]:
    """The numbers that are compared nearly: path without keys (`memory.total`), and the share."""
    found: dict[str, float] = {}

    def visit(kind: Kind, path: str) -> None:
        hints = typing.get_type_hints(kind)
        for name in compared(kind):
            here = f"{path}.{name}".removeprefix(".")
            if name in fields_of(kind).near:
                found[here] = fields_of(kind).near[name]
            for inner in _inside(hints[name]):
                visit(inner, here)

    visit(Snapshot, "")
    return found


def _inside(hint: Any) -> Iterator[Kind]:
    """The model's classes that a type mentions."""
    if dataclasses.is_dataclass(hint):
        yield hint
    for inner in typing.get_args(hint):
        yield from _inside(inner)


def classes(kind: Kind = Snapshot) -> Mapping[Kind, bool]:
    """Every class that a snapshot can hold, and whether it stands in a list."""
    found: dict[Kind, bool] = {}

    def visit(hint: Any, listed: bool) -> None:
        if dataclasses.is_dataclass(hint):
            one = hint
            known = one in found
            found[one] = found.get(one, False) or listed
            if not known:
                for inner in typing.get_type_hints(one).values():
                    visit(inner, False)
        for inner in typing.get_args(hint):
            visit(inner, typing.get_origin(hint) is tuple)

    visit(kind, False)
    return found
