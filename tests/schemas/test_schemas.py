"""What is saved and printed has the fields that scripts rely on, and its JSON schema says so."""

from __future__ import annotations

import dataclasses
import json
import typing
from functools import cache
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, ValidationError

from envkit.causes import Cause
from envkit.core import report
from envkit.core.codec import dumps, loads
from envkit.core.finding import SEVERITIES, Evidence, Finding, FixStep, Outcome, Proof, Severity
from envkit.diagnose.model import Diagnosis
from envkit.doctor.answer import Answer
from envkit.facts.model import ProbeState
from envkit.match.model import Explanation
from envkit.resolve.model import Lock, Plan
from tests.schemas.catalogue import SCHEMAS
from tests.schemas.instances import INSTANCES

FIELDS = {
    "report": "schema command verdict findings sections notes",
    "snapshot": "schema envkit taken probes host scheduler cpu memory limits processes storage pci driver"
    " nvml xids cuda libraries python deep containers env",
    "doctor": "schema verdict findings snapshot applied new_problems",
    "fleet": "schema verdict nodes groups odd differences findings unreadable",
    "causes": "schema causes",
    "explanation": "schema causes",
    "plan": "schema framework version cuda source python platform glibc targets companions base reasons"
    " assumptions lock data_date hash",
    "refusal": "schema reasons rejected nearest",
    "built": "schema plan folder files image environment checks phases size predicted log notes",
    "build": "schema envkit request plan artefacts settings lock lock_hash locked_on digests",
    "drift": "schema changes notes unasked",
    "bench": "schema fingerprint results",
    "bench-samples": "schema fingerprint arms processes date interrupted",
    "bench-aa": "schema fingerprint results date interrupted notes",
    "bench-history": "schema date fingerprint results",
    "diagnosis": "schema verdict causes speed script overhead",
    "trace": "schema command processes script memory files",
}
"""The fields that are promised; there may be more."""
INNER = {
    "finding": (
        Finding,
        "key outcome severity confidence evidence explains fix verify why_unknown",
    ),
    "evidence": (Evidence, "what value source"),
    "fix step": (FixStep, "say run apply"),
    "section": (report.Section, "title blocks"),
    "table": (report.Table, "columns rows"),
    "column": (report.Column, "title unit"),
    "series": (report.Series, "x ys marks"),
    "line": (report.Line, "y low high"),
    "code": (report.Code, "path lines marked"),
    "cause": (Cause, "key title why confirm fix explains sources"),
}


@cache
def schema_of(kind: Any) -> dict[str, Any]:
    schema = msgspec.json.schema(kind)
    Draft202012Validator.check_schema(schema)
    return schema


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(SCHEMAS[name]))


def names(kind: Any) -> set[str]:
    return set(typing.get_type_hints(kind))


def walk(value: Any, path: tuple[Any, ...] = ()) -> typing.Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from walk(item, (*path, key))


def test_the_lists_are_whole():
    assert SCHEMAS.keys() == FIELDS.keys() == INSTANCES.keys()
    for name, instance in INSTANCES.items():
        assert type(instance) is SCHEMAS[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_constant(name):
    written = json.loads(dumps(INSTANCES[name]))
    assert written["schema"] == f"envkit.{name}/1"


@pytest.mark.parametrize("name", SCHEMAS)
def test_promised_fields(name):
    assert set(FIELDS[name].split()) <= names(SCHEMAS[name])


@pytest.mark.parametrize("name", INNER)
def test_promised_fields_inside(name):
    kind, promised = INNER[name]
    assert set(promised.split()) <= names(kind)


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_instance_is_what_its_json_schema_says(name):
    written = json.loads(dumps(INSTANCES[name]))
    validator(name).validate(written)
    assert (
        loads(SCHEMAS[name], dumps(INSTANCES[name]).encode(), name=name, where="x").value == INSTANCES[name]
    )


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_json_schema_takes_fields_of_later_versions(name):
    validator(name).validate({**json.loads(dumps(INSTANCES[name])), "later": [1]})


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_json_schema_refuses_what_the_loader_refuses(name):
    """A wrong type anywhere is wrong for both."""
    whole = json.loads(dumps(INSTANCES[name]))
    if name == "causes":
        del whole["causes"][2:]  # they are all alike
    for path, value in list(walk(whole))[1:]:
        if path == ("schema",) or value is None:
            continue
        copy = json.loads(json.dumps(whole))
        node = copy
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = 5.5 if isinstance(value, dict) else {"wrong": [value]}
        valid = validator(name).is_valid(copy)
        try:
            msgspec.convert(copy, SCHEMAS[name])
            loaded = True
        except msgspec.ValidationError:
            loaded = False
        assert valid == loaded, path
        assert not loaded, path


@pytest.mark.parametrize("name", SCHEMAS)
def test_fields_without_default_are_required(name):
    kind = SCHEMAS[name]
    whole = json.loads(dumps(INSTANCES[name]))
    for field in dataclasses.fields(kind):
        smaller = {key: value for key, value in whole.items() if key != field.name}
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            with pytest.raises(ValidationError):
                validator(name).validate(smaller)
        else:
            validator(name).validate(smaller)


class TestWords:
    """Words that scripts compare with."""

    def test_outcomes(self):
        assert typing.get_args(Outcome) == ("ok", "problem", "unknown", "not-applicable")

    def test_severities(self):
        assert typing.get_args(Severity) == SEVERITIES == ("error", "warning", "note")

    def test_proofs(self):
        assert typing.get_args(Proof) == ("hypothesis", "replayed", "survived", "better")

    def test_probe_states(self):
        assert typing.get_args(ProbeState) == ("ok", "failed", "timeout", "denied", "skipped")

    def test_verdicts_of_doctor(self):
        verdicts = typing.get_args(typing.get_type_hints(Answer)["verdict"])
        assert {"healthy", "problems", "unknown"} <= set(verdicts)

    def test_verdicts_of_diagnose(self):
        assert typing.get_args(typing.get_type_hints(Diagnosis)["verdict"]) == (
            "healthy",
            "faulty",
            "unknown",
        )

    def test_locks_and_sources_of_plans(self):
        assert typing.get_args(typing.get_type_hints(Lock)["kind"]) == ("hashes", "versions", "none")
        assert typing.get_args(typing.get_type_hints(Plan)["source"]) == ("wheels", "conda-forge")

    def test_blocks(self):
        blocks = {kind.__struct_config__.tag: kind for kind in typing.get_args(report.Block)}
        assert set(blocks) == {"text", "key-values", "table", "series", "bars", "code", "diff"}
        assert {kind.__struct_config__.tag_field for kind in blocks.values()} == {"kind"}


class TestJsonOfTheCommands:
    def test_explanation(self):
        (cause,) = json.loads(dumps(INSTANCES["explanation"]))["causes"]
        assert set(cause) == {"key", "confidence", "evidence", "deciding_fact", "fix"}

    def test_nothing_recognised_is_an_empty_list(self):
        assert json.loads(dumps(Explanation(causes=())))["causes"] == []

    def test_bench(self):
        (result,) = json.loads(dumps(INSTANCES["bench"]))["results"]
        assert {"workload", "framework", "device", "precision", "throughput", "ceiling"} <= set(result)
        assert set(result["throughput"]) == {"median", "low", "high", "unit"}

    def test_diagnosis(self):
        written = json.loads(dumps(INSTANCES["diagnosis"]))
        (cause,) = written["causes"]
        assert {"key", "confidence", "proof", "where", "evidence", "fix"} <= set(cause)
        assert set(cause["where"]) == {"file", "line", "module", "op", "phase", "samples"}
        assert {"key", "share"} <= set(written["speed"]["primary"])
        tried, untried = written["speed"]["gains"]
        assert (tried["fix"], tried["predicted"], tried["measured"]) == (
            "num_workers=8",
            [0.2, 0.4],
            [0.25, 0.3],
        )
        assert (untried["predicted"], untried["measured"]) == (None, None)
        assert set(written["script"]) == {"exit_code", "signal", "error"}

    def test_every_block_carries_its_kind(self):
        (section,) = json.loads(dumps(INSTANCES["report"]))["sections"]
        assert [block["kind"] for block in section["blocks"]] == [
            "text",
            "key-values",
            "table",
            "series",
            "bars",
            "code",
            "diff",
        ]
