"""What a probe is, and how it says that it could not read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.model import ProbeState


class ProbeStop(Exception):
    """Raised by a probe that has nothing to give.

    state: why not. detail: one line for the person. value: what was read before, if anything.
    """

    def __init__(self, state: ProbeState, detail: str, value: Any = None) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail
        self.value = value


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One look at the machine.

    field: the field of Snapshot that the value goes to (`python` may carry several, see `collect`).
    limit: seconds after which the probe is given up, whatever it does.
    patient: its limit may go beyond the common budget: what it waits for is slow when healthy, too.
    read: returns the value, or raises `ProbeStop`; any other exception is caught and named.
    programs, places: what it will ask `programs.which` and `programs.spaces` for, as far as it is known
        without looking at a disk: one child looks at it for all probes.
    """

    name: str
    field: str
    limit: float
    read: Callable[[Machine], Any]
    patient: bool = False
    programs: tuple[str, ...] = ()
    places: Callable[[Machine], Iterable[str]] | None = None


def stop_unless_done(result: Result, what: str) -> None:
    """Raise the matching ProbeStop when a child did not run to its end."""
    if result.state == "done":
        return
    states: dict[str, ProbeState] = {"timeout": "timeout", "denied": "denied", "absent": "skipped"}
    detail = (
        f"{what} did not answer in {result.seconds:.1f} s" if result.state == "timeout" else result.stderr
    )
    raise ProbeStop(states.get(result.state, "failed"), detail or f"{what}: {result.state}")
