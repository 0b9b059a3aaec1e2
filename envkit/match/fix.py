"""The steps of a fix for a text: filled with what it names, alternatives shown as such."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from envkit.causes.model import Step
from envkit.core.finding import FixStep

WHERE = {
    "os_ubuntu": "on Ubuntu",
    "os_not_ubuntu": "elsewhere than on Ubuntu",
    "os_debian": "on Debian",
    "os_apt": "on Debian and Ubuntu",
    "os_not_apt": "without apt",
    "os_fedora": "on Fedora and RHEL",
    "os_other": "on other distributions",
    "docker": "with Docker",
    "podman": "with Podman",
    "apptainer": "with Apptainer",
    "kubernetes": "in Kubernetes",
    "container": "in a container",
    "host": "on the machine itself",
    "conda": "in a conda environment",
    "windows": "in WSL or Windows",
    "slurm": "under Slurm",
    "wsl": "in WSL",
}
"""Conditions of fix steps in words; others are facts that only a look at the machine gives."""
_SYSTEM = tuple(name for name in WHERE if name.startswith("os_"))
_SYSTEMS = (*_SYSTEM, "windows", "conda")
_PLACE = ("docker", "podman", "apptainer", "kubernetes")
_PLACES = (*_PLACE, "container", "host")


def fix_of(steps: Sequence[Step], slots: dict[str, str]) -> tuple[FixStep, ...]:
    """The steps that apply, as far as a text says.

    A step whose facts the text does not name is left out while another step stands; a condition that the
    text leaves open (a distribution, a kind of container) is named, and steps that differ in it are
    alternatives: `Either ...`, `Or ...`.
    """
    fitting = [step for step in steps if not slots.keys() & set(step.unless) and not _elsewhere(step, slots)]
    known = [(step, _open(step, slots)) for step in fitting if _fillable(step, slots)]
    if not known:
        return tuple(
            FixStep(say=Step.open(step.say), run=step.run and Step.open(step.run)) for step in fitting
        )
    return _in_words(list(_labelled(known, slots)))


def _open(step: Step, slots: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for name in step.when if name not in slots)


def _fillable(step: Step, slots: dict[str, str]) -> bool:
    """Whether only conditions are open that have words."""
    return all(name in WHERE and name in step.when for name in step.slots() - slots.keys())


def _elsewhere(step: Step, slots: dict[str, str]) -> bool:
    """Whether the text speaks of another distribution or another kind of container."""
    for group in (_SYSTEM, _PLACE):
        wanted = {name for name in step.when if name in group}
        if wanted and not wanted & slots.keys() and any(name in slots for name in group):
            return True
    return False


def _labelled(known: Sequence[tuple[Step, tuple[str, ...]]], slots: dict[str, str]) -> Iterator[FixStep]:
    for number, (step, open_) in enumerate(known):
        made = replace(step, when=()).filled(slots)
        if made is None:
            continue
        if not open_:
            yield made
            continue
        where = ", ".join(WHERE[name] for name in open_)
        before = number > 0 and _alternatives(known[number - 1][1], open_)
        after = number + 1 < len(known) and _alternatives(open_, known[number + 1][1])
        lead = (
            f"Or {where}"
            if before or made.say.startswith("Or ")
            else f"Either {where}"
            if after
            else where[0].upper() + where[1:]
        )
        yield replace(made, say=f"{lead}: {_lower(made.say)}")


def _in_words(steps: list[FixStep]) -> tuple[FixStep, ...]:
    """The steps without an `Or` that nothing stands before, and without an `Either` that no `Or` follows."""
    found = []
    for number, step in enumerate(steps):
        alone = number + 1 == len(steps) or not steps[number + 1].say.startswith("Or")
        if number == 0 and step.say.startswith("Or "):
            step = replace(step, say=_upper(step.say.removeprefix("Or ")))
        elif alone and step.say.startswith("Either "):
            step = replace(step, say=_upper(step.say.removeprefix("Either ").removeprefix(", ")))
        found.append(step)
    return tuple(found)


def _upper(say: str) -> str:
    return say[:1].upper() + say[1:]


def _alternatives(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two steps exclude each other: it is open which system it is, or which kind of container."""
    if not one or not other or one == other:
        return False
    return any(all(name in group for name in (*one, *other)) for group in (_SYSTEMS, _PLACES))


def _lower(say: str) -> str:
    """The sentence after a colon, without the words that the label says already."""
    say = say.removeprefix("Either ").removeprefix("Or ")
    first = say.split(" ", 1)[0]
    return say if not first[:1].isupper() or first[1:2].isupper() else say[0].lower() + say[1:]
