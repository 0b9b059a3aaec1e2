"""Every field of the model is compared, compared nearly, or a node's own."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from envkit.doctor.fleet.fields import FIELDS, PROBES
from envkit.doctor.fleet.flatten import flat
from envkit.doctor.fleet.forms import _inside, classes, comparable, compared, fields_of, near_paths
from envkit.doctor.fleet.labels import SHORT, SIZES, UNITS, WEIGHTS
from envkit.doctor.fleet.words import generic
from envkit.facts.model import Snapshot
from tests.doctor.fleet.nodes import node
from tests.recorded import MACHINES

CLASSES = classes()


def test_every_class_of_the_model_is_there_and_no_other():
    assert FIELDS.keys() == CLASSES.keys()


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
class TestOneClass:
    def test_every_field_stands_in_exactly_one_list(self, kind):
        table = FIELDS[kind]
        listed = [*table.compared.split(), *table.near, *table.own]
        assert sorted(listed) == sorted(field.name for field in dataclasses.fields(kind))

    def test_reasons_are_given(self, kind):
        assert all(len(reason) > 10 for reason in FIELDS[kind].own.values())

    def test_names_inside_are_fields(self, kind):
        table, names = FIELDS[kind], {field.name for field in dataclasses.fields(kind)}
        guards = {guard for _, guard in table.none.values() if guard}
        assert {*table.key.split(), *table.none, *guards} <= names
        assert not table.shown or table.shown in table.compared.split()
        assert table.none.keys() <= table.names()

    def test_what_stands_in_lists_is_told_apart_or_taken_together(self, kind):
        if not CLASSES[kind]:
            assert not FIELDS[kind].key and not FIELDS[kind].shown


def paths(kind=Snapshot, start=""):
    for name in compared(kind):
        here = f"{start}.{name}".removeprefix(".")
        yield here
        for inner in _inside(typing.get_type_hints(kind)[name]):
            yield from paths(inner, here)


def test_weights_and_words_name_facts_that_exist():
    known = set(paths())
    assert WEIGHTS.keys() <= known
    assert all(any(path.startswith(start) for path in known) for start in SHORT)
    last = {path.rpartition(".")[2] for path in known}
    assert SIZES | UNITS.keys() <= last
    assert near_paths().keys() <= known and near_paths()["memory.total"] == 0.02


def test_probes_are_of_fields():
    assert PROBES.keys() <= set(compared(Snapshot))


def test_numbers_that_count_up_or_change_by_the_minute_are_not_compared():
    """Facts of a snapshot taken twice are the same."""
    one = node()
    for name in compared(Snapshot):
        facts = flat(name, comparable(name, getattr(one, name)), read=True)
        words = {generic(path) for path in facts}
        assert not words & {"host.uptime", "cpu.load1", "memory.available", "storage.free", "nvml.gpus.uuid"}


def test_an_unlisted_field_would_be_compared():
    assert fields_of(int).own == {}


@pytest.mark.parametrize("tree", sorted(path.name for path in MACHINES.iterdir() if path.is_dir())[:6])
def test_recorded_machines_become_facts(tree):
    from envkit.doctor.gather import PROBES as ALL
    from envkit.facts.collect import collect
    from tests.doctor_scenarios import PATIENCE
    from tests.recorded import recorded

    without = [probe for probe in ALL if probe.name != "nvml"]
    snapshot = collect(recorded(tree), without, budget=PATIENCE)
    for name in compared(Snapshot):
        part = comparable(name, getattr(snapshot, name))
        assert hash(part) == hash(comparable(name, getattr(snapshot, name)))
        assert flat(name, part, read=True)
