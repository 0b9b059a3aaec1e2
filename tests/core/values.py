"""Any value of a type of ours, for property tests: what JSON can hold of it."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = st.integers(-(2**63), 2**64 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)
LONGEST = 2


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a scalar, Literal, Optional, union, tuple, dict, dataclass or struct."""
    plain: dict[Any, st.SearchStrategy[Any]] = {
        str: WORDS,
        int: WHOLE,
        float: REAL,
        bool: st.booleans(),
        type(None): st.none(),
        Any: st.one_of(WORDS, WHOLE, st.booleans(), st.none()),
    }
    if kind in plain:
        return plain[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(one) for one in inner])
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(values(inner[0]), max_size=LONGEST).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, inner))
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=LONGEST)
    assert dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct), kind
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{name: values(hint) for name, hint in hints.items() if name != "schema"})
