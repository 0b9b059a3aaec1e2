"""A uv project: pyproject.toml, and uv.lock where it could be locked."""

from __future__ import annotations

import json

from envkit.build.model import File, Locked, Settings
from envkit.build.render.templates import fill
from envkit.build.requirements import constraints, wishes
from envkit.resolve.model import Plan

_MARKERS = {
    "linux-x86_64": "sys_platform == 'linux' and platform_machine == 'x86_64'",
    "linux-aarch64": "sys_platform == 'linux' and platform_machine == 'aarch64'",
    "macos-arm64": "sys_platform == 'darwin' and platform_machine == 'arm64'",
    "macos-x86_64": "sys_platform == 'darwin' and platform_machine == 'x86_64'",
    "windows": "sys_platform == 'win32'",
}

_DEFAULT = "default"


def render(plan: Plan, locked: Locked, settings: Settings) -> tuple[File, ...]:
    """The project of a plan."""
    files = [
        File(path="pyproject.toml", text=pyproject(plan, settings)),
        File(path=".python-version", text=plan.python + "\n"),
    ]
    if locked.uv_lock is not None:
        files.append(File(path="uv.lock", text=locked.uv_lock))
    return tuple(files)


def pyproject(plan: Plan, settings: Settings) -> str:
    """pyproject.toml; the framework comes from its own index, all else from the default one."""
    wanted = wishes(plan, settings)
    own = {wish.index: f"{plan.framework}-{plan.cuda}" for wish in wanted if wish.index}
    named = named_indexes(plan, settings)
    indexes = [
        {
            "name": _quoted(name),
            "url": _quoted(url),
            "explicit": url in own and name == own[url],
            "default": name == _DEFAULT,
        }
        for name, url in named
    ]
    return fill(
        "uv/pyproject.toml.j2",
        headline=f"{plan.framework} {plan.version} ({plan.cuda}) on Python {plan.python}",
        plan_hash=plan.hash,
        data_date=plan.data_date,
        python=plan.python.rstrip("t"),
        requirements=[_quoted(wish.requirement) for wish in wanted],
        marker=_quoted(_MARKERS[plan.platform]),
        constraints=[_quoted(each) for each in constraints(plan)],
        find_links=[_quoted(link) for link in settings.indexes.find_links],
        indexes=indexes,
        merged=settings.indexes.merged,
        sources=[(wish.name, _quoted(own[wish.index])) for wish in wanted if wish.index],
    )


def named_indexes(plan: Plan, settings: Settings) -> tuple[tuple[str, str], ...]:
    """(name, address) of every index of the project: the framework's own, the extra ones, the default one."""
    own = dict.fromkeys(wish.index for wish in wishes(plan, settings) if wish.index)
    found = [(f"{plan.framework}-{plan.cuda}", url) for url in own]
    found += [(f"extra-{number}", url) for number, url in enumerate(settings.indexes.extra, 1)]
    if settings.indexes.index_url:
        found.append((_DEFAULT, settings.indexes.index_url))
    return tuple(found)


def _quoted(text: str) -> str:
    """A TOML basic string. JSON's escapes are TOML's, but for those of a character in two halves."""
    return json.dumps(text, ensure_ascii=False)
