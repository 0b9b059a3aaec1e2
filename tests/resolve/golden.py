"""The golden table: a machine and a wish, and the answer that the facts give (golden.toml)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envkit.build.ask import Ask, hosts_of, request_of
from envkit.build.look import look
from envkit.compat import Compat
from envkit.core.codec import load
from envkit.facts.model import Snapshot
from envkit.resolve.hosts import TypedTarget
from envkit.resolve.request import Host, Request
from tests.nvml import nvml_machine
from tests.recorded import recorded

TABLE = Path(__file__).parent / "golden.toml"
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"
_WISHES = ("framework", "python", "cuda", "nvcc", "source")
_ASKED = (
    *_WISHES,
    "gpu",
    "driver",
    "arch",
    "glibc",
    "os",
    "here",
    "wsl",
    "own_libc",
    "device",
    "with",
    "hosts",
)
_SEEN = ("machine", "snapshot", "nvml")
_ANSWERS = ("gives", "no", "usage", "nearest", "has", "lacks", "reason", "assumed", "base", "index", "cc")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    section: str
    fields: dict[str, Any]

    def __str__(self) -> str:
        asked = {key: value for key, value in self.fields.items() if key in (*_ASKED, *_SEEN)}
        return f"{self.section}: " + " ".join(f"{key}={value}" for key, value in asked.items())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.fields.get(name)

    def request(self, compat: Compat) -> Request:
        """What the command line means. Raises UsageError where it makes no sense."""
        here = _seen(self.fields)
        if here is not None:
            hosts = hosts_of((here,), compat)
        elif "hosts" in self.fields:
            hosts = tuple(_host(each, compat) for each in self.fields["hosts"])
        else:
            hosts = (_here(self.fields),)
        asked = request_of(_ask(self.fields), hosts, compat)
        return replace(asked, hosts=tuple(replace(h, wsl=h.wsl or bool(self.wsl)) for h in asked.hosts))


def rows() -> tuple[Row, ...]:
    """The whole table. Raises ValueError for a field that no row may have."""
    sections = tomllib.loads(TABLE.read_text())
    found = tuple(Row(section=name, fields=row) for name, part in sections.items() for row in part["rows"])
    for row in found:
        if strange := row.fields.keys() - {*_ASKED, *_SEEN, *_ANSWERS, "platform"}:
            raise ValueError(f"{row}: unknown fields {sorted(strange)}")
    return found


def typed_rows() -> tuple[Row, ...]:
    """Those that need no recorded machine and make sense."""
    return tuple(row for row in rows() if row.usage is None and not any(row.fields.get(key) for key in _SEEN))


def _ask(fields: dict[str, Any]) -> Ask:
    target = TypedTarget(
        driver=fields.get("driver"),
        gpus=tuple(filter(None, fields.get("gpu", "").split(","))),
        arch=fields.get("arch"),
        glibc=fields.get("glibc"),
    )
    return Ask(
        gpu=fields.get("device") == "gpu",
        cpu=fields.get("device") == "cpu",
        own_libc=fields.get("own_libc", False),
        extras=tuple(filter(None, fields.get("with", "").split(","))),
        target=target,
        **{key: fields[key] for key in _WISHES if key in fields},
    )


def _here(fields: dict[str, Any]) -> Host:
    return Host(platform=fields.get("os", "linux-x86_64"), gpus=() if fields.get("here") == "none" else None)


def _host(fields: dict[str, Any], compat: Compat) -> Host:
    (host,) = request_of(_ask(fields), (_here(fields),), compat).hosts
    return replace(host, wsl=fields.get("wsl", False))


def _seen(fields: dict[str, Any]) -> Snapshot | None:
    if "machine" in fields:
        return look(recorded(fields["machine"]))
    if "snapshot" in fields:
        return load(Snapshot, SNAPSHOTS / f"{fields['snapshot']}.json", name="snapshot").value
    if "nvml" in fields:
        return look(nvml_machine(fields["nvml"]))
    return None
