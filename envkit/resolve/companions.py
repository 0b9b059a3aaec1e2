"""What goes in beside the framework: packages that fit one release of it only, and those asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from envkit.compat import (
    Compat,
    ExtraRule,
    TensorflowRelease,
    TorchRelease,
    companion,
    extra_rule,
    parse_cc,
    version_key,
)
from envkit.resolve.candidates import Candidate
from envkit.resolve.fit import Misfit
from envkit.resolve.model import Pin, Wanted
from envkit.resolve.pythons import allowed
from envkit.resolve.request import Request

_TORCH = ("torchvision", "torchaudio", "torchcodec")
_TURING = (7, 5)
_LAST_CUDNN_BEFORE_TURING = "nvidia-cudnn-cu12<9.11"
"""cuDNN 9.10.2 is the last with code for Maxwell, Pascal and Volta (NVIDIA's cuDNN support matrix)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What is installed beside the framework, and what would fit."""

    requirements: tuple[Wanted, ...]
    companions: tuple[Pin, ...]
    pythons: tuple[str, ...]
    """Those of the framework for which all of it has a version."""
    reasons: tuple[str, ...]


def beside(candidate: Candidate, request: Request, compat: Compat) -> Beside | Misfit:
    """What a request's extras become for this build; a Misfit where one has no version for it."""
    pins = dict(_companions(candidate))
    wanted: list[Wanted] = []
    reasons: list[str] = []
    pythons = candidate.pythons
    for extra in request.extras:
        rule = extra_rule(compat.catalog, extra, candidate.framework, candidate.version)
        if rule is None or rule.refused or (rule.companion and not _companion(extra, pins, candidate)):
            why = rule.reason if rule is not None and rule.reason else "has no version for it"
            return Misfit(cause="extra", reason=f"does not go with {extra} ({why})")
        asked = tuple(_requirements(extra, rule, pins, candidate))
        wanted.extend(asked)
        pythons = _with_python(pythons, extra, rule, pins, candidate, compat)
        if not allowed(pythons, request.wanted_python):
            python = (
                f"for Python {request.wanted_python}" if request.wanted_python else "with a Python in common"
            )
            version = asked[0].requirement if rule.companion else extra
            return Misfit(cause="extra", reason=f"goes with {version}, of which there is none {python}")
        if rule.reason:
            reasons.append(f"{extra}: {rule.reason}")
    for requirement, reason in _needed(candidate, request):
        wanted.append(Wanted(requirement=requirement))
        reasons += [reason] if reason else []
    installed = {Requirement(each.requirement).name for each in wanted}
    return Beside(
        requirements=tuple(wanted),
        companions=tuple(
            Pin(name=name, version=version, installed=name in installed)
            for name, version in pins.items()
            # conda's solver holds what comes later to the framework by itself.
            if name in installed or candidate.conda is None
        ),
        pythons=pythons,
        reasons=tuple(reasons),
    )


def _companions(candidate: Candidate) -> Iterator[tuple[str, str]]:
    """(name, version or specifiers) of what is made for this very release."""
    release = candidate.release
    if isinstance(release, TorchRelease):
        known = zip(_TORCH, (release.torchvision, release.torchaudio, release.torchcodec), strict=True)
        yield from ((name, version) for name, version in known if version is not None)


def _requirements(
    extra: str, rule: ExtraRule, pins: dict[str, str], candidate: Candidate
) -> Iterator[Wanted]:
    if not rule.companion:
        release = candidate.release
        keras2 = release.tf_keras if isinstance(release, TensorflowRelease) else None
        for each in rule.requirements:
            yield Wanted(requirement=f"tf-keras=={keras2}" if each == "tf-keras" and keras2 else each)
    else:
        yield Wanted(requirement=_companion(extra, pins, candidate), index=candidate.index)


def _companion(extra: str, pins: dict[str, str], candidate: Candidate) -> str:
    """The requirement for a package that the framework's own row speaks of; "" where it does not."""
    if extra in pins and candidate.conda is not None:
        # conda-forge has patches of its own, and its solver holds them to the framework.
        return f"{extra}=={'.'.join(pins[extra].split('.')[:2])}.*"
    if extra in pins:
        return f"{extra}=={pins[extra]}"
    release = candidate.release
    if isinstance(release, TensorflowRelease):
        said = {"keras": release.keras, "tensorboard": release.tensorboard}.get(extra)
        return f"{extra}{said}" if said else ""
    return ""


def _with_python(
    pythons: tuple[str, ...],
    extra: str,
    rule: ExtraRule,
    pins: dict[str, str],
    candidate: Candidate,
    compat: Compat,
) -> tuple[str, ...]:
    """The Pythons that an extra has a version for."""
    if rule.python_min is not None:
        least = version_key(rule.python_min)
        pythons = tuple(each for each in pythons if version_key(each.rstrip("t")) >= least)
    row = companion(compat.catalog, extra, pins[extra]) if extra in pins else None
    if row is None:
        return pythons
    has = row.pythons_on(candidate.platform)
    if has is not None:
        return tuple(each for each in pythons if each in has)
    fitting = SpecifierSet(row.requires_python or "")
    return tuple(each for each in pythons if fitting.contains(each.rstrip("t") + ".99"))


def _needed(candidate: Candidate, request: Request) -> Iterator[tuple[str, str]]:
    """(requirement, reason) of what the framework needs and its own metadata does not ask for."""
    numpy = candidate.release.numpy if candidate.release is not None else None
    if numpy is not None and "<" in numpy:
        yield f"numpy{numpy}", f"numpy{numpy}: {candidate.framework} {candidate.version} was built for that"
    elif candidate.framework == "torch":
        # torch warns at import without it, and cannot convert.
        yield "numpy", ""
    if _old_cudnn(candidate, request):
        yield _LAST_CUDNN_BEFORE_TURING, "cuDNN below 9.11: later ones have no code for GPUs before Turing"


def _old_cudnn(candidate: Candidate, request: Request) -> bool:
    """Whether a range of cuDNN has to be cut for a GPU older than Turing."""
    release = candidate.release
    if not candidate.gpu or candidate.conda or not isinstance(release, TensorflowRelease):
        return False
    open_range = any(each.startswith("nvidia-cudnn-cu12>=9") for each in release.and_cuda)
    ccs = [gpu.cc for host in request.hosts for gpu in host.gpus or () if gpu.cc]
    return open_range and any(parse_cc(cc) < _TURING for cc in ccs)
