"""Runs all probes at once, each guarded and with its own limit, within one budget."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from envkit import __version__
from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.model import ProbeState, ProbeStatus, Snapshot
from envkit.facts.probe import Probe, ProbeStop
from envkit.facts.programs import looking

BUDGET = 2.0
"""Seconds for all probes together, those apart that are patient."""
_TURN = 0.5
"""Seconds of one wait: a signal that comes right before it is acted on after it."""
_NOTICE = 1.0
"""Seconds after which a person is told what is still awaited."""

_OWN = frozenset(("schema", "envkit", "taken", "over", "probes"))
_FIELDS = frozenset(field.name for field in fields(Snapshot)) - _OWN


@dataclass(frozen=True, slots=True)
class _Answer:
    probe: Probe
    value: Any
    state: ProbeState
    seconds: float
    detail: str


def collect(
    machine: Machine,
    probes: Sequence[Probe],
    *,
    budget: float = BUDGET,
    meanwhile: Callable[[], object] | None = None,
    waiting: Callable[[tuple[str, ...]], None] | None = None,
) -> Snapshot:
    """Read the machine once.

    A probe's value goes to its field; a dict value goes to the fields that it names, so that one child can
    answer for several. A probe that is late is left running in a daemon thread and marked `timeout`.

    Args:
        machine: where to look.
        probes: what to read; names are unique.
        budget: seconds for all probes together; the limit of a probe that is not patient is cut to it.
        meanwhile: called in this thread once all probes have started, while they wait for their children.
        waiting: called once, with the names of the probes that are still awaited after a second.
    """
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    start = time.monotonic()
    machine = looking(machine, *_looks(machine, probes))
    for probe in probes:
        threading.Thread(target=_guarded, args=(probe, machine, answers), daemon=True).start()
    if meanwhile is not None:
        meanwhile()
    deadlines = {p.name: start + (p.limit if p.patient else min(p.limit, budget)) for p in probes}
    done: dict[str, _Answer] = {}
    while len(done) < len(deadlines):
        now = time.monotonic()
        awaited = {name: deadline for name, deadline in deadlines.items() if name not in done}
        left = max(awaited.values()) - now
        if left <= 0:
            break
        if waiting is not None and now - start >= _NOTICE:
            waiting(tuple(awaited))
            waiting = None
        try:
            notice = max(0.0, start + _NOTICE - now) if waiting is not None else left
            answer = answers.get(timeout=min(left, notice, _TURN))
        except queue.Empty:
            continue
        done[answer.probe.name] = answer
    return _snapshot(probes, done)


def _looks(machine: Machine, probes: Sequence[Probe]) -> tuple[list[str], list[str]]:
    """Programs and places that probes will ask for."""
    places: list[str] = []
    for probe in probes:
        try:
            places += probe.places(machine) if probe.places is not None else ()
        except Exception:  # it trips over the same in its own reading, and says so there
            continue
    return [name for probe in probes for name in probe.programs], places


def _guarded(probe: Probe, machine: Machine, answers: queue.SimpleQueue[_Answer]) -> None:
    start = time.monotonic()
    value: Any = None
    state: ProbeState = "ok"
    detail = ""
    try:
        value = probe.read(machine)
    except ProbeStop as stop:
        value, state, detail = stop.value, stop.state, stop.detail
    except PermissionError as error:
        state, detail = "denied", str(error)
    except BaseException as error:  # one probe must not take the others with it, not even by SystemExit
        state, detail = "failed", f"{type(error).__name__}: {error}"
    answers.put(_Answer(probe, value, state, time.monotonic() - start, one_line(detail)))


def _snapshot(probes: Sequence[Probe], done: dict[str, _Answer]) -> Snapshot:
    values: dict[str, Any] = {}
    statuses: list[ProbeStatus] = []
    for probe in probes:
        answer = done.get(probe.name)
        if answer is None:
            statuses.append(
                ProbeStatus(
                    name=probe.name, state="timeout", detail=f"{probe.name} did not answer within its limit"
                )
            )
            continue
        if isinstance(answer.value, dict):
            values.update({name: value for name, value in answer.value.items() if name in _FIELDS})
        elif answer.value is not None:
            values[probe.field] = answer.value
        statuses.append(
            ProbeStatus(
                name=probe.name, state=answer.state, seconds=round(answer.seconds, 4), detail=answer.detail
            )
        )
    return Snapshot(
        envkit=__version__,
        taken=datetime.now(UTC).isoformat(timespec="seconds"),
        probes=tuple(statuses),
        **values,
    )
