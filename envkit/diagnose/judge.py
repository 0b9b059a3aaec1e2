"""From traces to a diagnosis. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from signal import Signals
from types import MappingProxyType
from typing import Literal

from envkit.causes import catalogue
from envkit.diagnose import ranks
from envkit.diagnose.analyzers.crash import crash, headline, place
from envkit.diagnose.analyzers.killed import killed
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.numeric import numeric
from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import DiagnosedCause, Diagnosis, Overhead, ScriptEnd, ScriptError
from envkit.diagnose.patch import Patch, patch
from envkit.diagnose.patch_sizes import fitted
from envkit.diagnose.speed.model import MachineCeiling
from envkit.diagnose.speed.verdict import speed
from envkit.diagnose.trace import Trace
from envkit.target.conditions import Conditions

ANALYZERS = (numeric,)
_NO_FILES: Mapping[str, str] = MappingProxyType({})
_ENDED_BY_PERSON = ("SIGINT", "SIGTERM", "SIGHUP")
_INTERRUPTED = 130


def judge(
    traces: Sequence[Trace],
    script: ScriptEnd,
    files: Mapping[str, str] = _NO_FILES,
    *,
    memory: MemoryUse | None = None,
    conditions: Conditions | None = None,
    ceiling: MachineCeiling | None = None,
) -> Diagnosis:
    """What is wrong with a run; verdict `unknown` when nothing of it was seen.

    files: the text of the person's own files, by the path that the trace has, as far as they could be read.
    memory: of the script while it ran. conditions: of the machine meanwhile. ceiling: what it gave
    afterwards.
    """
    return judged(traces, script, files, memory=memory, conditions=conditions, ceiling=ceiling)[0]


def judged(
    traces: Sequence[Trace],
    script: ScriptEnd,
    files: Mapping[str, str] = _NO_FILES,
    *,
    memory: MemoryUse | None = None,
    conditions: Conditions | None = None,
    ceiling: MachineCeiling | None = None,
) -> tuple[Diagnosis, tuple[Patch | None, ...]]:
    """`judge`, with the changed file of each cause where it is known how to mend it."""
    looks = ANALYZERS if script.exit_code == 0 else (*ANALYZERS, crash)
    found = [
        ranks.named(suspicion, trace, traces)
        for trace in ranks.judged(traces)
        for look in looks
        for suspicion in look(trace)
    ]
    found += killed(script, memory, traces)
    found.sort(key=lambda one: -one.confidence)
    kept = _once(found)
    patches = tuple(patch_for(one, files) for one in kept)
    tripped = any(trace.trip is not None for trace in traces)
    diagnosis = Diagnosis(
        verdict=_verdict(bool(kept) or tripped, script, traces),
        causes=tuple(_cause(one, change) for one, change in zip(kept, patches, strict=True)),
        tripped=tripped, script=script, overhead=_overhead(traces),
        speed=speed(traces, files, conditions, ceiling),
    )  # fmt: skip
    return diagnosis, patches


def ended(code: int | None, signal: int | None, traces: Sequence[Trace] = ()) -> ScriptEnd:
    """How the script ended, signals by name."""
    # A shell and a container tell a signal as a code.
    if signal is None and code is not None and 128 < code < 160 and code != _INTERRUPTED:
        signal = code - 128
    failed = signal is not None or bool(code)
    seen = (trace.crash for trace in traces if trace.crash is not None) if failed else ()
    crashed = next((one for one in seen if one.type != "KeyboardInterrupt"), None)
    error = None
    if crashed is not None:
        where = place(crashed)
        error = ScriptError(text=headline(crashed), file=where.file, line=where.line)
    return ScriptEnd(exit_code=code, signal=None if signal is None else _signal(signal), error=error)


def _verdict(
    faulty: bool, script: ScriptEnd, traces: Sequence[Trace]
) -> Literal["healthy", "faulty", "unknown"]:
    by_person = script.signal in _ENDED_BY_PERSON or script.exit_code == _INTERRUPTED
    if faulty or (not by_person and (script.error is not None or script.signal is not None)):
        return "faulty"
    # Steps whose loss cannot be seen, as those that XLA compiled, say nothing of faults.
    trained = any(value is not None for one in traces for value in (*one.steps.loss, *one.steps.gradient))
    # A code that the script chose itself may mean anything.
    return "healthy" if trained and (not script.exit_code or by_person) else "unknown"


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return str(number)


def _once(found: Sequence[Suspicion]) -> list[Suspicion]:
    """Each key once, those that a more likely one explains left out."""
    kept: list[Suspicion] = []
    for one in found:
        explained = {key for before in kept for key in catalogue()[before.key].explains}
        if one.key not in explained and all(one.key != before.key for before in kept):
            kept.append(one)
    return kept


def _cause(one: Suspicion, change: Patch | None) -> DiagnosedCause:
    return DiagnosedCause(
        key=one.key,
        confidence=one.confidence,
        proof=one.proof,
        where=one.where,
        evidence=one.evidence,
        fix=one.fix if one.enough else (*one.fix, *catalogue()[one.key].steps({})),
        summary=one.summary,
        patch=None if change is None else change.diff,
    )


def patch_for(one: Suspicion, files: Mapping[str, str]) -> Patch | None:
    """The change that mends a cause in the person's own file."""
    if one.change is not None:
        return fitted(files, one.change)
    file = one.where.file
    if file is None or file not in files:
        return None
    return patch(file, files[file], one.key, one.where.line)


def _overhead(traces: Sequence[Trace]) -> Overhead | None:
    """What the watcher took of its process's time, by its own clock."""
    for trace in traces:
        if trace.own_seconds is not None and trace.seconds:
            alone = max(trace.seconds - trace.own_seconds, 1e-9)
            share = trace.own_seconds / alone
            hooks, copies = trace.hooks_seconds, trace.copies_seconds
            return Overhead(
                median=share,
                low=share,
                high=share,
                hooks=None if hooks is None else hooks / alone,
                copies=None if copies is None else copies / alone,
                start_seconds=trace.install_seconds,
                replay_seconds=trace.replay_seconds,
            )
    return None
