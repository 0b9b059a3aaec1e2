"""Every rule has its cases; every fix step can be reached; every mutation shows the one right finding."""

from __future__ import annotations

from collections import defaultdict

import pytest

from envkit.causes import catalogue
from envkit.doctor.judge import _os_slots as os_slots
from envkit.doctor.judge import judge
from envkit.doctor.rules import RULES, key_of
from tests.doctor import (
    test_amd,
    test_container,
    test_cpu_build,
    test_deep,
    test_driver,
    test_fabric,
    test_framework,
    test_hardware,
    test_host,
    test_libraries,
    test_loaded,
    test_network,
    test_orchestration,
    test_packages,
    test_python,
    test_ranks,
    test_reach,
    test_selection,
    test_settings,
    test_tuning,
    test_wsl,
)
from tests.doctor.cases import Case
from tests.doctor.change import changed

CASES: tuple[Case, ...] = (
    *test_driver.CASES,
    *test_reach.CASES,
    *test_framework.CASES,
    *test_cpu_build.CASES,
    *test_hardware.CASES,
    *test_settings.CASES,
    *test_fabric.CASES,
    *test_selection.CASES,
    *test_python.CASES,
    *test_packages.CASES,
    *test_libraries.CASES,
    *test_host.CASES,
    *test_wsl.CASES,
    *test_container.CASES,
    *test_orchestration.CASES,
    *test_amd.CASES,
    *test_tuning.CASES,
    *test_ranks.CASES,
    *test_network.CASES,
    *test_deep.CASES,
    *test_loaded.CASES,
)
MUTATIONS = tuple(case for case in CASES if case.flips)
KEYS = tuple(key_of(rule) for rule in RULES)

NEVER_OK: dict[str, str] = {}
"""Rules without an `ok`, and why."""
NEVER_UNKNOWN: dict[str, str] = {}
"""Rules without an `unknown`, and why."""


def _of(status: str) -> set[str]:
    return {key_of(case.rule) for case in CASES if case.status == status}


def test_case_names_are_unique():
    names = [str(case) for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("key", KEYS)
def test_every_rule_has_cases(key):
    assert key in _of("problem")
    assert (key in _of("ok")) != (key in NEVER_OK)
    assert (key in _of("unknown")) != (key in NEVER_UNKNOWN)


@pytest.mark.parametrize("key", KEYS)
def test_every_rule_has_a_mutation_of_one_fact(key):
    flips = [case for case in MUTATIONS if key_of(case.rule) == key]
    assert flips, "no healthy machine was made ill with it"
    assert any(case.flips == 1 or case.because for case in flips)


@pytest.mark.parametrize("case", MUTATIONS, ids=lambda case: f"{key_of(case.rule)}: {case.name}")
def test_the_mutation_shows_this_problem_and_no_other(case, compat):
    problems = [f for f in judge(case.snapshot, compat) if f.outcome == "problem"]
    assert [f.key for f in problems] == [key_of(case.rule)], [f.summary for f in problems]
    assert problems[0].severity == case.severity


@pytest.mark.parametrize("case", MUTATIONS, ids=lambda case: f"{key_of(case.rule)}: {case.name}")
def test_the_machine_was_healthy_before(case, compat):
    findings = judge(case.healthy, compat)
    assert [f.key for f in findings if f.outcome in ("problem", "unknown")] == []


SYSTEMS = ("ubuntu", "debian", "fedora", "arch")


def test_every_fix_step_is_reached_on_some_machine(compat):
    reached: dict[str, list[frozenset[str]]] = defaultdict(list)
    for case in CASES:
        if case.status != "problem":
            continue
        slots = dict(case.rule(case.snapshot, compat).slots).keys()
        for system in SYSTEMS if case.snapshot.host is not None else ():
            known = os_slots(changed(case.snapshot, "host.os_id", system)).keys()
            reached[key_of(case.rule)].append(frozenset(slots | known))
    unreached = [
        f"{key}: {step.say}"
        for key in KEYS
        for step in catalogue()[key].fix
        if not any(step.slots() <= slots for slots in reached[key])
    ]
    assert unreached == []


def test_every_problem_can_be_mended_on_every_system(compat):
    bare = []
    for case in CASES:
        if case.status == "problem" and case.snapshot.host is not None:
            for system in SYSTEMS:
                (found,) = judge(changed(case.snapshot, "host.os_id", system), compat, (case.rule,))
                bare += [f"{case} on {system}"] if found.outcome == "problem" and not found.fix else []
    assert bare == []
