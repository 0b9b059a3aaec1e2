"""Why a plan is what it is, and what it takes for granted, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from envkit.compat import (
    Compat,
    driver_floor,
    driver_meets,
    drivers_needed,
    kernel_for,
    parse_arch,
    parse_cc,
)
from envkit.resolve.candidates import Candidate
from envkit.resolve.choice import Choice
from envkit.resolve.fit import drives_apple, wants_gpu
from envkit.resolve.request import Host, Request


def reasons(request: Request, choice: Choice, passed_over: bool, compat: Compat) -> tuple[str, ...]:
    """One sentence a decision. passed_over: a newer build was not taken."""
    return (*assumptions(request, choice, compat), *_decisions(request, choice, passed_over, compat))


def _decisions(request: Request, choice: Choice, passed_over: bool, compat: Compat) -> Iterator[str]:
    candidate = choice.candidate
    newest = "the newest that fits" if passed_over else "the newest"
    asked = f" of those asked for ({request.versions})" if request.versions else ""
    yield f"{candidate.framework} {candidate.version}: {newest}{asked}"
    if candidate.derived:
        yield from _derived(candidate)
    if candidate.gpu:
        yield from _cuda(request, choice, compat)
    elif drives_apple(candidate):
        yield "macOS has one build, and it drives the Apple GPU (MPS)"
    else:
        yield f"CPU build: {_why_cpu(request)}"
    yield f"Python {choice.python}: {_why_python(request, choice)}"
    yield from _libc(request, candidate)
    yield from choice.beside.reasons


def _libc(request: Request, candidate: Candidate) -> Iterator[str]:
    libcs = [
        "musl" if host.libc == "musl" else host.glibc and f"glibc {host.glibc}" for host in request.hosts
    ]
    has = ", ".join(dict.fromkeys(filter(None, libcs)))
    if has and request.own_libc:
        yield f"C library: the image brings its own, so the {has} of the machine does not matter"
    elif has and candidate.glibc:
        yield f"C library: the build needs glibc {candidate.glibc}, the machine has {has}"


def _derived(candidate: Candidate) -> Iterator[str]:
    """What a release that is in no table was worked out from."""
    said = dict.fromkeys(each.source for each in candidate.provenance if each.how == "derived")
    yield f"derived: {candidate.framework} {candidate.version} is in no table; read off {'; '.join(said)}"


def _cuda(request: Request, choice: Choice, compat: Compat) -> Iterator[str]:
    candidate = choice.candidate
    for host in request.hosts:
        floor = driver_floor(compat, candidate.tag, host.driver_platform)
        if host.driver is not None:
            yield (
                f"{candidate.tag}: needs NVIDIA driver {floor} or newer, whatever CUDA version the driver "
                f"itself prints; the target has {host.driver}"
            )
        else:
            yield f"{candidate.tag}: needs NVIDIA driver {floor} or newer"
        for gpu in host.gpus or ():
            if gpu.cc is None or candidate.archs is None:
                continue
            kernel = kernel_for(candidate.archs, gpu.cc)
            how = (
                "has machine code for it"
                if kernel == "cubin"
                else "has PTX for it, which the driver compiles at first use"
            )
            yield f"{gpu.name} ({gpu.cc}): the build {how} ({' '.join(candidate.archs)})"


def _why_cpu(request: Request) -> str:
    if request.device == "cpu":
        return "asked for"
    return "the target has no NVIDIA GPU"


def _why_python(request: Request, choice: Choice) -> str:
    if request.python is not None:
        return f"asked for ({request.python})"
    if request.base_python is not None:
        return f"the one in the base image {request.base_image}"
    if choice.base.nvcc is not None and choice.base.image:
        return f"the one of the image {choice.base.image}"
    return (
        f"the newest that {choice.candidate.framework} {choice.candidate.version} and all beside it support"
    )


def assumptions(request: Request, choice: Choice, compat: Compat) -> tuple[str, ...]:
    """What could not be known of the machines, and was taken for granted."""
    candidate = choice.candidate
    if not candidate.gpu or not wants_gpu(request):
        return ()
    found = [each for host in request.hosts for each in _assumed(host, choice, compat)]
    return tuple(dict.fromkeys(found))


def _assumed(host: Host, choice: Choice, compat: Compat) -> Iterator[str]:
    candidate = choice.candidate
    floor = driver_floor(compat, candidate.tag, host.driver_platform)
    if host.driver is None:
        yield f"assumed: the machine that runs it has NVIDIA driver {floor} or newer"
    if not host.gpus:
        has = " ".join(candidate.archs or ()) or "an unrecorded list"
        yield f"assumed: its GPU is one that this build has code for ({has})"
    for gpu in host.gpus or ():
        first = None if gpu.cc is None or host.driver is None else _first_driver(gpu.cc, host, compat)
        if host.driver is not None and first is not None and not driver_meets(host.driver, first[1]):
            yield (
                f"assumed: driver {host.driver} drives {gpu.name}, though the first CUDA with code for it "
                f"({first[0]}) came with driver {first[1]}"
            )
        if gpu.cc is None:
            yield f"assumed: this build has code for {gpu.name}, whose compute capability is not known"
        elif host.driver is None and kernel_for(candidate.archs or (), gpu.cc) == "ptx":
            needed = drivers_needed(compat, candidate.tag, host.driver_platform)
            yield (
                f"assumed: the driver is {needed.paired_ga or needed.branch} or newer, which compiles this "
                f"build's PTX for {gpu.name}"
            )


def _first_driver(cc: str, host: Host, compat: Compat) -> tuple[str, str] | None:
    """(CUDA, driver listed beside it) of the first toolkit that compiles for a GPU; None = not known."""
    asked = [kit for kit in compat.toolkits if kit.archs is not None]
    can = [parse_cc(cc) in map(_capability, kit.sass or ()) for kit in asked]
    # Newest first: the first is only known where the toolkit before it was asked, too, and cannot.
    for kit, able, before in zip(asked, can, can[1:], strict=False):
        driver = kit.windows_ga if host.driver_platform == "windows" else kit.linux_ga
        if able and not before and driver is not None:
            return kit.version, driver
    return None


def _capability(arch: str) -> tuple[int, int] | None:
    found = parse_arch(arch)
    return found.cc if found is not None else None
