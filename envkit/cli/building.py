"""What `envkit build` does with its options: resolve, write, build, prove."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from envkit.cli.apply import StoppedError
from envkit.cli.build_told import print_json, print_report, tell_outcomes, tell_plans, tell_refusal
from envkit.cli.options import Format
from envkit.core.errors import EngineError, ExitCode, UsageError

if TYPE_CHECKING:
    from envkit.build.access import Access
    from envkit.build.model import Artefact, Locked, Settings
    from envkit.build.run import Clock, Outcome
    from envkit.cli.build_job import Job
    from envkit.cli.parts import Part
    from envkit.compat import Compat, DownloadSize
    from envkit.engine.docker import Engine
    from envkit.facts.model import Snapshot
    from envkit.resolve.model import Plan
    from envkit.resolve.request import Request

FOLDER = Path("envkit-env")
IN_IMAGES = {"docker", "compose", "devcontainer"}
"""Artefacts that bring a C library of their own."""
_ASK_FROM = 1_000_000_000
"""Bytes of a download that is not started unasked."""


def perform(job: Job) -> None:
    """Do it. Raises typer.Exit with the exit code where it is not 0."""
    from envkit.build.ask import hosts_of, request_of
    from envkit.build.base import following
    from envkit.cli.build_settings import settings_of, settled
    from envkit.cli.parts import parts_of
    from envkit.compat import load_compat

    compat = load_compat()
    if job.check:
        _checked(job, compat)
        return
    artefacts = _artefacts(job)
    create = job.create is not None
    part, *others = parts_of(artefacts, job.ask.source, job.output or FOLDER, create=create)
    artefacts = part.artefacts
    ask = replace(job.ask, own_libc=job.create is None and set(artefacts) <= IN_IMAGES)
    request = request_of(ask, hosts_of(_snapshots(job.snapshots), compat), compat)
    settings, access, taken = settings_of(job, compat)
    engine = None
    if job.base_image is not None:
        engine = _engine(artefacts, job)
        pull = (lambda name: job.say(f"pulling {name}")) if engine is not None else None
        request = following(request, job.base_image, engine or _nearby(), pull=pull)
    # conda-forge has other builds than the wheels: a plan a source.
    beside = [(other, _resolved(other.of(request), job, compat, settings, access)) for other in others]
    request = part.of(request)
    answer = _resolved(request, job, compat, settings, access)
    _imaged(answer, artefacts)
    # Asked only now: a refusal has nothing to do with an engine.
    engine = engine or _engine(artefacts, job)
    image = bool(IN_IMAGES & set(artefacts)) and (engine is not None or bool(job.artefacts))
    plan, settings, left = settled(settings, answer, image=image)
    taken += (*left, *_unsaid(access, job, image=image))
    if job.dry_run or job.explain:
        tell_plans([(part, plan), *beside], settings, request, job, taken)
        return
    made = [_conda(each, settings, other, request, job, compat, access) for other, each in beside]
    if part.source == "conda-forge":
        outcome = _conda(plan, settings, part, request, job, compat, access)
    else:
        outcome = _made(plan, settings, artefacts, request, job, compat, engine, access)
    # pip's configuration has no say where conda installs everything.
    told = taken if part.source == "wheels" or settings.requirements else ()
    outcome = replace(outcome, notes=(*told, *outcome.notes))
    tell_outcomes((outcome, *made), job)
    if not all(check.ok for check in outcome.checks):
        raise typer.Exit(ExitCode.PROOF_FAILED)


def _resolved(request: Request, job: Job, compat: Compat, settings: Settings, access: Access) -> Plan:
    """The plan; a refusal is told, and ends the command."""
    from envkit.build.unlisted import answered
    from envkit.resolve.model import Refusal

    offline = job.dry_run or job.explain
    answer = answered(request, compat, settings, access, offline=offline, say=job.say)
    if isinstance(answer, Refusal):
        tell_refusal(answer, job)
        raise typer.Exit(ExitCode.PROBLEM)
    return answer


def _conda(
    plan: Plan,
    settings: Settings,
    part: Part,
    request: Request,
    job: Job,
    compat: Compat,
    access: Access,
) -> Outcome:
    from envkit.cli.building_conda import made

    return made(plan, settings, part, part.of(request), job, compat, access)


def _unsaid(access: Access, job: Job, *, image: bool) -> tuple[str, ...]:
    """How the build of an image logs in: it is told no login that an address held."""
    if not image or not access.logins or any("id=netrc" in secret for secret in job.secrets):
        return ()
    return (
        "the login of an index was used on this machine and is in no file; an image's build logs in with "
        "--secret id=netrc,src=$HOME/.netrc",
    )


def _checked(job: Job, compat: Compat) -> None:
    from envkit.build.check import check
    from envkit.build.summary import drifted
    from envkit.cli.build_settings import settings_of

    _, access, _ = settings_of(job, compat)
    found = check(job.output or FOLDER, compat, access, say=job.say)
    if job.format is Format.JSON:
        print_json({"drift": found})
    else:
        print_report(drifted(found), job)
    if found.changes:
        raise typer.Exit(ExitCode.PROBLEM)


def _imaged(plan: Plan, artefacts: tuple[Artefact, ...]) -> None:
    """Refuse an image whose Python no official image has: the base's ordinary one would be taken for it."""
    if plan.python.endswith("t") and IN_IMAGES & set(artefacts):
        raise UsageError(
            f"no official image has the free-threaded Python {plan.python}",
            todo=f"make an environment on the machine instead: --as uv --create DIR --python {plan.python}",
        )


def _artefacts(job: Job) -> tuple[Artefact, ...]:
    from envkit.build.model import ARTEFACTS
    from envkit.build.render import RENDERERS

    for name in job.artefacts:
        if name not in ARTEFACTS or name not in RENDERERS:
            raise UsageError(f"--as does not know {name!r}", todo=f"it knows {', '.join(RENDERERS)}")
    if job.artefacts:
        return job.artefacts  # type: ignore[return-value]
    if job.ask.source == "conda-forge":
        return ("conda",)
    return ("docker", "uv", "pip")


def _snapshots(sources: tuple[str, ...]) -> tuple[Snapshot, ...]:
    """The machines of --from, one a file; this one where none is named."""
    if sources:
        from envkit.facts.importers.detect import load_snapshot

        return tuple(load_snapshot(source).value for source in sources)
    from envkit.build.look import look
    from envkit.core.machine import Machine

    return (look(Machine.here()),)


def _made(
    plan: Plan,
    settings: Settings,
    artefacts: tuple[Artefact, ...],
    request: Request,
    job: Job,
    compat: Compat,
    engine: Engine | None,
    access: Access,
) -> Outcome:
    """Lock, write, and build what can be built here."""
    from envkit.build.base import enough_room, notes, pinned
    from envkit.build.model import IMAGES
    from envkit.build.run import Clock, Outcome, files_of, locked, written
    from envkit.build.venv import free_below, possible, room

    clock = Clock()
    folder = job.output or FOLDER
    venv = _venv(job, engine) if plan.source == "wheels" else None
    expected = _allowed(plan, job, compat, builds=venv is not None or engine is not None)
    if venv is not None:
        possible(venv)
        room(expected, *free_below(venv))
    if engine is not None:
        settings = pinned(replace(settings, buildkit=engine.buildkit), plan, engine)
        enough_room(engine, expected)
    job.say(f"locking {plan.framework} {plan.version} ({plan.cuda})")
    with clock.phase("lock"):
        plan, found = locked(plan, settings, artefacts, request, compat, access=access)
    with clock.phase("write"):
        files = written(files_of(plan, found, settings, artefacts, request), folder)
    outcome = Outcome(
        plan=plan,
        folder=str(folder),
        files=files,
        predicted=expected.installed_bytes if expected is not None else None,
        notes=tuple(notes(plan, settings)) if IMAGES & set(artefacts) else (),
    )
    if job.no_build:
        return replace(outcome, phases=clock.phases)
    if engine is not None:
        return _image(outcome, plan, settings, folder, engine, clock, job)
    if venv is None:
        return replace(outcome, phases=clock.phases)
    return _environment(outcome, plan, settings, folder, clock, access, job, venv, found)


def _venv(job: Job, engine: Engine | None) -> Path | None:
    """Where an environment is made on this machine; None where none is."""
    if job.no_build or engine is not None or (job.create is None and job.artefacts):
        return None
    return (job.create or (job.output or FOLDER) / ".venv").absolute()


def _engine(artefacts: tuple[Artefact, ...], job: Job) -> Engine | None:
    """The engine, where an image is wanted; None where none answers and none was asked for."""
    from envkit.engine.docker import connect

    if "docker" not in artefacts or job.no_build or job.create or job.dry_run or job.explain:
        return None
    try:
        return connect()
    except EngineError:
        if job.tag is not None or "docker" in job.artefacts:
            raise
        job.say("no container engine answers: making an environment on this machine instead")
        return None


def _nearby() -> Engine | None:
    """The engine to ask about an image where nothing is built."""
    from envkit.engine.docker import connect

    try:
        return connect()
    except EngineError:
        return None


def _allowed(plan: Plan, job: Job, compat: Compat, *, builds: bool) -> DownloadSize | None:
    """The predicted sizes; asks or refuses before a large download."""
    from envkit.compat import download_size

    found = download_size(compat.catalog, plan.framework, plan.version, plan.cuda, plan.platform)
    if found is None:
        return None
    if builds:
        confirmed(found.download_bytes, job)
    return found


def confirmed(download: int, job: Job) -> None:
    """Asks before a large download, or refuses it where nobody can be asked."""
    from envkit.core.text import size as words

    if download > _ASK_FROM and not job.yes:
        what = f"this downloads about {words(download)}"
        if not sys.stdin.isatty():
            raise UsageError(what, todo="say --yes to go on, --no-build to write and lock only, or --dry-run")
        typer.confirm(f"{what}. Go on?", abort=True, err=True)


def _image(
    outcome: Outcome, plan: Plan, settings: Settings, folder: Path, engine: Engine, clock: Clock, job: Job
) -> Outcome:
    from envkit.build.run import build_image, prove_image

    name, log = build_image(plan, settings, folder, engine, clock, tag=job.tag, say=job.say)
    checks = prove_image(plan, engine, name, clock, gpus=False)
    size = int(engine.described(name).get("Size") or 0)
    return replace(outcome, image=name, log=str(log), checks=checks, size=size, phases=clock.phases)


def _environment(
    outcome: Outcome,
    plan: Plan,
    settings: Settings,
    folder: Path,
    clock: Clock,
    access: Access,
    job: Job,
    venv: Path,
    found: Locked,
) -> Outcome:
    from envkit.build.run import prove_venv, size_of
    from envkit.build.venv import create_venv

    job.say(f"making {venv}")
    try:
        log = create_venv(plan, found, settings, folder, venv, clock.phase, access=access)
    except KeyboardInterrupt:
        raise StoppedError(
            f"interrupted: no environment was made, and the files in {folder} are whole",
            todo="run it again: what was downloaded is kept",
        ) from None
    checks = prove_venv(plan, venv, clock)
    return replace(
        outcome, environment=str(venv), log=str(log), checks=checks, size=size_of(venv), phases=clock.phases
    )
