"""The bill of materials: CycloneDX 1.5, and the same bytes for the same plan."""

from __future__ import annotations

import json
import re
import uuid

import jsonschema

from envkit.build.model import Locked
from envkit.build.sbom import cyclonedx, packages
from tests.build.parts import plan

HASH, OTHER = "a" * 64, "b" * 64
TEXT = f"""\
# a comment
--index-url https://x/
numpy==2.3.0 \\
    --hash=sha256:{HASH} \\
    --hash=sha256:{OTHER}
    # via torch
Torch[opt]==2.13.0+cpu \\
    --hash=sha256:{HASH}
plain==1.0 ; sys_platform == 'linux'
"""
SHAPE = {
    "type": "object",
    "required": ["bomFormat", "specVersion", "serialNumber", "version", "metadata", "components"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "http://cyclonedx.org/schema/bom-1.5.schema.json"},
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.5"},
        "serialNumber": {
            "pattern": "^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
        },
        "version": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "required": ["timestamp", "tools", "component"],
            "properties": {
                "timestamp": {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                "component": {"$ref": "#/$defs/component"},
            },
        },
        "components": {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/component"}},
    },
    "$defs": {
        "component": {
            "type": "object",
            "required": ["type", "name"],
            "additionalProperties": False,
            "properties": {
                "type": {"enum": ["application", "framework", "library", "container", "platform", "file"]},
                "bom-ref": {"type": "string", "minLength": 1},
                "name": {"type": "string"},
                "version": {"type": "string"},
                "purl": {"pattern": "^pkg:"},
                "hashes": {
                    "type": "array",
                    "items": {
                        "required": ["alg", "content"],
                        "properties": {
                            "alg": {"enum": ["SHA-256"]},
                            "content": {"pattern": "^[0-9a-f]{64}$"},
                        },
                    },
                },
                "properties": {
                    "type": "array",
                    "items": {"required": ["name", "value"], "additionalProperties": False,
                              "properties": {"name": {"type": "string"}, "value": {"type": "string"}}},
                },
            },
        }
    },
}  # fmt: skip
"""The parts of CycloneDX 1.5's schema that are used."""


def document(**changes):
    return json.loads(cyclonedx(plan(**changes), Locked(lock=plan().lock, requirements=TEXT)))


def test_pins_are_read_off_the_lock():
    found = packages(TEXT)
    assert [(each.name, each.version, each.hashes) for each in found] == [
        ("numpy", "2.3.0", (HASH, OTHER)),
        ("plain", "1.0", ()),
        ("torch", "2.13.0+cpu", (HASH,)),
    ]
    assert packages("") == ()


def test_the_document_has_the_shape_of_cyclonedx():
    found = document()
    jsonschema.Draft202012Validator(SHAPE).validate(found)
    references = [each["bom-ref"] for each in found["components"]]
    assert len(set(references)) == len(references) == 3
    torch = next(each for each in found["components"] if each["name"] == "torch")
    assert torch["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"
    assert torch["hashes"] == [{"alg": "SHA-256", "content": HASH}]
    numpy = next(each for each in found["components"] if each["name"] == "numpy")
    # Two files, one of which is installed: neither is the component's digest.
    assert "hashes" not in numpy and len(numpy["properties"]) == 2


def test_two_runs_give_the_same_bytes_and_another_plan_other_ones():
    locked = Locked(lock=plan().lock, requirements=TEXT)
    assert cyclonedx(plan(), locked) == cyclonedx(plan(), locked)
    assert document()["serialNumber"] != document(python="3.13")["serialNumber"]


def test_serial_and_time_come_from_the_plan():
    found = document()
    assert uuid.UUID(found["serialNumber"].removeprefix("urn:uuid:")).version == 5
    assert found["metadata"]["timestamp"] == f"{plan().data_date}T00:00:00Z"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", plan().data_date)


def test_two_builds_write_the_same_files(build, index, tmp_path):
    from tests.build.conftest import cpu

    for name in ("one", "two"):
        options = ("--as", "uv,pip,docker", "--no-build", "--output", tmp_path / name)
        assert build(*cpu(index), *options).returncode == 0
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("*") if path.is_file()}
        for name in ("one", "two")
    )
    assert one == two and "sbom.json" in one
