"""Container Device Interface specifications for NVIDIA devices.

There is no YAML parser in the standard library; what nvidia-ctk writes is regular enough for a reader of
lines.
"""

from __future__ import annotations

import json
import re
from typing import Any

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.container_model import CdiSpec

DIRS = ("/etc/cdi", "/var/run/cdi")
_LIMIT = 2 << 20
_MAX_FILES = 64
_MAX_DEVICES = 1024
_MAX_LINE = 4096
_LIBRARY = re.compile(r"\blib(?:cuda|nvidia-ml)\.so\.(\d{3,4}\.\d{1,4}(?:\.\d{1,4})?)")
_VENDOR = "nvidia.com/"


def read_specs(machine: Machine) -> tuple[CdiSpec, ...] | None:
    """The specifications of NVIDIA, and those that cannot be read; () when there is no directory for them."""
    found: list[CdiSpec] = []
    denied = False
    for folder in DIRS:
        names = machine.ls(folder)
        denied = denied or (names is None and machine.exists(folder))
        for name in (names or ())[:_MAX_FILES]:
            if name.endswith((".yaml", ".yml", ".json")):
                spec = _spec(machine, f"{folder}/{name}")
                if spec.error or (spec.kind or "").partition("/")[0].endswith("nvidia.com"):
                    found.append(spec)
    return None if denied and not found else tuple(found)


def _spec(machine: Machine, path: str) -> CdiSpec:
    text = machine.read(path, _LIMIT)
    if text is None:
        return CdiSpec(path=path, error="the file may not be read")
    return parse(path, text)


def parse(path: str, text: str) -> CdiSpec:
    """A specification from the text of its file; what is wrong with it goes to `error`."""
    error: str | None = None
    if path.endswith(".json"):
        kind, devices, error = _from_json(text)
    else:
        kind, devices = _from_yaml(text)
    if kind is None and error is None:
        error = "the file has no `kind`"
    library = _LIBRARY.search(text)
    return CdiSpec(
        path=path,
        kind=kind,
        driver_version=library[1] if library else None,
        devices=devices[:_MAX_DEVICES],
        error=error,
    )


def _from_json(text: str) -> tuple[str | None, tuple[str, ...], str | None]:
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        return None, (), one_line(f"not JSON: {error}")
    if not isinstance(data, dict):
        return None, (), "not a JSON object"
    kind, devices = data.get("kind"), data.get("devices")
    names = (
        item.get("name") for item in (devices if isinstance(devices, list) else ()) if isinstance(item, dict)
    )
    return (
        one_line(kind) if isinstance(kind, str) else None,
        tuple(one_line(name) for name in names if isinstance(name, str)),
        None,
    )


def _from_yaml(text: str) -> tuple[str | None, tuple[str, ...]]:
    """`kind:` at the top, and `name:` of the items of `devices:`."""
    kind: str | None = None
    devices: list[str] = []
    section = ""
    item: int | None = None  # column of the keys of an item of `devices`
    for line in text.split("\n"):
        line = line[:_MAX_LINE].rstrip()
        body = line.lstrip(" ")
        if not body or body.startswith("#"):
            continue
        column = len(line) - len(body)
        if column == 0 and not body.startswith("-"):
            section, _, value = body.partition(":")
            item = None
            if section == "kind":
                kind = _scalar(value) or None
            continue
        if section != "devices":
            continue
        if body.startswith("- ") and item is None:
            item = column + 2
        if body.startswith("- ") and column + 2 == item:
            body, column = body[2:].lstrip(" "), item
        if column == item and body.startswith("name:"):
            devices.append(_scalar(body[5:]))
    return kind, tuple(devices)


def _scalar(text: str) -> str:
    """A YAML scalar on one line, without quotes and comment."""
    text = text.strip()
    if text[:1] in ("'", '"'):
        return one_line(text[1:].partition(text[0])[0])
    return one_line(text.partition(" #")[0])
