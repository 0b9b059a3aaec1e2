"""A conda environment: environment.yml, and the explicit list that locks it."""

from __future__ import annotations

import json
from pathlib import Path

from envkit.build.channels import channels
from envkit.build.conda import LOCK, specs
from envkit.build.model import File, Locked, Settings
from envkit.build.render.templates import fill
from envkit.build.requirements import of_the_person
from envkit.compat import parse_cuda
from envkit.resolve.model import Plan


def render(plan: Plan, locked: Locked, settings: Settings) -> tuple[File, ...]:
    """environment.yml for conda, mamba and micromamba; the lock where it could be made."""
    files = [File(path="environment.yml", text=environment(plan, locked, settings))]
    if locked.conda_lock is not None:
        files.append(File(path=LOCK, text=locked.conda_lock))
    return tuple(files)


def environment(plan: Plan, locked: Locked, settings: Settings) -> str:
    """environment.yml."""
    pip = of_the_person(plan, settings.requirements)
    cuda = parse_cuda(plan.cuda)
    return fill(
        "conda/environment.yml.j2",
        headline=f"{plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python}",
        plan_hash=plan.hash,
        data_date=plan.data_date,
        lock=LOCK if locked.conda_lock is not None else None,
        why=locked.lock.why,
        cuda=f"{cuda[0]}.{cuda[1]}" if cuda else None,
        environment=f"{plan.framework}-{plan.version}-{plan.cuda}",
        channels=[_quoted(_address(each)) for each in channels(settings)],
        dependencies=[_quoted(spec.line) for spec in specs(plan, pip=bool(pip))],
        pip=[_quoted(wish.requirement) for wish in pip],
    )


def _address(channel: str) -> str:
    """A directory as conda reads it in a file."""
    return Path(channel).as_uri() if channel.startswith("/") else channel


def _quoted(text: str) -> str:
    """A YAML flow scalar in double quotes (JSON's escapes are a subset of YAML's)."""
    return json.dumps(text)
