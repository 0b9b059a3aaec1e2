"""What installed packages ask of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution, TargetPython


def _marker_environment(snapshot: Snapshot, python: TargetPython) -> dict[str, str]:
    version = python.version or "3.12.0"
    system = views.system(snapshot)
    return {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "platform_system": system,
        "sys_platform": {"Windows": "win32"}.get(system, system.lower()),
        "platform_machine": (python.platform_tag or "linux-x86_64").rpartition("-")[2],
        "os_name": "nt" if system == "Windows" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def violations(snapshot: Snapshot, python: TargetPython) -> Iterator[tuple[Distribution, Requirement, str]]:
    """(who requires, what, the version that is there) for each requirement that is not met."""
    environment = tuple(_marker_environment(snapshot, python).items())
    imported: dict[str, Distribution] = {}
    for one in python.distributions or ():
        if not one.broken:
            imported.setdefault(one.name, one)
    for owner in imported.values():
        for text in dict.fromkeys(owner.requires):
            requirement = _wanted(text, environment)
            there = None if requirement is None else imported.get(_normalised(requirement))
            if requirement is not None and there is not None and not _meets(there.version, requirement):
                yield owner, requirement, there.version


@lru_cache(maxsize=1 << 16)  # several rules ask for all requirements of an environment
def _wanted(text: str, environment: tuple[tuple[str, str], ...]) -> Requirement | None:
    """The requirement, where its markers hold; None also for a text that is none."""
    try:
        requirement = Requirement(text)
        holds = requirement.marker is None or requirement.marker.evaluate(dict(environment))
    except (InvalidRequirement, ValueError):
        return None
    return requirement if holds else None


def _normalised(requirement: Requirement) -> str:
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


def _meets(version: str, requirement: Requirement) -> bool:
    """Whether an installed version will do; a nightly or a vendor's pre-release counts as its release too."""
    have = views.version(version)
    if have is None:
        return True
    releases = [have, Version(have.base_version)] if have.is_prerelease else [have]
    return any(requirement.specifier.contains(release, prereleases=True) for release in releases)


def unmet(snapshot: Snapshot, owners: str, names: str, fine: str) -> Outcome:
    """A requirement of a distribution matching `owners` on one matching `names` that is not met."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    asked = False
    for owner in python.distributions or ():
        asked = asked or (re.fullmatch(owners, owner.name) is not None and not owner.broken)
    if not asked:
        return not_applicable("nothing installed that would ask for it")
    for owner, requirement, version in violations(snapshot, python):
        name = _normalised(requirement)
        if re.fullmatch(owners, owner.name) and re.fullmatch(names, name):
            needed = f"{name}{requirement.specifier}"
            return problem(
                f"{owner.name} {owner.version} needs {needed}, and {version} is installed",
                fact(owner.name, f"{owner.version} requires {needed}", owner.location),
                fact(name, version, owner.location),
                owner=owner.name,
                requirement=needed,
                python=python.executable,
            )
    return ok(fine)


def only_newer(snapshot: Snapshot, unmet: Outcome) -> bool:
    """Whether what misses its pin is of the same major and newer, which NVIDIA's libraries allow."""
    wanted = dict(unmet.slots).get("requirement")
    if wanted is None:
        return False
    requirement = Requirement(wanted.strip("'"))
    there = views.distribution(snapshot, _normalised(requirement))
    have = views.version(there.version) if there is not None else None
    pins = [views.version(spec.version) for spec in requirement.specifier if spec.operator == "=="]
    return have is not None and any(
        pin is not None and pin.major == have.major and pin < have for pin in pins
    )
