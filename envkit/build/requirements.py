"""The packages of a plan and those of the person, as one list that says nothing twice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion

from envkit.build.model import Settings
from envkit.core.errors import UsageError
from envkit.resolve.model import Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One requirement and where it comes from."""

    requirement: str
    name: str
    index: str | None = None


def wishes(plan: Plan, settings: Settings) -> tuple[Wish, ...]:
    """All that is installed, the plan's first. Raises UsageError where a person's line contradicts it."""
    wheels = settings.indexes.wheels
    own = [
        Wish(
            requirement=_without(wanted.requirement, settings.indexes.avoided),
            name=_name(wanted.requirement),
            # A wheel at hand needs no index, which may be out of reach.
            index=None if wheel_of(wanted.requirement, wheels) else wanted.index,
        )
        for wanted in plan.requirements
    ]
    return (*own, *of_the_person(plan, settings.requirements))


def wheel_of(requirement: str, wheels: tuple[str, ...]) -> Path | None:
    """The wheel that satisfies a requirement, among those at hand."""
    wanted = Requirement(requirement)
    for wheel in map(Path, wheels):
        try:
            name, version, _, _ = parse_wheel_filename(wheel.name)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if name == canonicalize_name(wanted.name) and wanted.specifier.contains(version, prereleases=True):
            return wheel
    return None


def _without(requirement: str, avoided: tuple[str, ...]) -> str:
    """The requirement, with builds of the same version that are not the planned one ruled out."""
    wanted = Requirement(requirement)
    names = [each.partition("==") for each in avoided]
    others = [version for name, _, version in names if name == canonicalize_name(wanted.name)]
    return ",".join((requirement, *(f"!={version}" for version in others)))


def constraints(plan: Plan) -> tuple[str, ...]:
    """What fits the framework, for packages that something else may bring in."""
    return tuple(f"{pin.name}=={pin.version}" for pin in plan.companions if not pin.installed)


def _name(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def of_the_person(plan: Plan, text: str) -> tuple[Wish, ...]:
    """What a person's requirements.txt adds to a plan. Raises UsageError where a line contradicts it."""
    pinned = {plan.framework: plan.version, **{pin.name: pin.version for pin in plan.companions}}
    found: dict[str, Wish] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.partition(" #")[0].strip()
        if not line or line.startswith("#"):
            continue
        requirement = _parsed(line, number)
        name = canonicalize_name(requirement.name)
        version = pinned.get(name)
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            raise UsageError(
                f"line {number} of the requirements asks for {line}, and the plan has {name} {version}",
                todo=f"ask for it in the plan: --framework '{line}'"
                if name == plan.framework
                else f"leave the version of {name} out: it has to fit {plan.framework} {plan.version}",
            )
        other = {"torch": "tensorflow", "tensorflow": "torch"}[plan.framework]
        if name == other:
            raise UsageError(
                f"line {number} of the requirements asks for {other} beside {plan.framework}: the two pin "
                "different CUDA libraries",
                todo=f"make two environments, or use {other}'s CPU build on its own",
            )
        if name != plan.framework:
            found[line] = Wish(requirement=line, name=name)
    return tuple(found.values())


def _parsed(line: str, number: int) -> Requirement:
    if line.startswith("-"):
        raise UsageError(
            f"line {number} of the requirements is an option of pip ({line.split()[0]})",
            todo="give indexes with --index-url, --extra-index-url and --find-links, and list packages only",
        )
    try:
        return Requirement(line)
    except InvalidRequirement as error:
        raise UsageError(
            f"line {number} of the requirements cannot be read: {line}",
            todo="write one requirement a line, as in `scikit-learn>=1.5`",
        ) from error
