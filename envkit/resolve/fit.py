"""Whether a build runs on the machines of a request; each question answers with the reason against it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from packaging.specifiers import SpecifierSet

from envkit.compat import (
    Compat,
    arch_relation,
    driver_can_jit,
    driver_floor,
    driver_meets,
    drivers_needed,
    kernel_for,
    last_driver_branch,
    parse_cc,
    version_key,
)
from envkit.resolve.candidates import Candidate
from envkit.resolve.pythons import allowed
from envkit.resolve.request import Host, Request, TargetGpu

Cause = Literal["version", "build", "python", "libc", "driver", "gpu", "broken", "extra", "base"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Misfit:
    """Why a build is not taken."""

    cause: Cause
    reason: str


def wants_gpu(request: Request) -> bool | None:
    """Whether the plan has to drive NVIDIA GPUs; None where neither the person nor a host says."""
    if request.device is not None:
        return request.device == "gpu"
    if all(host.platform.startswith("macos") for host in request.hosts):
        return False
    if any(host.gpus for host in request.hosts):
        return True
    return None if any(host.gpus is None for host in request.hosts) else False


def misfits(candidate: Candidate, request: Request, compat: Compat) -> Iterator[Misfit]:
    """All that speaks against a build, what the person asked for first."""
    if request.versions and not _is_one_of(candidate.version, request.versions):
        yield Misfit(cause="version", reason=f"is not {request.versions}")
    yield from _build(candidate, request)
    if candidate.broken:
        yield Misfit(cause="broken", reason=candidate.broken)
    if not allowed(candidate.pythons, request.wanted_python):
        has = ", ".join(candidate.pythons) or "none"
        yield Misfit(cause="python", reason=f"has no build for Python {request.wanted_python} (it has {has})")
    for host in request.hosts:
        if not request.own_libc:
            yield from _libc(candidate, host)
        if candidate.gpu:
            yield from _driver(candidate, host, compat)
            for gpu in host.gpus or ():
                yield from _kernel(candidate, gpu, host, compat)


@functools.lru_cache(maxsize=4096)  # a refusal goes through all builds once for every way out
def _is_one_of(version: str, asked: str) -> bool:
    return SpecifierSet(asked).contains(version, prereleases=True)


def _build(candidate: Candidate, request: Request) -> Iterator[Misfit]:
    gpu = bool(wants_gpu(request))
    if candidate.gpu != gpu and not drives_apple(candidate):
        yield Misfit(cause="build", reason="is a CPU build" if gpu else "is a CUDA build")
    elif request.cuda is not None and candidate.gpu and candidate.tag != request.cuda:
        yield Misfit(cause="build", reason=f"is not built for {request.cuda}")


def drives_apple(candidate: Candidate) -> bool:
    """Whether a build drives Apple's GPU: torch has one build a release for macOS, TensorFlow's has none."""
    return candidate.framework == "torch" and candidate.platform.startswith("macos")


def _libc(candidate: Candidate, host: Host) -> Iterator[Misfit]:
    if not candidate.platform.startswith("linux"):
        return
    if host.libc == "musl":
        yield Misfit(cause="libc", reason="is built for glibc, and the machine uses musl")
    elif host.glibc and candidate.glibc and version_key(host.glibc) < version_key(candidate.glibc):
        yield Misfit(cause="libc", reason=f"needs glibc {candidate.glibc}, and the machine has {host.glibc}")


def _driver(candidate: Candidate, host: Host, compat: Compat) -> Iterator[Misfit]:
    for gpu in host.gpus or ():
        last = last_driver(gpu, compat)
        if last is not None and host.driver is not None and driver_branch(host.driver, compat) > last:
            reason = f"cannot reach {gpu.name}: driver {host.driver} no longer drives it, {last} is the last"
            yield Misfit(cause="driver", reason=reason)
    floor = driver_floor(compat, candidate.tag, host.driver_platform)
    if floor is None:
        yield Misfit(cause="driver", reason="no driver is recorded for its CUDA")
    elif host.driver is not None and not driver_meets(host.driver, floor):
        reason = f"needs NVIDIA driver {floor} or newer, and the machine has {host.driver}"
        yield Misfit(cause="driver", reason=reason)


def last_driver(gpu: TargetGpu, compat: Compat) -> int | None:
    """The last driver branch for a GPU; None while newer branches drive it."""
    branch = last_driver_branch(compat, gpu.cc) if gpu.cc else None
    return branch.number if branch is not None else None


def driver_branch(driver: str, compat: Compat) -> int:
    """The branch of a driver. On Windows a branch has several majors: 581 and 582 are of 580."""
    major = version_key(driver)[0]
    return max((branch.number for branch in compat.branches if branch.number <= major), default=major)


def _kernel(candidate: Candidate, gpu: TargetGpu, host: Host, compat: Compat) -> Iterator[Misfit]:
    if gpu.vendor != "nvidia":
        needs = (
            " needs a build for ROCm, and envkit's tables hold none" if gpu.vendor == "amd" else " is none"
        )
        reason = f"is built for NVIDIA GPUs; {gpu.name}{needs}"
        yield Misfit(cause="gpu", reason=reason)
        return
    if gpu.cc is None:
        return
    if candidate.archs is None:
        yield Misfit(cause="gpu", reason="nobody recorded which GPUs it has device code for")
        return
    has = " ".join(candidate.archs)
    kernel = kernel_for(candidate.archs, gpu.cc)
    if kernel is None:
        relation = arch_relation(candidate.archs, gpu.cc)
        why = _STANDS.get(relation, "which is not among what it was compiled for")
        reason = f"has no device code for {gpu.name} ({gpu.cc}), {why} ({has})"
        yield Misfit(cause="gpu", reason=reason)
    elif kernel == "ptx":
        yield from _ptx(candidate, gpu, host, compat)


_STANDS = {
    "too-old": "which is older than all it was compiled for",
    "too-new": "which is newer than all it was compiled for",
    "unknown": "for which NVIDIA publishes builds of its own",
}
_BLACKWELL = (10, 0)


def _ptx(candidate: Candidate, gpu: TargetGpu, host: Host, compat: Compat) -> Iterator[Misfit]:
    # Reported to fail with INVALID_PTX or INVALID_HANDLE: tensorflow#89272, #97387, #99592, #101746.
    if candidate.framework == "tensorflow" and parse_cc(gpu.cc or "") >= _BLACKWELL:
        reason = (
            f"has only PTX for {gpu.name} ({gpu.cc}), which TensorFlow's wheels are reported not to run from"
        )
        yield Misfit(cause="gpu", reason=reason)
    elif host.driver is not None and not driver_can_jit(
        compat, host.driver, candidate.tag, host.driver_platform
    ):
        needed = drivers_needed(compat, candidate.tag, host.driver_platform)
        reason = (
            f"has only PTX for {gpu.name} ({gpu.cc}), which needs driver "
            f"{needed.paired_ga or needed.branch or '?'} or newer; the machine has {host.driver}"
        )
        yield Misfit(cause="driver", reason=reason)
