"""What went wrong while measuring -> findings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from envkit.bench.samples import Failure, ProcessSamples, Samples
from envkit.causes import catalogue
from envkit.core.finding import Evidence, Finding
from envkit.core.text import one_line

_KEYS = {
    "does-not-learn": "device-smoke-failed",
    "error": "device-smoke-failed",
    "out-of-memory": "oom-gpu",
    "no-space": "disk-full",
}
"""The cause of each kind of failure; what is not supported here is none."""


def findings(samples: Samples) -> tuple[Finding, ...]:
    """One a cause: the failures of workloads, then the processes that did not end well."""
    found: dict[str, Finding] = {}
    for finding in (*_failed(samples), *_ended(samples)):
        found.setdefault(finding.key, finding)
    return tuple(found.values())


def _failed(samples: Samples) -> Iterator[Finding]:
    by_key: dict[str, list[Failure]] = {}
    for process in samples.processes:
        for failure in process.failures:
            if failure.kind in _KEYS:
                by_key.setdefault(_KEYS[failure.kind], []).append(failure)
    for key, failures in by_key.items():
        first = failures[0]
        evidence = tuple(
            Evidence(what=each.workload, value=one_line(each.error), source="envkit bench")
            for each in dict.fromkeys(failures)
        )
        yield _finding(key, f"{first.workload}: {one_line(first.error)}", evidence)


def _ended(samples: Samples) -> Iterator[Finding]:
    for process in samples.processes:
        if process.how in ("crashed", "timeout"):
            yield _finding(_key(process), _said(process), tuple(_evidence(samples.processes)))
            return


def _key(process: ProcessSamples) -> str:
    if "SIGILL" in process.detail:
        return "cpu-instruction-set"
    if "SIGKILL" in process.detail:
        return "oom-host"
    return "device-smoke-failed"


def _said(process: ProcessSamples) -> str:
    return f"a measuring process {one_line(process.detail)}"


def _evidence(processes: Iterable[ProcessSamples]) -> Iterator[Evidence]:
    for process in processes:
        if process.how in ("crashed", "timeout"):
            what = f"process {process.number + 1} ({process.arm})"
            yield Evidence(what=what, value=one_line(process.detail, limit=500), source="envkit bench")


def _finding(key: str, summary: str, evidence: tuple[Evidence, ...]) -> Finding:
    entry = catalogue()[key]
    return Finding(
        key=key,
        outcome="problem",
        title=entry.title,
        severity="error",
        confidence=0.8,
        summary=summary,
        evidence=evidence,
        fix=entry.steps({}),
        verify=entry.verify,
    )
