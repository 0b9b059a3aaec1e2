"""What `envkit build` prints: plans, refusals and what was made, as text or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envkit.cli.options import Format

if TYPE_CHECKING:
    from envkit.build.model import File, Settings
    from envkit.build.run import Outcome
    from envkit.cli.build_job import Job
    from envkit.cli.parts import Part
    from envkit.core.report import Report
    from envkit.resolve.model import Plan, Refusal
    from envkit.resolve.request import Request


def tell_plans(
    parts: list[tuple[Part, Plan]],
    settings: Settings,
    request: Request,
    job: Job,
    taken: tuple[str, ...],
) -> None:
    """Plans before anything is done: the first, and what differs in those of other sources."""
    from envkit.build.summary import planned
    from envkit.build.together import together

    plans = tuple(plan for _, plan in parts)
    if job.format is Format.JSON:
        others = {"plans": {plan.source: plan for plan in plans[1:]}} if plans[1:] else {}
        print_json({"plan": plans[0], **others})
        return
    reports = []
    for part, plan in parts:
        files = _shown(plan, settings, part, request) if job.dry_run else ()
        reports.append(planned(plan, files, explain=job.explain, notes=taken))
    print_report(together(tuple(reports), plans), job)


def _shown(plan: Plan, settings: Settings, part: Part, request: Request) -> tuple[File, ...]:
    """The files of a plan that a person reads, unlocked."""
    from envkit.build.lock import unlocked
    from envkit.build.run import CA, files_of

    found = unlocked(plan, settings, plan.lock.why)
    files = files_of(plan, found, settings, part.artefacts, part.of(request))
    return tuple(file for file in files if file.copy is None and file.path != CA)


def tell_refusal(refusal: Refusal, job: Job) -> None:
    """Why there is no plan, and what would work."""
    from envkit.build.summary import refused

    if job.format is Format.JSON:
        print_json({"refusal": refusal})
    else:
        print_report(refused(refusal, explain=job.explain or job.verbose), job)


def tell_outcomes(outcomes: tuple[Outcome, ...], job: Job) -> None:
    """What was made."""
    from envkit.build.summary import made
    from envkit.build.together import together
    from envkit.core.codec import to_json

    if job.format is not Format.JSON:
        reports = tuple(made(outcome) for outcome in outcomes)
        print_report(together(reports, tuple(outcome.plan for outcome in outcomes)), job)
    elif outcomes[1:]:
        print_json({**to_json(outcomes[0]), "others": {each.plan.source: each for each in outcomes[1:]}})
    else:
        print_json(outcomes[0])


def print_json(value: object) -> None:
    """A value, without secrets and names."""
    from envkit.cli.output import emit
    from envkit.core.codec import dumps, to_json
    from envkit.core.redact import Identity, saved

    emit(dumps(saved(to_json(value), Identity.here())), None)


def print_report(told: Report, job: Job) -> None:
    """A report in the format that was asked for."""
    from envkit.cli.output import emit, options, shareable
    from envkit.report import render

    shown = told if job.format is Format.TEXT else shareable(told)
    emit(render(shown, job.format.value, options(to_file=False, verbose=job.verbose or job.explain)), None)
