"""What would have to change for a refused request to have an answer: each demand taken away in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from envkit.compat import Compat, driver_floor, driver_meets, drivers_needed, kernel_for, version_key
from envkit.resolve.candidates import Candidate, candidates
from envkit.resolve.choice import Choice
from envkit.resolve.fit import Cause, driver_branch, last_driver, misfits, wants_gpu
from envkit.resolve.request import Host, Request

Fits = Callable[[Request], Choice | None]
Against = frozenset[frozenset[Cause]]


_DRIVER: frozenset[Cause] = frozenset({"driver"})
_VERSION: frozenset[Cause] = frozenset({"version"})
_BUILD: frozenset[Cause] = frozenset({"build"})
_PYTHON: frozenset[Cause] = frozenset({"python"})
_LIBC: frozenset[Cause] = frozenset({"libc"})
_GPU: frozenset[Cause] = frozenset({"gpu", "driver"})
_DEVICE: frozenset[Cause] = frozenset({"build", "broken", "gpu", "driver"})
_BESIDE: frozenset[Cause] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Relaxed:
    request: Request
    say: Callable[[Choice], str | None]
    """The sentence for what then fits; None where it is no real way out."""
    cures: frozenset[Cause] | None
    """The misfits that it can take away; None where other builds come into question."""

    def may_help(self, against: Against) -> bool:
        """Whether a search is worth its time."""
        return self.cures is None or any(causes <= self.cures for causes in against)


def nearest(request: Request, fits: Fits, compat: Compat) -> tuple[str, ...]:
    """Sentences, the least change first; two demands are taken away together only where one is not enough."""
    single = tuple(_relaxations(request, compat))
    against = _against(request, compat)
    found = tuple(_answers((each for each in single if each.may_help(against)), fits))
    return found or tuple(islice(_answers(_pairs(single, against, compat), fits), 4))


def _pairs(single: Iterable[_Relaxed], against: Against, compat: Compat) -> Iterator[_Relaxed]:
    tried: set[Request] = set()
    for first in single:
        if first.cures is None:
            rest = _against(first.request, compat)
        else:
            rest = frozenset(causes - first.cures for causes in against)
        for second in _relaxations(first.request, compat):
            # (driver, conda-forge) comes as (conda-forge, driver), where it is known what is left to cure.
            again = second.request in tried or (second.cures is None and first.cures is not None)
            if not again and second.may_help(rest):
                tried.add(second.request)
                yield _Relaxed(request=second.request, say=_both(first, second), cures=None)


def _against(request: Request, compat: Compat) -> Against:
    """What speaks against each build, apart from what goes beside it: to try only what may help."""
    builds = candidates(compat, request.framework, request.hosts[0].platform, request.source)
    return frozenset(frozenset(m.cause for m in misfits(build, request, compat)) for build in builds)


def _both(first: _Relaxed, second: _Relaxed) -> Callable[[Choice], str | None]:
    def say(choice: Choice) -> str | None:
        one, other = first.say(choice), second.say(choice)
        return f"{_change(one)}, and {other}" if one and other else None

    return say


def _change(sentence: str) -> str:
    """A sentence without what it leads to."""
    return sentence.partition(": then ")[0]


def _answers(relaxed: Iterable[_Relaxed], fits: Fits) -> Iterator[str]:
    for each in relaxed:
        choice = fits(each.request)
        if choice is not None and (sentence := each.say(choice)):
            yield sentence


def _then(choice: Choice) -> str:
    return f": then {choice.candidate.name} on Python {choice.python} fits"


def _relaxations(request: Request, compat: Compat) -> Iterator[_Relaxed]:
    hosts = request.hosts
    if any(host.driver for host in hosts):
        yield _Relaxed(
            request=_with(request, driver=None),
            cures=_DRIVER,
            say=lambda choice: _other_driver(choice, request, compat),
        )
    if request.versions:
        yield _Relaxed(
            request=replace(request, versions=""),
            cures=_VERSION,
            say=lambda choice: (
                f"ask for {choice.candidate.framework} {choice.candidate.version} instead of "
                f"{request.versions}{_then(choice)}"
            ),
        )
    if request.cuda:
        yield _Relaxed(
            request=replace(request, cuda=None),
            cures=_BUILD,
            say=lambda choice: f"leave {request.cuda} out{_then(choice)}",
        )
    if request.python:
        yield _Relaxed(
            request=replace(request, python=None),
            cures=_PYTHON,
            say=lambda choice: f"ask for Python {choice.python} instead of {request.python}{_then(choice)}",
        )
    if request.base_python:
        yield _Relaxed(
            request=replace(request, base_image=None, base_python=None),
            cures=_PYTHON,
            say=lambda choice: f"start from an image with Python {choice.python}: {choice.base.image}",
        )
    for extra in request.extras:
        rest = tuple(each for each in request.extras if each != extra)
        yield _Relaxed(
            request=replace(request, extras=rest),
            cures=_BESIDE,
            say=lambda choice, extra=extra: f"leave {extra} out{_then(choice)}",  # type: ignore[misc]
        )
    if request.nvcc:
        yield _Relaxed(
            request=replace(request, nvcc=False),
            cures=_BESIDE,
            say=lambda choice: f"leave --cuda-toolkit out{_then(choice)}",
        )
    yield from _machines(request, compat)


def _machines(request: Request, compat: Compat) -> Iterator[_Relaxed]:
    """Ways out that change the machine or what it is used for."""
    if not request.own_libc:
        yield from _other_libc(request)
    if request.hosts[0].platform == "windows":
        yield _Relaxed(
            request=_with(request, platform="linux-x86_64", wsl=True),
            cures=None,
            say=lambda choice: f"WSL 2, which is Linux on Windows{_then(choice)}",
        )
    names = dict.fromkeys(gpu.name for host in request.hosts for gpu in host.gpus or ())
    if len(names) > 1:
        for name in names:
            yield _Relaxed(
                request=_without(request, name),
                cures=_GPU,
                say=lambda choice, name=name: f"leave the {name} out (CUDA_VISIBLE_DEVICES){_then(choice)}",  # type: ignore[misc]
            )
    if request.source == "wheels" and not request.own_libc:
        yield _Relaxed(
            request=replace(request, source="conda-forge"),
            cures=None,
            say=lambda choice: f"--source conda-forge{_then(choice)}",
        )
    if wants_gpu(request) and not request.cuda:
        yield _Relaxed(
            request=replace(request, device="cpu"),
            cures=_DEVICE,
            say=lambda choice: f"--cpu{_then(choice)}",
        )
    if request.framework == "tensorflow":
        yield _Relaxed(
            request=replace(request, framework="torch", versions=""),
            cures=None,
            say=lambda choice: f"--framework torch{_then(choice)}",
        )


def _other_libc(request: Request) -> Iterator[_Relaxed]:
    hosts = request.hosts
    if request.source == "wheels" and any(host.libc == "musl" or host.glibc for host in hosts):
        yield _Relaxed(
            request=replace(request, own_libc=True),
            cures=_LIBC,
            say=lambda choice: f"--as docker, whose image brings its own C library{_then(choice)}",
        )
    if any(host.libc == "musl" for host in hosts):
        yield _Relaxed(
            request=_with(request, libc="glibc", glibc=None),
            cures=_LIBC,
            say=lambda choice: f"a system with glibc (Debian, Ubuntu, Fedora){_then(choice)}",
        )
    elif any(host.glibc for host in hosts):
        yield _Relaxed(
            request=_with(request, glibc=None),
            cures=_LIBC,
            say=lambda choice: f"a system with glibc {choice.candidate.glibc} or newer{_then(choice)}",
        )


def _with(request: Request, **changes: object) -> Request:
    return replace(request, hosts=tuple(replace(host, **changes) for host in request.hosts))  # type: ignore[arg-type]


def _without(request: Request, name: str) -> Request:
    def rest(host: Host) -> Host:
        return replace(host, gpus=tuple(gpu for gpu in host.gpus or () if gpu.name != name))

    return replace(request, hosts=tuple(rest(host) for host in request.hosts))


def _other_driver(choice: Choice, request: Request, compat: Compat) -> str | None:
    """The driver to install, unless a GPU's last branch is older than what the build needs."""
    for host in request.hosts:
        needed = _driver_for(choice.candidate, host, compat)
        lasts = {gpu.name: last for gpu in host.gpus or () if (last := last_driver(gpu, compat)) is not None}
        if needed is None or any(not driver_meets(str(last), needed) for last in lasts.values()):
            return None
    changes = dict.fromkeys(filter(None, (_install(choice, host, compat) for host in request.hosts)))
    return " and ".join(changes) + _then(choice) if changes else None


def _install(choice: Choice, host: Host, compat: Compat) -> str | None:
    """What to do about this host's driver; None where it serves."""
    needed = _driver_for(choice.candidate, host, compat)
    lasts = {gpu.name: last for gpu in host.gpus or () if (last := last_driver(gpu, compat)) is not None}
    if needed is None or host.driver is None:
        return None
    name, last = min(lasts.items(), key=lambda each: each[1], default=("", None))
    if last is not None and driver_branch(host.driver, compat) > last:
        return f"go back to NVIDIA driver {last}, the last for {name}"
    if driver_meets(host.driver, needed):
        return None
    until = f" ({last} is the last branch for {name})" if last is not None else ""
    return f"install NVIDIA driver {needed} or newer{until}"


def _driver_for(candidate: Candidate, host: Host, compat: Compat) -> str | None:
    """The oldest driver on which a build runs there; PTX needs the one of its own toolkit."""
    floor = driver_floor(compat, candidate.tag, host.driver_platform) if candidate.gpu else None
    ccs = [gpu.cc for gpu in host.gpus or () if gpu.cc]
    if floor is not None and any(kernel_for(candidate.archs or (), cc) == "ptx" for cc in ccs):
        needed = drivers_needed(compat, candidate.tag, host.driver_platform)
        paired = needed.paired_ga or (str(needed.branch) if needed.branch else floor)
        # On Windows the first toolkit of a major came with a driver below the floor of that major.
        return max(floor, paired, key=version_key)
    return floor
