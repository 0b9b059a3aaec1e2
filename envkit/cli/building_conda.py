"""The conda side of `envkit build`: lock, write, make the environment, prove it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envkit.cli.apply import StoppedError
from envkit.cli.building import confirmed

if TYPE_CHECKING:
    from envkit.build.access import Access
    from envkit.build.model import Settings
    from envkit.build.run import Outcome
    from envkit.cli.build_job import Job
    from envkit.cli.parts import Part
    from envkit.compat import Compat
    from envkit.resolve.model import Plan
    from envkit.resolve.request import Request


def made(
    plan: Plan,
    settings: Settings,
    part: Part,
    request: Request,
    job: Job,
    compat: Compat,
    access: Access,
) -> Outcome:
    """Lock and write; with --create, or where nothing was named, the environment and its proof, too."""
    from envkit.build.conda_create import create_conda, possible, room
    from envkit.build.run import Clock, Outcome, files_of, locked, prove_venv, size_of, written
    from envkit.build.venv import free_below

    create = not job.no_build and (job.create is not None or not job.artefacts)
    prefix = (job.create or part.folder / "env").absolute()
    if create:
        possible(prefix)
    clock = Clock()
    job.say(f"solving {plan.framework} {plan.version} ({plan.cuda}) with conda packages")
    with clock.phase("lock"):
        plan, found = locked(plan, settings, part.artefacts, request, compat, access=access)
    if create and found.download is not None:
        confirmed(found.download, job)
        # What it unpacks to is more; how much, no channel says.
        room(found.download, *free_below(prefix))
    with clock.phase("write"):
        files = written(files_of(plan, found, settings, part.artefacts, request), part.folder)
    outcome = Outcome(plan=plan, folder=str(part.folder), files=files)
    if not create:
        return replace(outcome, phases=clock.phases)
    job.say(f"making {prefix}")
    try:
        create_conda(plan, found, settings, prefix, clock.phase, access=access, say=job.say)
    except KeyboardInterrupt:
        raise StoppedError(
            f"interrupted: no environment was made, and the files in {part.folder} are whole",
            todo="run it again: what was downloaded is kept",
        ) from None
    checks = prove_venv(plan, prefix, clock)
    return replace(outcome, environment=str(prefix), checks=checks, size=size_of(prefix), phases=clock.phases)
