"""Request and tables to a plan, or to a refusal that says what would work. Pure; no network, no machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import msgspec

from envkit.compat import Compat, TensorflowRelease, driver_floor, kernel_for
from envkit.resolve.candidates import Candidate
from envkit.resolve.choice import Choice, Search, search
from envkit.resolve.fit import Misfit, wants_gpu
from envkit.resolve.model import Lock, Plan, PlanTarget, Refusal, Rejected, Wanted
from envkit.resolve.nearest import nearest
from envkit.resolve.request import Host, Request
from envkit.resolve.words import assumptions, reasons

_NOT_LOCKED = Lock(kind="none", why="nothing was looked up: `envkit build` locks when it writes")


def resolve(request: Request, compat: Compat) -> Plan | Refusal:
    """The newest stack that works on every host of the request, or why there is none.

    A build is taken when it exists for the platform, Python and libc, when every driver meets the floor of
    its CUDA (NVIDIA's minor-version rule), and when it has device code for every GPU.
    """
    blocked = _blocked(request)
    if blocked is not None:
        return blocked
    found = search(request, compat)
    if found.choice is None:
        return _refusal(request, found, compat)
    return _plan(request, found.choice, found.rejected, compat)


def _blocked(request: Request) -> Refusal | None:
    """A request that no table can answer."""
    if wants_gpu(request) is None:
        return Refusal(
            reasons=("whether this machine has a GPU could not be told",),
            rejected=(),
            nearest=("say which: --gpu or --cpu", "name the target: --target-gpu a100 --target-driver 550"),
        )
    other = {"torch": "tensorflow", "tensorflow": "torch"}[request.framework]
    if other in request.extras:
        return Refusal(
            reasons=(
                f"{request.framework} and {other} in one environment bring two CUDA stacks that pin "
                "different NCCL and cuDNN versions: either no solution exists, or 6 GB come twice",
            ),
            rejected=(),
            nearest=(
                f"two environments: envkit build --framework {request.framework}, and "
                f"envkit build --framework {other}",
                f"{other} for the CPU only, beside it: --requirements with "
                f"{'tensorflow-cpu' if other == 'tensorflow' else 'torch from the cpu index'}",
            ),
        )
    return None


def _refusal(request: Request, found: Search, compat: Compat) -> Refusal:
    grouped = _grouped(found.rejected)
    asked = f"{request.framework} {request.versions}".strip()
    device = "a GPU build" if wants_gpu(request) else "a CPU build"
    if not found.rejected:
        whys: tuple[str, ...] = (f"no {request.framework} is published for {request.hosts[0].platform}",)
    else:
        first, *rest = _main_reasons(request, found.rejected)
        whys = (f"no {asked} fits as {device}: {first}", *rest)
    return Refusal(
        reasons=whys,
        rejected=grouped,
        nearest=nearest(request, lambda other: search(other, compat).choice, compat),
    )


def _main_reasons(request: Request, rejected: tuple[tuple[Candidate, Misfit], ...]) -> tuple[str, ...]:
    """What spoke against the builds that came closest: those that were not merely of another kind."""
    real = [(c, m) for c, m in rejected if m.cause not in ("build", "version")]
    newest: dict[str, str] = {}
    for candidate, misfit in real:
        newest.setdefault(misfit.cause, f"{candidate.name} {misfit.reason}")
    apart = _no_common_build(request, real)
    return (*apart, *newest.values()) or (_of_another_kind(request, rejected),)


def _no_common_build(request: Request, rejected: Iterable[tuple[Candidate, Misfit]]) -> tuple[str, ...]:
    """Where each of several GPUs has builds, and no build has code for all of them."""
    gpus = dict.fromkeys(gpu for host in request.hosts for gpu in host.gpus or () if gpu.cc)
    code = [{gpu for gpu in gpus if kernel_for(build.archs or (), gpu.cc or "")} for build, _ in rejected]
    if len(set().union(*code)) < 2 or any(len(each) == len(gpus) for each in code):
        return ()
    return (f"no build has code for all of {', '.join(f'{gpu.name} ({gpu.cc})' for gpu in gpus)}",)


def _of_another_kind(request: Request, rejected: tuple[tuple[Candidate, Misfit], ...]) -> str:
    """Why there is nothing of the version, or of the kind of build, that was asked for."""
    kinds = [candidate for candidate, misfit in rejected if misfit.cause == "build"]
    tags = dict.fromkeys(candidate.tag for candidate in kinds if candidate.gpu)
    if request.cuda and tags:
        return f"none is built for {request.cuda} (there are {', '.join(tags)})"
    if kinds:
        kind = "CUDA" if tags else "CPU"
        return f"for {kinds[0].platform} only {kind} builds are published"
    versions = [candidate.version for candidate, _ in rejected]
    place = " of conda-forge" if request.source == "conda-forge" else ""
    return f"no such version is in the tables{place} ({versions[-1]} to {versions[0]})"


def _grouped(rejected: Iterable[tuple[Candidate, Misfit]]) -> tuple[Rejected, ...]:
    """One line a build; builds of the wrong kind (CPU for GPU) are not worth one."""
    return tuple(
        Rejected(candidate=candidate.name, reason=misfit.reason)
        for candidate, misfit in rejected
        if misfit.cause not in ("build", "version") or "not built for" in misfit.reason
    )


def _plan(
    request: Request, choice: Choice, rejected: tuple[tuple[Candidate, Misfit], ...], compat: Compat
) -> Plan:
    candidate = choice.candidate
    dates = [source.date for source in candidate.provenance]
    plan = Plan(
        framework=candidate.framework,
        version=candidate.version,
        cuda=candidate.tag,
        source=request.source,
        python=choice.python,
        platform=candidate.platform,
        glibc=candidate.glibc,
        targets=tuple(_target(host) for host in request.hosts),
        requirements=(_framework(candidate), *choice.beside.requirements),
        companions=choice.beside.companions,
        extras=request.extras,
        base=choice.base.image,
        nvcc=choice.base.nvcc,
        driver_floor=driver_floor(compat, candidate.tag, request.hosts[0].driver_platform)
        if candidate.gpu
        else None,
        archs=candidate.archs or (),
        derived=candidate.derived,
        reasons=reasons(request, choice, bool(_grouped(rejected)), compat),
        assumptions=assumptions(request, choice, compat),
        rejected=_grouped(rejected),
        lock=_NOT_LOCKED,
        data_date=max(dates, default=""),
        hash="",
    )
    return replace(plan, hash=plan_hash(plan))


def plan_hash(plan: Plan) -> str:
    """SHA-256 of what the plan installs and for whom; not of its lock, reasons or rejections."""
    bare = replace(plan, hash="", lock=_NOT_LOCKED, reasons=(), assumptions=(), rejected=())
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


def _target(host: Host) -> PlanTarget:
    gpus = host.gpus or ()
    return PlanTarget(
        driver=host.driver,
        gpus=tuple(gpu.name for gpu in gpus),
        compute_capabilities=tuple(dict.fromkeys(gpu.cc for gpu in gpus if gpu.cc)),
    )


def _framework(candidate: Candidate) -> Wanted:
    if candidate.conda is not None:
        return Wanted(requirement=f"{candidate.conda.package}=={candidate.version}")
    if candidate.framework == "torch":
        local = "" if candidate.on_default_index else f"+{candidate.tag}"
        return Wanted(requirement=f"torch=={candidate.version}{local}", index=candidate.index)
    if candidate.gpu:
        return Wanted(requirement=f"tensorflow[and-cuda]=={candidate.version}")
    # The plain wheel carries the CUDA code, too: 0.6 GB instead of 0.3.
    release = candidate.release
    slim = isinstance(release, TensorflowRelease) and candidate.platform in release.cpu_wheel
    return Wanted(requirement=f"tensorflow{'-cpu' if slim else ''}=={candidate.version}")
