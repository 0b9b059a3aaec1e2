"""What to do when only a message is known: steps that need no more than what a text can name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from envkit.causes.catalogue import catalogue, read_step
from envkit.causes.model import CauseDataError, Step


@cache
def advice() -> Mapping[str, tuple[Step, ...]]:
    """The steps of causes that have some for a text alone. Raises CauseDataError when the data is wrong."""
    found: dict[str, tuple[Step, ...]] = {}
    for row in _data()["advice"]:
        key = row.get("key")
        if key not in catalogue() or key in found or row.keys() - {"why"} != {"key", "steps"}:
            raise CauseDataError(f"advice.toml: {key} is unknown, is there twice, or is not a key with steps")
        found[key] = tuple(read_step(f"advice.toml: {key}", step) for step in row["steps"])
    return MappingProxyType(found)


def steps_for_text(key: str) -> tuple[Step, ...]:
    """The steps for a cause of which only a message is known: its own for that, else the catalogue's."""
    return advice().get(key, catalogue()[key].fix)


def why_of(key: str) -> str:
    """Why a message of this cause appears: its own sentence for that, else the catalogue's."""
    told = next((row.get("why") for row in _data()["advice"] if row["key"] == key), None)
    return told or catalogue()[key].why


def glibc_from(version: tuple[int, ...]) -> str | None:
    """The releases of distributions that have this glibc, in words; None for one newer than the table."""
    for row in _data()["glibc"]:
        if tuple(map(int, row["version"].split("."))) >= version:
            return str(row["from"])
    return None


@cache
def _data() -> dict[str, Any]:
    path = resources.files("envkit.causes") / "data" / "advice.toml"
    return tomllib.loads(path.read_text("utf-8"))
