"""From traces to a diagnosis. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from signal import Signals

from envkit.causes import catalogue
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.numeric import numeric
from envkit.diagnose.model import DiagnosedCause, Diagnosis, Overhead, ScriptEnd
from envkit.diagnose.trace import Trace

ANALYZERS = (numeric,)


def judge(traces: Sequence[Trace], script: ScriptEnd) -> Diagnosis:
    """What is wrong with a run; verdict `unknown` when nothing of it was seen."""
    found = [suspicion for trace in traces for look in ANALYZERS for suspicion in look(trace)]
    found.sort(key=lambda one: -one.confidence)
    causes = tuple(_cause(one) for one in _once(found))
    trained = any(trace.steps.ended for trace in traces)
    verdict = "faulty" if causes or _tripped(traces) else "healthy" if trained else "unknown"
    return Diagnosis(
        verdict=verdict,  # type: ignore[arg-type]
        causes=causes, speed=None, script=script, overhead=_overhead(traces),
    )  # fmt: skip


def ended(code: int | None, signal: int | None) -> ScriptEnd:
    """How the script ended, signals by name."""
    return ScriptEnd(exit_code=code, signal=None if signal is None else _signal(signal))


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return str(number)


def _tripped(traces: Sequence[Trace]) -> bool:
    return any(trace.trip is not None for trace in traces)


def _once(found: Sequence[Suspicion]) -> list[Suspicion]:
    """Each key once, those that a more likely one explains left out."""
    kept: list[Suspicion] = []
    for one in found:
        explained = {key for before in kept for key in catalogue()[before.key].explains}
        if one.key not in explained and all(one.key != before.key for before in kept):
            kept.append(one)
    return kept


def _cause(one: Suspicion) -> DiagnosedCause:
    return DiagnosedCause(
        key=one.key, confidence=one.confidence, proof=one.proof, where=one.where,
        evidence=one.evidence, fix=catalogue()[one.key].steps({}), summary=one.summary,
    )  # fmt: skip


def _overhead(traces: Sequence[Trace]) -> Overhead | None:
    """What the watcher took of its process's time, by its own clock."""
    for trace in traces:
        if trace.own_seconds is not None and trace.seconds:
            share = trace.own_seconds / trace.seconds
            return Overhead(median=share, low=share, high=share)
    return None
