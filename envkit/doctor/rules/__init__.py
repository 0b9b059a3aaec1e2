"""All rules. A rule is a pure function `(Snapshot, Compat) -> Outcome`; its name is its cause's key."""

from __future__ import annotations

from collections.abc import Callable

from envkit.compat import Compat
from envkit.doctor.outcome import Outcome
from envkit.doctor.rules import (
    container,
    cpu_build,
    deep,
    driver,
    fabric,
    framework,
    hardware,
    host,
    libraries,
    packages,
    python,
    reach,
    selection,
    settings,
    wsl,
)
from envkit.facts.model import Snapshot

Rule = Callable[[Snapshot, Compat], Outcome]

RULES: tuple[Rule, ...] = (
    *driver.RULES,
    *reach.RULES,
    *framework.RULES,
    *cpu_build.RULES,
    *hardware.RULES,
    *settings.RULES,
    *fabric.RULES,
    *selection.RULES,
    *python.RULES,
    *packages.RULES,
    *libraries.RULES,
    *host.RULES,
    *wsl.RULES,
    *container.RULES,
    *deep.RULES,
)


def key_of(rule: Rule) -> str:
    """`driver_too_old` -> `driver-too-old`."""
    return rule.__name__.replace("_", "-")
