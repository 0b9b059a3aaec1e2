"""From traces to a diagnosis. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from signal import Signals
from types import MappingProxyType

from envkit.causes import catalogue
from envkit.diagnose.analyzers.model import Suspicion
from envkit.diagnose.analyzers.numeric import numeric
from envkit.diagnose.model import DiagnosedCause, Diagnosis, Overhead, ScriptEnd
from envkit.diagnose.patch import Patch, patch
from envkit.diagnose.trace import Trace

ANALYZERS = (numeric,)
_NO_FILES: Mapping[str, str] = MappingProxyType({})


def judge(traces: Sequence[Trace], script: ScriptEnd, files: Mapping[str, str] = _NO_FILES) -> Diagnosis:
    """What is wrong with a run; verdict `unknown` when nothing of it was seen.

    files: the text of the person's own files, by the path that the trace has, as far as they could be read.
    """
    found = [suspicion for trace in traces for look in ANALYZERS for suspicion in look(trace)]
    found.sort(key=lambda one: -one.confidence)
    causes = tuple(_cause(one, files) for one in _once(found))
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


def _cause(one: Suspicion, files: Mapping[str, str]) -> DiagnosedCause:
    change = patch_for(one, files)
    return DiagnosedCause(
        key=one.key,
        confidence=one.confidence,
        proof=one.proof,
        where=one.where,
        evidence=one.evidence,
        fix=catalogue()[one.key].steps({}),
        summary=one.summary,
        patch=None if change is None else change.diff,
    )


def patch_for(one: Suspicion | DiagnosedCause, files: Mapping[str, str]) -> Patch | None:
    """The change that mends a cause in the person's own file."""
    file = one.where.file
    if file is None or file not in files:
        return None
    return patch(file, files[file], one.key, one.where.line)


def _overhead(traces: Sequence[Trace]) -> Overhead | None:
    """What the watcher took of its process's time, by its own clock."""
    for trace in traces:
        if trace.own_seconds is not None and trace.seconds:
            share = trace.own_seconds / trace.seconds
            return Overhead(median=share, low=share, high=share)
    return None
