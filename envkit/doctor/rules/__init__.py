"""All rules. A rule is a pure function `(Snapshot, Compat) -> Outcome`; its name is its cause's key."""

from __future__ import annotations

from collections.abc import Callable

from envkit.compat import Compat
from envkit.doctor.outcome import Outcome
from envkit.doctor.rules import (
    amd,
    container,
    cpu_build,
    deep,
    driver,
    fabric,
    framework,
    hardware,
    host,
    libraries,
    loaded,
    network,
    orchestration,
    packages,
    python,
    ranks,
    reach,
    selection,
    settings,
    tuning,
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
    *orchestration.RULES,
    *amd.RULES,
    *tuning.RULES,
    *ranks.RULES,
    *network.RULES,
    *deep.RULES,
    *loaded.RULES,
)

ANY_SYSTEM: frozenset[Rule] = frozenset(
    (
        *(reach.nvml_no_devices, reach.gpu_fell_off_bus, selection.cuda_visible_devices_invalid),
        *(selection.bad_env_var, tuning.application_clocks_low, tuning.gpus_differ),
        *(*framework.RULES, *cpu_build.RULES, *hardware.RULES, *settings.RULES, *python.RULES),
        *(*packages.RULES, *network.RULES, *deep.RULES),
    )
)
"""Rules that ask nothing of Linux. On Windows and macOS, known from pastes, the others do not apply."""


def key_of(rule: Rule) -> str:
    """`driver_too_old` -> `driver-too-old`."""
    return rule.__name__.replace("_", "-")
