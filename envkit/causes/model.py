"""What is known of a cause."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envkit.core.finding import Apply, FixStep, Severity
from envkit.core.text import shell_word

_SLOT = re.compile(r"\{(?P<raw>=?)(?P<name>[a-z_]+)\}")
"""`{slot}`; in a command `{=slot}` is one that holds a piece of a command line, quoted by whoever made it."""
_SAFE = re.compile(r"[\w@%+=:,./~-]*", re.ASCII)


class CauseDataError(ValueError):
    """The catalogue contradicts itself; a bug in envkit's data, found by its tests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A fix step whose texts may hold `{slots}` that evidence fills."""

    say: str
    run: str | None = None
    when: tuple[str, ...] = ()
    """Slots that must be known for this step to apply, whether or not its texts show them."""
    unless: tuple[str, ...] = ()
    """Slots that must not be known: another step says it better then."""
    apply: Apply | None = None
    """Whether `envkit doctor --apply` may offer this step; its command is then of a checked form."""

    def slots(self) -> frozenset[str]:
        """Names of the slots that this step needs."""
        found = _SLOT.finditer(self.say + " " + (self.run or ""))
        return frozenset(match["name"] for match in found).union(self.when)

    def filled(self, slots: dict[str, str]) -> FixStep | None:
        """The step with its slots filled; None when one has no value."""
        if not self.slots() <= slots.keys() or slots.keys() & set(self.unless):
            return None
        say = _SLOT.sub(lambda match: slots[match["name"]], self.say)
        run = _command(self.run, slots) if self.run else None
        return FixStep(say=say, run=run, apply=self.apply if run else None)

    @staticmethod
    def open(template: str) -> str:
        """A text of a step with its slots left open: `{cuda_home}` -> `<cuda-home>`."""
        return _SLOT.sub(lambda match: f"<{match['name'].replace('_', '-')}>", template)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """One entry of the catalogue."""

    key: str
    """Stable, kebab-case, forever."""
    family: str
    title: str
    severity: Severity
    """Of a problem with this cause, unless the rule knows better."""
    why: str
    confirm: str
    """How a person makes sure."""
    fix: tuple[Step, ...]
    verify: str | None
    """A command that shows whether the fix worked; None where only running the program again does."""
    explains: tuple[str, ...]
    """Keys that are consequences of this one when both are found."""
    sources: tuple[str, ...]
    aliases: tuple[str, ...] = ()

    def steps(self, slots: dict[str, str]) -> tuple[FixStep, ...]:
        """The fix for a case: the steps whose slots are all known."""
        return tuple(step for template in self.fix if (step := template.filled(slots)) is not None)

    def slots(self) -> frozenset[str]:
        """Every slot that some step uses."""
        return frozenset().union(*(step.slots() for step in self.fix))


def _command(template: str, slots: dict[str, str]) -> str | None:
    """A command line that means what it shows: values come from files and devices, so they are quoted.

    None when a value that would need quotes stands inside quotes of the template.
    """
    unsafe = False

    def fill(match: re.Match[str]) -> str:
        nonlocal unsafe
        value = slots[match["name"]]
        inside = template.count("'", 0, match.start()) % 2 == 1
        if match["raw"] or _SAFE.fullmatch(value):
            return value
        unsafe = unsafe or inside
        return shell_word(value)

    filled = _SLOT.sub(fill, template)
    return None if unsafe else filled
