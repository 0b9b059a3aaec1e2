"""A plan or a refusal as a Report: what a person reads."""

from __future__ import annotations

from collections.abc import Iterator

from envkit.build.drift import Drift
from envkit.build.model import File
from envkit.build.proof import Check
from envkit.build.run import Outcome
from envkit.core import text
from envkit.core.report import Code, Column, KeyValues, Pair, Report, Section, Table, Text
from envkit.resolve.model import Plan, Refusal, Rejected

COMMAND = "envkit build"


def planned(
    plan: Plan,
    files: tuple[File, ...] = (),
    *,
    explain: bool = False,
    conclusion: str = "",
    notes: tuple[str, ...] = (),
) -> Report:
    """The report of a plan.

    files: shown whole. explain: every candidate that was passed over, too.
    """
    sections = [
        Section(title="Plan", blocks=(KeyValues(pairs=tuple(_facts(plan))),)),
        Section(title="Why", blocks=(_numbered(plan.reasons),)),
    ]
    if plan.rejected:
        sections.append(_passed_over(plan.rejected, detail=not explain))
    sections += [Section(title=file.path, blocks=(_file(file),)) for file in files]
    return Report(
        command=COMMAND,
        verdict="planned",
        headline=headline(plan),
        conclusion=conclusion,
        sections=tuple(sections),
        notes=notes,
    )


def refused(refusal: Refusal, *, explain: bool = False) -> Report:
    """The report of a refusal: why, and the ways out, the least change first."""
    nothing = Text(text="Nothing that is in the tables comes near.")
    sections = [
        Section(title="Why", blocks=tuple(Text(text=reason) for reason in refusal.reasons)),
        Section(
            title="What would work", blocks=(_numbered(refusal.nearest) if refusal.nearest else nothing,)
        ),
    ]
    if refusal.rejected:
        sections.append(_passed_over(refusal.rejected, detail=not explain))
    return Report(command=COMMAND, verdict="refused", sections=tuple(sections))


def _numbered(sentences: tuple[str, ...]) -> KeyValues:
    return KeyValues(pairs=tuple(Pair(key=f"{n}.", value=text) for n, text in enumerate(sentences, 1)))


def headline(plan: Plan) -> str:
    """`torch 2.14.1 · cu126 · Python 3.14 · linux-x86_64`."""
    return f"{plan.framework} {plan.version} · {plan.cuda} · Python {plan.python} · {plan.platform}"


def _facts(plan: Plan) -> Iterator[Pair]:
    yield Pair(key=plan.framework, value=plan.version, note="read off its metadata" if plan.derived else None)
    yield Pair(key="build", value=plan.cuda, note=_where(plan))
    yield Pair(key="Python", value=plan.python)
    beside = [wanted.requirement for wanted in plan.requirements[1:]]
    if beside:
        yield Pair(key="beside it", value=", ".join(beside))
    kept = [f"{pin.name} {pin.version}" for pin in plan.companions if not pin.installed]
    if kept:
        yield Pair(key="fits, if added", value=", ".join(kept), note="held to these versions by constraints")
    for target in plan.targets:
        gpus = ", ".join(target.gpus) or ("not known" if plan.driver_floor else "none used")
        driver = f"driver {target.driver}" if target.driver else "driver not known"
        yield Pair(key="for", value=gpus, note=driver if plan.driver_floor else None)
    if plan.driver_floor:
        yield Pair(key="needs driver", value=f"{plan.driver_floor} or newer")
    if plan.glibc:
        yield Pair(key="needs glibc", value=f"{plan.glibc} or newer")
    if plan.base:
        yield Pair(key="image starts from", value=plan.base)
    yield Pair(key="lock", value=plan.lock.kind, note=plan.lock.why or None)
    yield Pair(key="data of", value=plan.data_date)
    yield Pair(key="plan", value=plan.hash[:12])


def _where(plan: Plan) -> str:
    """Where the framework comes from."""
    return plan.source if plan.source != "wheels" else plan.requirements[0].index or "default index"


def _passed_over(rejected: tuple[Rejected, ...], *, detail: bool) -> Section:
    columns = (Column(title="build"), Column(title="why not"))
    rows = tuple((each.candidate, each.reason) for each in rejected)
    return Section(title="Passed over", blocks=(Table(columns=columns, rows=rows),), detail=detail)


def _file(file: File) -> Code:
    return Code(path="", lines=tuple(file.text.splitlines()))


def made(outcome: Outcome) -> Report:
    """The report of a build: what is there, and whether its check passed."""
    plan = outcome.plan
    what = outcome.image or outcome.environment
    wrong = [check for check in outcome.checks if not check.ok]
    sections = [
        Section(title="Plan", blocks=(KeyValues(pairs=tuple(_facts(plan))),)),
        Section(title="Why", blocks=(_numbered(plan.reasons),), detail=True),
        Section(title="Made", blocks=(KeyValues(pairs=tuple(_result(outcome))),)),
    ]
    if outcome.checks:
        sections.append(Section(title="Check from inside", blocks=(_checks(outcome.checks),)))
    if what is None:
        conclusion = f"Written to {outcome.folder}; nothing was built."
    elif wrong:
        conclusion = f"Built {what}, and its check failed: {', '.join(check.title for check in wrong)}."
    else:
        conclusion = f"Built {what}; its check passed. {_next(outcome)}"
    return Report(
        command=COMMAND,
        verdict="problems" if wrong else "built" if what else "planned",
        headline=headline(plan),
        conclusion=conclusion,
        sections=tuple(sections),
        notes=outcome.notes,
    )


def drifted(found: Drift) -> Report:
    """The report of `--check`."""
    sections = []
    if found.changes:
        sections.append(Section(title="Changed", blocks=(_numbered(found.changes),)))
    if found.notes:
        sections.append(Section(title="Newer, and not taken", blocks=(_numbered(found.notes),)))
    return Report(
        command=f"{COMMAND} --check",
        verdict="drifted" if found.changes else "same",
        conclusion="" if found.changes else "The same: the record gives what is on disk.",
        sections=tuple(sections),
        notes=(found.unasked,) if found.unasked else (),
    )


def _next(outcome: Outcome) -> str:
    if outcome.image is not None:
        gpus = "--gpus all " if outcome.plan.driver_floor else ""
        return f'Run it: docker run --rm -it {gpus}--shm-size 8g -v "$PWD":/workspace {outcome.image}'
    if outcome.plan.source == "conda-forge":
        return f"Use it: {outcome.environment}/bin/python, or conda activate {outcome.environment}"
    return f"Use it: source {outcome.environment}/bin/activate"


def _result(outcome: Outcome) -> Iterator[Pair]:
    yield Pair(key="files", value=", ".join(outcome.files), note=f"in {outcome.folder}")
    if outcome.image:
        yield Pair(key="image", value=outcome.image)
    if outcome.environment:
        yield Pair(key="environment", value=outcome.environment)
    if outcome.size is not None:
        told = f"predicted {text.size(outcome.predicted)} for the wheels" if outcome.predicted else None
        yield Pair(key="size", value=text.size(outcome.size), note=told)
    for phase in outcome.phases:
        yield Pair(key=phase.name, value=f"{phase.seconds:.1f} s")
    if outcome.log:
        yield Pair(key="log", value=outcome.log)


def _checks(checks: tuple[Check, ...]) -> Table:
    words = {True: "ok", False: "FAILED", None: "not answered"}
    rows = tuple((check.title, words[check.ok], check.detail) for check in checks)
    return Table(columns=tuple(Column(title=title) for title in ("question", "answer", "detail")), rows=rows)
