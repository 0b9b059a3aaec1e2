"""What is known of a cause."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envkit.core.finding import FixStep, Severity

_SLOT = re.compile(r"\{([a-z_]+)\}")


class CauseDataError(ValueError):
    """The catalogue contradicts itself; a bug in envkit's data, found by its tests."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """A fix step whose texts may hold `{slots}` that evidence fills."""

    say: str
    run: str | None = None
    when: tuple[str, ...] = ()
    """Slots that must be known for this step to apply, whether or not its texts show them."""

    def slots(self) -> frozenset[str]:
        """Names of the slots that this step needs."""
        return frozenset(_SLOT.findall(self.say + " " + (self.run or ""))).union(self.when)

    def filled(self, slots: dict[str, str]) -> FixStep | None:
        """The step with its slots filled; None when one has no value."""
        if not self.slots() <= slots.keys():
            return None
        return FixStep(say=_fill(self.say, slots), run=_fill(self.run, slots) if self.run else None)


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
    verify: str
    """A command that shows whether the fix worked."""
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


def _fill(text: str, slots: dict[str, str]) -> str:
    return _SLOT.sub(lambda match: slots[match[1]], text)
