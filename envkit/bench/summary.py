"""A result of `envkit bench` as a Report: one screen."""

from __future__ import annotations

from collections.abc import Callable

from envkit.bench.faster import faster
from envkit.bench.model import BenchResult, WorkloadResult
from envkit.bench.summary_beside import ceilings, published
from envkit.bench.summary_compared import comparison, scaling
from envkit.bench.summary_tables import each_step, learning, processes, throughput
from envkit.core import text
from envkit.core.report import Block, Code, KeyValues, Pair, Report, Section, Text, Verdict
from envkit.stats.model import MINIMUM

COMMAND = "envkit bench"


def report(result: BenchResult, *, verbose: bool = False) -> Report:
    """What a person reads: what ran, how fast, beside what, what may be wrong with it, and what next.

    verbose: published figures come with their conditions. (Sections of detail are the renderer's to show.)
    """
    sections = (
        *comparison(result),
        *throughput(result),
        *ceilings(result),
        *published(result, verbose=verbose),
        *each_step(result),
        *scaling(result),
        *_unstable(result),
        *_faster(result),
        *_failures(result),
        *processes(result),
        *learning(result),
        *_facts("Conditions", result.conditions),
        *_facts("What must be equal for a comparison", result.fingerprint),
        *_options(result),
    )
    return Report(
        command=COMMAND,
        verdict=verdict(result),
        headline=headline(result),
        conclusion=conclusion(result),
        findings=result.findings,
        sections=sections,
        notes=_notes(result),
    )


def headline(result: BenchResult) -> str:
    """`NVIDIA H100 80GB HBM3 · torch 2.15.0+cu132 · bf16 · 5 processes`."""
    ran = result.results
    cpu = result.fingerprint.get("cpu", "")
    devices = _all(ran, lambda one: (cpu if one.device == "cpu" else one.device_name) or one.device)
    frameworks = [result.fingerprint[key] for key in ("framework",) if result.fingerprint.get(key)]
    parts = [
        ", ".join(devices),
        ", ".join(frameworks or _all(ran, lambda one: one.framework)),
        ", ".join(_all(ran, lambda one: one.precision)),
        text.plural(count, "process", "processes") if (count := repeats(result)) else "",
    ]
    return " · ".join(part for part in parts if part)


def repeats(result: BenchResult) -> int:
    """The most processes that one result stands on."""
    return max((len(one.processes) for one in result.results), default=0)


def verdict(result: BenchResult) -> Verdict:
    """Of the comparison where there is one, else whether it trains."""
    told = [one.verdict for one in result.compared]
    if told:
        order: tuple[Verdict, ...] = ("slower", "inconclusive", "faster")
        return next((one for one in order if one in told), "same")
    if result.failures or any(finding.outcome == "problem" for finding in result.findings):
        return "problems"
    return "healthy" if result.results else "unknown"


def conclusion(result: BenchResult) -> str:
    """The last line."""
    said = [_compared(result)] if result.compared else _trains(result)
    if result.failures:
        said.append(f"Failed: {', '.join(dict.fromkeys(one.workload for one in result.failures))}.")
    problems = sum(finding.outcome == "problem" for finding in result.findings)
    if problems:
        said.append("Start with the first finding." if problems > 1 else "One finding says more.")
    if result.interrupted and result.results:
        said.append("Interrupted: what was measured until then is here.")
    return " ".join(filter(None, said))


def _trains(result: BenchResult) -> list[str]:
    ran = [one for one in result.results if one.throughput.median > 0]
    names = list(dict.fromkeys(one.workload for one in ran))
    if not names:
        return [
            "Interrupted before anything was measured." if result.interrupted else "Nothing was measured."
        ]
    failed = {one.workload for one in result.failures}
    learnt = {one.workload for one in ran if one.check is not None and one.check.ok} - failed
    told = f"{text.plural(len(names), 'workload')} ran"
    if learnt >= set(names):
        said = [f"{told} and learnt."]
    else:
        said = [f"{told}, {len(learnt)} learnt." if learnt else f"{told}."]
    if any(one.unstable for one in ran):
        said.append("The figures may be unstable.")
    return said


_B_IS = {
    "slower": "slower in",
    "faster": "faster in",
    "same": "the same in",
    "inconclusive": "not to be told from A in",
}


def _compared(result: BenchResult) -> str:
    said = []
    for kind, how in _B_IS.items():
        names = [one.workload for one in result.compared if one.verdict == kind]
        if names:
            said.append(f"{how} {', '.join(names)}")
    return f"B is {'; '.join(said)}."


def _notes(result: BenchResult) -> tuple[str, ...]:
    said = []
    fewest = min((len(one.processes) for one in result.results if one.throughput.low is None), default=0)
    if fewest:
        have = text.plural(fewest, "process", "processes")
        said.append(f"no interval: {have}, {MINIMUM} are needed (--repeat {MINIMUM})")
    notes = [(note.removeprefix(f"{one.workload}: "), one) for one in result.results for note in one.notes]
    said += [f"{who}: {note}" for note, who in _together(result, notes)]
    return tuple(dict.fromkeys([*said, *result.notes]))


def _together(result: BenchResult, said: list[tuple[str, WorkloadResult]]) -> list[tuple[str, str]]:
    """Each sentence once, with the workloads that it is of: `all`, or `cnn, rnn`."""
    found: dict[str, list[str]] = {}
    for sentence, one in said:
        found.setdefault(sentence, []).append(f"{one.workload}{_arm(result, one)}")
    everything = {f"{one.workload}{_arm(result, one)}" for one in result.results}
    return [
        (
            sentence,
            "all" if len(everything) > 1 and set(names) == everything else ", ".join(dict.fromkeys(names)),
        )
        for sentence, names in found.items()
    ]


def _arm(result: BenchResult, one: WorkloadResult) -> str:
    return f" ({one.arm})" if len({each.arm for each in result.results}) > 1 else ""


def _unstable(result: BenchResult) -> list[Section]:
    said = [(sentence, one) for one in result.results for sentence in one.unstable]
    pairs = tuple(Pair(key=who, value=sentence) for sentence, who in _together(result, said))
    return [Section(title="May be unstable", blocks=(KeyValues(pairs=pairs),))] if pairs else []


def _faster(result: BenchResult) -> list[Section]:
    blocks: list[Block] = []
    for held in faster(result):
        blocks.append(Text(text=held.why))
        blocks.append(KeyValues(pairs=tuple(Pair(key=way.what, value=way.gain) for way in held.ways)))
    return [Section(title="What would be faster", blocks=tuple(blocks))] if blocks else []


_KINDS = {
    "error": "failed",
    "out-of-memory": "out of memory",
    "unsupported": "not supported here",
    "does-not-learn": "does not learn",
    "no-space": "disk full",
}


def _failures(result: BenchResult) -> list[Section]:
    if not result.failures:
        return []
    pairs = tuple(
        Pair(key=one.workload, value=f"{_KINDS.get(one.kind, one.kind)}: {one.error}")
        for one in result.failures
    )
    sections = [Section(title="Failed", blocks=(KeyValues(pairs=pairs),))]
    for one in result.failures:
        if one.traceback:
            lines = tuple(one.traceback.splitlines())
            title = f"Traceback of {one.workload}"
            sections.append(Section(title=title, blocks=(Code(path="", lines=lines),), detail=True))
    return sections


def _facts(title: str, facts: dict[str, str]) -> list[Section]:
    pairs = tuple(Pair(key=key, value=value) for key, value in facts.items())
    return [Section(title=title, blocks=(KeyValues(pairs=pairs),), detail=True)] if pairs else []


def _options(result: BenchResult) -> list[Section]:
    pairs = []
    for one in result.results:
        options = one.options
        if options is None:
            continue
        said = [
            options.scale,
            f"{options.nproc * options.nnodes} processes together"
            if options.nproc * options.nnodes > 1
            else "",
            f"compile {options.compile}" if options.compile else "eager",
            "channels last" if options.channels_last else "",
            "fused optimiser" if options.fused else "",
            f"{options.workers} loader workers" if options.workers is not None else "",
        ]
        value = ", ".join(filter(None, (one.framework, one.device, one.precision, *said)))
        pairs.append(Pair(key=f"{one.workload}{_arm(result, one)}", value=value))
    return (
        [Section(title="How each was run", blocks=(KeyValues(pairs=tuple(pairs)),), detail=True)]
        if pairs
        else []
    )


def _all(ran: tuple[WorkloadResult, ...], of: Callable[[WorkloadResult], str]) -> list[str]:
    return [value for value in dict.fromkeys(of(one) for one in ran) if value]
