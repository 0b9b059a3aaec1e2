"""Damage to snapshots as values: types, figures, fields, depth."""

from __future__ import annotations

import copy
import json
from functools import cache
from random import Random
from typing import Any

import msgspec

from envkit.facts.model import Snapshot
from tests.fuzz.sources import Sources
from tests.fuzz.words import FIGURES, OTHERS, WORDS

DEEP = 100_000
"""Brackets."""


@cache
def _fixed() -> frozenset[str]:
    """Fields that hold one of a few words; others would only be refused."""
    kinds = msgspec.json.schema(Snapshot)["$defs"].values()
    fields = [pair for kind in kinds for pair in kind.get("properties", {}).items()]
    return frozenset({"schema", *(name for name, kind in fields if '"enum"' in json.dumps(kind))})


def _whole(chance: Random, of: Sources) -> Any:
    return json.loads(chance.choice(of.snapshots))


def _written(value: Any, chance: Random) -> bytes:
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 2)))
    return text.encode("utf-8", "surrogatepass")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value except the whole."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, item in items for place in ((*path, key), *places(item, (*path, key)))]


def _above(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        value = value[key]
    return value


def wrong(value: Any, chance: Random) -> Any:
    """Mostly another value of the same type, which is then judged and not refused."""
    if chance.random() < 0.2:
        return copy.deepcopy(chance.choice((*OTHERS, *FIGURES, *WORDS)))
    if isinstance(value, str):
        return chance.choice(WORDS)
    if isinstance(value, bool) or value is None:
        return chance.choice((True, False, None))
    if isinstance(value, int | float):
        return chance.choice(FIGURES)
    if isinstance(value, list):
        return chance.choice(([], value * 2, value * 50, value[::-1]))
    return chance.choice((None, dict(list(value.items())[::2]), {**value, "later": value}))


def fields(chance: Random, of: Sources) -> bytes:
    """One to four fields that are wrong or missing."""
    value = _whole(chance, of)
    for _ in range(chance.randint(1, 4)):
        place = chance.choice(places(value))
        node = _above(value, place)
        if chance.random() < 0.1:
            del node[place[-1]]
        else:
            node[place[-1]] = wrong(node[place[-1]], chance)
    return _written(value, chance)


def words(chance: Random, of: Sources) -> bytes:
    """Every text that is not one of a few words is foreign at once."""

    def replaced(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: item if key in _fixed() else replaced(item) for key, item in node.items()}
        if isinstance(node, list):
            return [replaced(item) for item in node]
        return chance.choice(WORDS) if isinstance(node, str) and chance.random() < 0.7 else node

    return _written(replaced(_whole(chance, of)), chance)


def figures(chance: Random, of: Sources) -> bytes:
    """Every number another one."""

    def replaced(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: replaced(item) for key, item in node.items()}
        if isinstance(node, list):
            return [replaced(item) for item in node]
        if isinstance(node, bool) or not isinstance(node, int | float) or chance.random() < 0.3:
            return node
        return chance.choice([one for one in FIGURES if type(one) is type(node) and abs(one) < 2**63] or [0])

    return _written(replaced(_whole(chance, of)), chance)


def types(chance: Random, of: Sources) -> bytes:
    """One leaf of a type that it cannot have."""
    value = _whole(chance, of)
    place = chance.choice([p for p in places(value) if not isinstance(_above(value, p)[p[-1]], dict | list)])
    _above(value, place)[place[-1]] = copy.deepcopy(chance.choice((*OTHERS, -1, 10**400, "text", 1.5)))
    return _written(value, chance)


def many(chance: Random, of: Sources) -> bytes:
    """Lists of tens of thousands: GPUs, packages, processes."""
    value = _whole(chance, of)
    lists = [
        p for p in places(value) if isinstance(_above(value, p)[p[-1]], list) and _above(value, p)[p[-1]]
    ]
    for place in chance.sample(lists, min(len(lists), chance.choice((1, 3)))):
        try:
            held = _above(value, place)
            held[place[-1]] = held[place[-1]] * chance.choice(
                (100, 5_000, 50_000 // len(places(held[place[-1]]) or "x"))
            )
        except (KeyError, IndexError, TypeError):  # inside a list that was multiplied before
            continue
    return _written(value, chance)


def deep(chance: Random, of: Sources) -> bytes:
    """Nested without end, closed or not, in a field or as the whole."""
    depth = chance.choice((90, 101, 1_000, DEEP, 1_000_000))
    opened, closed = chance.choice((("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")))
    nest = opened * depth + "1" + closed * depth * chance.choice((0, 1, 1))
    if chance.random() < 0.3:
        return nest.encode()
    text = chance.choice(of.snapshots).decode()
    at = text.find("{") + 1
    return f'{text[:at]} "{chance.choice(("later", "cpu", "env", "schema"))}": {nest}, {text[at:]}'.encode()


def literals(chance: Random, of: Sources) -> bytes:
    """Numbers and words that JSON does not have, or not like this."""
    text = chance.choice(of.snapshots).decode()
    odd = (
        "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 4301, "1." + "0" * 5000, "0x1F", "01", ".5",
        "+1", "True", "None", "undefined", "'x'", '"\\ud800"', '"\\u0000"', '"\\x41"', "1e-400", "-0", '"\t"',
    )  # fmt: skip
    starts = [at for at in range(len(text) - 1) if text[at] == ":" and text[at - 1] == '"']
    at = chance.choice(starts) + 1
    end = min(found for mark in ",}\n" if (found := text.find(mark, at)) > 0)
    return f"{text[:at]} {chance.choice(odd)}{text[end:]}".encode()


def schemas(chance: Random, of: Sources) -> bytes:
    """Another schema, version or kind of value."""
    value = _whole(chance, of)
    value["schema"] = chance.choice(
        ("envkit.snapshot/2", "envkit.snapshot/1.7", "envkit.snapshot/0", "envkit.snapshot", "envkit.plan/1",
         "envkit.snapshot/", "envkit.snapshot/x", "envkit.doctor/1", "other/1", "", None, 1,
         ["envkit.snapshot/1"], {"envkit.snapshot/1": 1}, "envkit.snapshot/1\x1b[31m", "ENVKIT.SNAPSHOT/1",
         "envkit.snapshot/" + "1" * 5000)
    )  # fmt: skip
    return _written(value, chance)


def unknown_fields(chance: Random, of: Sources) -> bytes:
    """Fields of a later version, at any depth, and their values of any kind."""
    value = _whole(chance, of)
    nodes = [value, *(n for p in places(value) if isinstance(n := _above(value, p)[p[-1]], dict))]
    for node in chance.sample(nodes, min(len(nodes), 5)):
        node[chance.choice(("later", "", "\x1b[31m", "__class__", "<script>", "\ud800", "a" * 10_000))] = (
            chance.choice((*OTHERS, *WORDS))
        )
    return _written(value, chance)


def duplicate_keys(chance: Random, of: Sources) -> bytes:
    """The same key twice, with other values."""
    text = chance.choice(of.snapshots).decode()
    at = text.find("{") + 1
    key = chance.choice(("schema", "cpu", "nvml", "python", "probes", "pci"))
    value = chance.choice(("null", "1", '"envkit.snapshot/9"', "[]", "{}"))
    return f'{text[:at]}"{key}": {value}, '.encode() * chance.choice((1, 1000)) + text[at:].encode()


def syntax(chance: Random, of: Sources) -> bytes:
    """Nearly JSON: commas, comments, quotation marks, lines before and after."""
    text = chance.choice(of.snapshots).decode()
    changes = (
        lambda: text.replace("}", ",}"),
        lambda: text.replace("{", "{ // remark\n", 3),
        lambda: text.replace('"', "'"),
        lambda: text.replace('"', "“"),
        lambda: "warning: something\n" + text + "\nDone in 3 s\n",
        lambda: "callback(" + text + ");",
        lambda: text + text,
        lambda: text[:-2],
        lambda: text + "]",
        lambda: "[" + text + "]",
        lambda: json.dumps(text),
        lambda: text.replace("\n", " \\\n"),
        lambda: "\ufeff" * 3 + text,
        lambda: text.replace("  ", "\xa0\xa0"),
    )
    return chance.choice(changes)().encode("utf-8", "surrogatepass")


def other_json(chance: Random, of: Sources) -> bytes:
    """JSON that is something else."""
    values = (None, True, 1, "x", [], {}, [{}], {"a": 1}, [json.loads(of.snapshots[0])], {"snapshot": {}},
              {"schema": "envkit.doctor/1", "snapshot": None}, {"schema": "envkit.doctor/1", "snapshot": []},
              {"schema": "envkit.doctor/1", "snapshot": {"schema": "envkit.snapshot/9"}},
              {"schema": "envkit.snapshot/1"}, {"schema": "envkit.snapshot/1", "probes": [{}]})  # fmt: skip
    return _written(chance.choice(values), chance)
