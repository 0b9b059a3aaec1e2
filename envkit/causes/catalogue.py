"""Loads the catalogue from `data/*.toml`, one file a family."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from envkit.causes.change import NotApplicableError, check_template
from envkit.causes.model import Cause, CauseDataError, Step
from envkit.core.finding import SEVERITIES
from envkit.core.toml_data import read_toml

CHECKED_FAMILIES = ("driver", "framework", "hardware", "python", "host", "container", "network")
"""Families whose every cause doctor looks for."""
CATALOGUE_FAMILIES = (
    *CHECKED_FAMILIES,
    "loader",
    "runtime",
    "distributed",
    "numerics",
    "training",
    "speed",
    "windows",
)
"""One file of data each; most causes of the others show in error texts only."""

_DATA = Path(__file__).with_name("data")
_REQUIRED = {"key", "title", "severity", "why", "confirm", "fix", "sources"}
_OPTIONAL = {"verify", "explains", "aliases"}


@cache
def catalogue() -> Mapping[str, Cause]:
    """Every cause by its key. Raises CauseDataError when the data is wrong."""
    causes: dict[str, Cause] = {}
    for family in CATALOGUE_FAMILIES:
        for row in read_toml(_DATA / f"{family}.toml")["cause"]:
            entry = _entry(family, row)
            if entry.key in causes:
                raise CauseDataError(f"{family}.toml: {entry.key} is there twice")
            causes[entry.key] = entry
    for entry in causes.values():
        for key in entry.explains:
            if key not in causes:
                raise CauseDataError(f"{entry.key} explains {key}, which is not in the catalogue")
    return MappingProxyType(causes)


def cause(key: str) -> Cause | None:
    """The cause of that key or alias, or None."""
    entries = catalogue()
    if key in entries:
        return entries[key]
    return next((entry for entry in entries.values() if key in entry.aliases), None)


def _entry(family: str, row: dict[str, Any]) -> Cause:
    where = f"{family}.toml: {row.get('key', 'a row without key')}"
    if missing := _REQUIRED - row.keys():
        raise CauseDataError(f"{where} lacks {', '.join(sorted(missing))}")
    if unknown := row.keys() - _REQUIRED - _OPTIONAL:
        raise CauseDataError(f"{where} has unknown {', '.join(sorted(unknown))}")
    if row["severity"] not in SEVERITIES:
        raise CauseDataError(f"{where} has severity {row['severity']!r}")
    if not row["fix"] or not row["sources"]:
        raise CauseDataError(f"{where} has no {'fix step' if not row['fix'] else 'source'}")
    checked = family in CHECKED_FAMILIES
    steps = tuple(read_step(where, step) for step in row["fix"])
    return Cause(
        key=row["key"],
        family=family,
        title=row["title"],
        severity=row["severity"],
        why=row["why"].strip(),
        confirm=row["confirm"].strip(),
        fix=steps,
        verify=row.get("verify", f"envkit doctor --only {row['key']}" if checked else None),
        explains=tuple(row.get("explains", ())),
        sources=tuple(row["sources"]),
        aliases=tuple(row.get("aliases", ())),
    )


def read_step(where: str, step: dict[str, Any]) -> Step:
    """A step of a fix as the data has it. Raises CauseDataError when it is malformed."""
    if "say" not in step or step.keys() - {"say", "run", "when", "unless", "apply"}:
        raise CauseDataError(
            f"{where}: a fix step has `say`, perhaps `run`, `when`, `unless` and `apply`, not {sorted(step)}"
        )
    made = Step(
        say=step["say"],
        run=step.get("run"),
        when=tuple(step.get("when", "").split()),
        unless=tuple(step.get("unless", "").split()),
        apply=step.get("apply"),
    )
    if made.apply is not None:
        try:
            check_template(made.apply, made.run)
        except NotApplicableError as error:
            raise CauseDataError(f"{where}: a step marked apply = {made.apply!r}: {error}") from error
    return made
