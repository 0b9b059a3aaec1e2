"""Why a result is below what it should be: hypotheses with figures, what explains most first. Pure.

result = judge(samples, compat)
known = findings of doctor if below(result) else ()     # only then is it worth looking at the machine
findings = why(result, samples, known)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from envkit.bench import words
from envkit.bench.held import stretch_of
from envkit.bench.hypotheses import HYPOTHESES
from envkit.bench.hypothesis import COPIES, Case, Hypothesis
from envkit.bench.model import BenchResult, WorkloadResult
from envkit.bench.samples import ProcessSamples, Samples
from envkit.causes import catalogue
from envkit.compat.references import references_for
from envkit.core.finding import SEVERITIES, Evidence, Finding

_EXPECTED = {"same": 0.9, "close": 0.75, "order-of-magnitude": 0.5}
"""Share of a published figure from which a result is as it should be, by how comparable the figure is. NVIDIA
DCGM warns at 0.9 and fails at 0.75 of what it measured on the same model; a factor of two says nothing where
only the order of magnitude can be compared."""
_USUAL = {"gemm": 0.9, "memcpy": 0.9, "allreduce": 0.7, "transformer": 0.25, "resnet50": 0.2}
"""Share of its ceiling that a workload reaches as a rule. What is tuned well reaches 50 to 75 % of what a
matrix product does; half of that is nothing to worry about. Small models reach little on any machine, and
are not listed; with `--quick` all are small."""
_MUCH = 0.1
"""Loss from which a measured cause is told even where nothing is known that the result could be below."""
_LITTLE = 0.01
"""Loss up to which a measured cause explains nothing."""
_GPU_KEYS = (
    "power-cap-low", "thermal-throttle", "power-brake", "application-clocks-low", "pcie-link-narrow",
    "gpu-memory-held-by-other-process", "ecc-xid-hardware", "row-remap-pending",
)  # fmt: skip
_CPU_KEYS = (
    "cpu-quota-below-threads", "governor-not-performance", "numa-remote", "swap-active", "dstate-process",
)  # fmt: skip
"""What doctor finds that can make training slow."""
_SEVERAL_KEYS = ("nvlink-errors", "nccl-p2p-acs")
"""Those that matter between GPUs only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Below:
    """One result beside what it should be."""

    what: str
    """`transformer`, `gemm bf16`."""
    workload: str
    against: str
    reached: float
    """Share of it."""
    expected: float
    """Share from which all would be well."""
    on_gpu: bool


def below(result: BenchResult) -> tuple[Below, ...]:
    """What is below its published figure, or far below this machine's ceiling; the worst first."""
    found = [one for run in result.results if run.arm == "A" for one in _workload(run)]
    found += _ceilings(result)
    return tuple(sorted(found, key=lambda one: one.reached / one.expected))


def _workload(run: WorkloadResult) -> Iterator[Below]:
    on_gpu = run.device.startswith("cuda")
    name = f"{run.workload} {run.precision}"
    for shown in run.references:
        expected = _EXPECTED.get(shown.comparable)
        if expected is not None and shown.share < expected:
            yield Below(
                what=name,
                workload=run.workload,
                against=f"{shown.what} ({words.rate(shown.value, shown.unit)}, {shown.conditions})",
                reached=shown.share,
                expected=expected,
                on_gpu=on_gpu,
            )
            break
    usual = _USUAL.get(run.workload)
    quick = run.options is not None and run.options.scale == "quick"
    top = run.ceiling
    if usual is not None and not quick and top is not None and top.share is not None and top.share < usual:
        yield Below(
            what=name,
            workload=run.workload,
            against=f"what this machine reaches in {words.limit(top)}",
            reached=top.share,
            expected=usual,
            on_gpu=on_gpu,
        )


def _ceilings(result: BenchResult) -> Iterator[Below]:
    """This machine's own limits beside published ones of the same device: a slow GPU shows here first."""
    runs = [run for run in result.results if run.device.startswith("cuda") and run.device_name]
    if not runs:
        return
    for one in result.ceilings:
        rows = references_for(one.what, runs[0].framework, one.precision, runs[0].device_name)
        for row in rows[:1]:
            share = one.value.median / row.value
            expected = _EXPECTED[row.comparable]
            if row.unit == one.value.unit and share < expected:
                yield Below(
                    what=words.limit(one),
                    workload=one.what,
                    against=f"{row.what} ({words.rate(row.value, row.unit)}, {row.conditions})",
                    reached=share,
                    expected=expected,
                    on_gpu=True,
                )


def why(result: BenchResult, samples: Samples, findings: Sequence[Finding] = ()) -> tuple[Finding, ...]:
    """Findings of `outcome="problem"`, what explains most first; () when nothing is below what it should be
    and nothing measured took a tenth of the speed.

    findings: doctor's, of the same machine. Those that can make training slow are brought up where a result
    is below; what the conditions measured of the same cause is joined with them.
    """
    low = below(result)
    seen = _by_key(_measured(result, samples, _LITTLE if low else _MUCH))
    if not low:
        seen = {key: found for key, found in seen.items() if found[1].loss is not None}
    made = [_finding(hypothesis, run, low) for run, hypothesis in seen.values()]
    losses = {hypothesis.key: hypothesis.loss or 0.0 for _, hypothesis in seen.values()}
    for finding in findings:
        if low and finding.outcome == "problem" and _concerns(finding.key, low, result):
            losses[finding.key] = _bring_up(finding, made, losses)
    made.sort(key=lambda one: (-losses.get(one.key, 0.0), -(one.confidence or 0.0)))
    return tuple(_folded(made))


def _bring_up(finding: Finding, made: list[Finding], losses: dict[str, float]) -> float:
    """Add what doctor found to `made`, where it or its effect was measured to that; returns its loss."""
    effects = (finding.key, *catalogue()[finding.key].explains)
    at = next((at for at, one in enumerate(made) if one.key in effects), None)
    if at is None:
        made.append(_unmeasured(finding))
        return 0.0
    measured = made[at]
    made[at] = _joined(measured, finding)
    return losses.get(measured.key, 0.0)


def _measured(
    result: BenchResult, samples: Samples, least: float
) -> Iterator[tuple[WorkloadResult, Hypothesis]]:
    """What the conditions beside each workload of side A show; a loss below `least` is left out."""
    for run in result.results:
        if run.arm != "A":
            continue
        stretches = [
            stretch
            for process in samples.processes
            if process.arm == run.arm and _world(process, run.workload) == run.nproc
            if (stretch := stretch_of(process, run.workload)) is not None
        ]
        case = Case.of(run.workload, run.device.startswith("cuda"), stretches)
        for hypotheses in HYPOTHESES:
            for hypothesis in hypotheses(case):
                if hypothesis.loss is None or hypothesis.loss >= least:
                    yield run, hypothesis


def _world(process: ProcessSamples, workload: str) -> int:
    """Workers over all nodes; 0 where it did not run this workload."""
    asked = [run.options.nproc * run.options.nnodes for run in process.runs if run.workload == workload]
    told = 1 if process.environment is None else process.environment.world
    return max(told, *asked) if asked else 0


def _by_key(
    measured: Iterable[tuple[WorkloadResult, Hypothesis]],
) -> dict[str, tuple[WorkloadResult, Hypothesis]]:
    """The workload that lost most by each cause."""
    found: dict[str, tuple[WorkloadResult, Hypothesis]] = {}
    for run, hypothesis in measured:
        before = found.get(hypothesis.key)
        if before is None or (hypothesis.loss or 0.0) > (before[1].loss or 0.0):
            found[hypothesis.key] = (run, hypothesis)
    return found


def _finding(hypothesis: Hypothesis, run: WorkloadResult, low: Sequence[Below]) -> Finding:
    entry = catalogue()[hypothesis.key]
    evidence = [*hypothesis.evidence, *_share(hypothesis, run, low)]
    severity = max(entry.severity, "warning", key=SEVERITIES.index)  # a hypothesis is no error
    return Finding(
        key=hypothesis.key,
        outcome="problem",
        title=hypothesis.title or entry.title,
        severity=severity,
        confidence=hypothesis.confidence,
        summary=f"{run.workload}: {hypothesis.summary}",
        evidence=tuple(evidence),
        fix=entry.steps(dict(hypothesis.slots)),
        verify=entry.verify,
    )


def _share(hypothesis: Hypothesis, run: WorkloadResult, low: Sequence[Below]) -> Iterator[Evidence]:
    """How much of what is missing the cause explains, by what the result would be without it."""
    loss = hypothesis.loss
    mine = next((one for one in low if one.workload == run.workload), low[0] if low else None)
    if mine is not None:
        what = f"{mine.what} reached"
        yield Evidence(
            what=what, value=f"{words.share(mine.reached)} of {mine.against}", source="envkit bench"
        )
    if loss is None:
        yield Evidence(what="explains", value="cannot be said from what was measured", source="estimate")
        return
    without = 1 / (1 - min(loss, 0.95))
    value = f"about {without:.2g} times as fast without it"
    if mine is not None and mine.workload == run.workload:
        gap = mine.expected - mine.reached
        part = min(1.0, mine.reached * (without - 1) / gap) if gap > 0 else 1.0
        value = f"about {words.share(part)} of what is missing; {value}"
    yield Evidence(what="explains", value=value, source="estimate: the speed follows what was taken away")


def _concerns(key: str, low: Sequence[Below], result: BenchResult) -> bool:
    """Whether a cause that doctor found can hold back one of the results that are low."""
    on_gpu = any(one.on_gpu for one in low)
    if key in _SEVERAL_KEYS:
        return on_gpu and any(run.nproc > 1 for run in result.results)
    if key == "pcie-link-narrow":
        return on_gpu and any(one.workload in (*COPIES, "dataloader", "resnet50") for one in low)
    return (key in _GPU_KEYS and on_gpu) or key in _CPU_KEYS


def _joined(measured: Finding, doctor: Finding) -> Finding:
    """What was measured of a cause during the run, or of its effect, with what doctor knows of it."""
    evidence = tuple(dict.fromkeys((*measured.evidence, *doctor.evidence)))
    sure = max(measured.confidence or 0.0, doctor.confidence or 0.0)
    if measured.key != doctor.key:
        parts = (measured.key, *measured.explains, *doctor.explains)
        whole = replace(doctor, severity=measured.severity, explains=tuple(dict.fromkeys(parts)))
        return replace(whole, summary=measured.summary, evidence=evidence, confidence=sure)
    fix = doctor.fix if len(doctor.fix) >= len(measured.fix) else measured.fix
    return replace(measured, evidence=evidence, fix=fix, confidence=sure)


def _unmeasured(finding: Finding) -> Finding:
    """Doctor's finding as a hypothesis: that it is so is sure, that it is why is not."""
    said = Evidence(
        what="explains", value="cannot be said: it was not seen during the run", source="estimate"
    )
    severity = max(finding.severity or "warning", "warning", key=SEVERITIES.index)
    sure = min(finding.confidence or 0.0, 0.4)
    return replace(finding, severity=severity, confidence=sure, evidence=(*finding.evidence, said))


def _folded(findings: Iterable[Finding]) -> list[Finding]:
    """Without those that another one explains."""
    found = list(findings)
    keys = {one.key for one in found}
    parents = {child: one.key for one in found for child in catalogue()[one.key].explains if child in keys}
    kept = []
    for one in found:
        if one.key not in parents:
            children = tuple(sorted(child for child, parent in parents.items() if parent == one.key))
            kept.append(replace(one, explains=tuple(dict.fromkeys((*one.explains, *children)))))
    return kept
