"""requirements.txt, for pip or `uv pip`."""

from __future__ import annotations

from envkit.build.indexes import is_local
from envkit.build.model import File, Locked, Settings
from envkit.build.requirements import constraints, wishes
from envkit.resolve.model import Plan


def render(plan: Plan, locked: Locked, settings: Settings) -> tuple[File, ...]:
    """One file: what is installed, where from, and by which hashes."""
    return (File(path="requirements.txt", text=locked.requirements),)


def header(plan: Plan, settings: Settings, kind: str) -> str:
    """The comment and the index lines that stand above the packages.

    kind: of the lock.
    """
    lines = [
        f"# {plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python}",
        f"# Plan {plan.hash[:12]}, compatibility data of {plan.data_date}, lock: {kind}.",
    ]
    indexes = settings.indexes
    own = dict.fromkeys(wish.index for wish in wishes(plan, settings) if wish.index)
    named = [("--index-url", indexes.index_url)] if indexes.index_url else []
    named += [("--extra-index-url", url) for url in (*own, *indexes.extra)]
    named += [("--find-links", link) for link in indexes.find_links]
    # A directory of this machine is none of the container's or of the next person's.
    lines += [f"{'# with: ' if is_local(url) else ''}{option} {url}" for option, url in named]
    return "\n".join(lines) + "\n"


def unlocked(plan: Plan, settings: Settings) -> str:
    """requirements.txt with what the plan pins, and nothing below it."""
    wanted = [wish.requirement for wish in wishes(plan, settings)]
    names = {wish.name for wish in wishes(plan, settings)}
    held = [each for each in constraints(plan) if each.partition("==")[0] not in names]
    notes = ["# Fits, should it be added:", *(f"#   {each}" for each in held)] if held else []
    return header(plan, settings, "none") + "\n".join([*wanted, *notes]) + "\n"
