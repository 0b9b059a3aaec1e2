"""A CycloneDX bill of materials from a lock. Pure: two runs give the same bytes."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

from envkit import __version__
from envkit.build import explicit
from envkit.build.model import Locked
from envkit.engine import conda_model
from envkit.resolve.model import Plan

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "envkit.plan")


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One pinned distribution of a lock."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of every file that may be installed for it."""
    conda: conda_model.Package | None = None
    """The package of conda that it is; None for a wheel."""

    @property
    def purl(self) -> str:
        """Its address in the package-url scheme."""
        if self.conda is None:
            return f"pkg:pypi/{self.name}@{_escaped(self.version)}"
        one = self.conda
        where = {"build": one.build, "channel": one.channel, "subdir": one.subdir, "type": _kind(one.file)}
        told = "&".join(f"{key}={_escaped(value)}" for key, value in where.items())
        return f"pkg:conda/{self.name}@{_escaped(self.version)}?{told}"


def _escaped(text: str) -> str:
    return quote(text, safe=":/")


def _kind(file: str) -> str:
    return "conda" if file.endswith(".conda") else "tar.bz2"


def packages(lock: str) -> tuple[Package, ...]:
    """The pins of a requirements.txt or of an explicit list of conda, sorted by name."""
    found = [*_packages(lock), *_conda(lock)]
    return tuple(sorted(found, key=lambda package: package.name))


def _conda(lock: str) -> Iterator[Package]:
    for one in explicit.parse(lock):
        hashes = (one.sha256,) if one.sha256 else ()
        yield Package(name=one.name, version=one.version, hashes=hashes, conda=one)


def _packages(requirements: str) -> Iterator[Package]:
    joined = requirements.replace("\\\n", " ")
    for line in joined.splitlines():
        found = _PINNED.match(line)
        if found:
            hashes = tuple(_HASH.findall(line))
            yield Package(name=canonicalize_name(found["name"]), version=found["version"], hashes=hashes)


def cyclonedx(plan: Plan, locked: Locked) -> str:
    """The bill of materials (CycloneDX 1.5, JSON). Serial number and time follow from the plan."""
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, plan.hash)}",
        "version": 1,
        "metadata": {
            "timestamp": f"{plan.data_date or '1970-01-01'}T00:00:00Z",
            "tools": {"components": [{"type": "application", "name": "envkit", "version": __version__}]},
            "component": {
                "type": "container",
                "bom-ref": f"envkit-plan:{plan.hash[:12]}",
                "name": f"{plan.framework}-{plan.cuda}",
                "version": plan.version,
            },
            "properties": [
                {"name": "envkit:plan", "value": plan.hash},
                {"name": "envkit:lock", "value": locked.lock.kind},
                {"name": "envkit:python", "value": plan.python},
                {"name": "envkit:base", "value": plan.base},
            ],
        },
        "components": [_component(package) for package in packages(locked.text)],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(package: Package) -> dict[str, Any]:
    purl = package.purl
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    }
    # One file a platform: a component has one digest, so that only an unambiguous one is stated as such.
    if len(package.hashes) == 1:
        found["hashes"] = [{"alg": "SHA-256", "content": package.hashes[0]}]
    elif package.hashes:
        found["properties"] = [{"name": "envkit:sha256", "value": each} for each in package.hashes]
    return found
