"""Whether what was built is what was planned, and works: judged from what the payload said inside. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement

from envkit.build.conda import distribution
from envkit.compat import kernel_for, parse_cuda
from envkit.core.text import one_line
from envkit.facts.python_model import TargetPython
from envkit.resolve.model import Plan
from envkit.target.inside import Inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One question to what was built."""

    title: str
    ok: bool | None
    """None = could not be answered, which is no proof."""
    detail: str


def checks(plan: Plan, inside: Inside, *, image: bool) -> tuple[Check, ...]:
    """All questions. image: in a container, where the user must not be root."""
    return tuple(_checks(plan, inside, image))


def passed(found: tuple[Check, ...]) -> bool:
    """Whether the proof holds: every question was answered, and well."""
    return all(check.ok for check in found)


def _checks(plan: Plan, inside: Inside, image: bool) -> Iterator[Check]:
    python = inside.python
    if python is None or python.distributions is None:
        why = "; ".join(inside.trouble) or "the environment could not be read"
        yield Check(title="installed as planned", ok=None, detail=why)
    else:
        yield _python(plan, python)
        yield _versions(plan, python)
        if plan.framework == "torch":
            yield from _torch(plan, python)
    yield _links(inside)
    yield from _computes(plan, inside)
    if image:
        detail = "could not be read" if inside.uid is None else f"uid {inside.uid}"
        yield Check(
            title="not run as root", ok=None if inside.uid is None else inside.uid != 0, detail=detail
        )


def _python(plan: Plan, python: TargetPython) -> Check:
    found = python.version or "?"
    ok = ".".join(found.split(".")[:2]) == plan.python.rstrip("t")
    return Check(title="Python", ok=ok, detail=f"{found}, planned {plan.python}")


def _versions(plan: Plan, python: TargetPython) -> Check:
    """Every requirement of the plan against what is installed."""
    installed = {one.name: one.version for one in python.distributions or ()}
    wrong = []
    for wanted in plan.requirements:
        requirement = Requirement(wanted.requirement)
        name = distribution(requirement)
        version = installed.get(name)
        if version is None:
            wrong.append(f"{name} is not installed")
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{name} is {version}, planned {requirement.specifier}")
    detail = "; ".join(wrong) or f"{len(plan.requirements)} pins hold, {len(installed)} packages"
    return Check(title="installed as planned", ok=not wrong, detail=detail)


def _torch(plan: Plan, python: TargetPython) -> Iterator[Check]:
    torch = python.torch
    if torch is None:
        yield Check(title="CUDA of the build", ok=None, detail="torch's own files could not be read")
        return
    found = "cpu" if torch.cuda == "" else torch.cuda
    same = found == "cpu" if plan.cuda == "cpu" else parse_cuda(torch.cuda) == parse_cuda(plan.cuda)
    yield Check(title="CUDA of the build", ok=same, detail=f"{found or 'not read'}, planned {plan.cuda}")
    if plan.driver_floor is None:
        return
    ccs = [cc for target in plan.targets for cc in target.compute_capabilities]
    if torch.archs is None:
        yield Check(title="device code", ok=None, detail="the architectures could not be read")
        return
    bare = [cc for cc in ccs if kernel_for(torch.archs, cc) is None]
    has = " ".join(torch.archs)
    detail = (
        f"none for {', '.join(bare)}: it has {has}" if bare else f"{has}; targets {', '.join(ccs) or 'any'}"
    )
    yield Check(title="device code", ok=not bare, detail=detail)


def _links(inside: Inside) -> Check:
    if inside.missing is None:
        return Check(title="shared libraries", ok=None, detail="; ".join(inside.trouble) or "not read")
    gone = "; ".join(f"{each.name}, which {each.needed_by} needs" for each in inside.missing)
    detail = (
        f"cannot be found: {gone}" if gone else f"all that {inside.links_checked} libraries need are found"
    )
    return Check(title="shared libraries", ok=not inside.missing, detail=detail)


def _computes(plan: Plan, inside: Inside) -> Iterator[Check]:
    deep = inside.deep
    if deep.state != "ok":
        detail = one_line(deep.error or deep.state, limit=300)
        yield Check(title=f"import {plan.framework}", ok=False, detail=detail)
        return
    yield Check(
        title=f"import {plan.framework}", ok=True, detail=f"{deep.version} in {deep.import_seconds:.1f} s"
    )
    wrong = [one for one in deep.smoke or () if not one.ok]
    devices = ", ".join(deep.devices or ()) or "no device"
    detail = "; ".join(f"{one.op} on {one.device}: {one.detail}" for one in wrong)
    trained = any(one.op == "backward" for one in deep.smoke or ())
    yield Check(
        title="forward and backward",
        ok=trained and not wrong,
        detail=detail or (f"right on {devices}" if trained else "was not run"),
    )
