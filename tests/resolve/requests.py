"""Requests of every kind, and what a way out of a refusal makes of one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from envkit.compat import Compat, extra_names, load_compat
from envkit.resolve.request import Host, Request, TargetGpu
from tests.resolve import brute

PLATFORMS = ("linux-x86_64", "linux-aarch64", "windows", "macos-arm64", "macos-x86_64")
PYTHONS = (
    *(f"3.{minor}" for minor in range(6, 17)),
    *("3.13t", "3.14t", "3.15t", "3.12.4", ">=3.10", ">=3.9,<3.12", "<3.9"),
)
GLIBCS = (None, "2.12", "2.17", "2.26", "2.27", "2.28", "2.31", "2.39")
COMPAT: Compat = load_compat()


def drivers(compat: Compat) -> st.SearchStrategy[str]:
    """Branches, full versions at and beside every border, and any number."""
    borders = [floor.linux for floor in compat.floors] + [floor.windows for floor in compat.floors]
    borders += [each for kit in compat.toolkits for each in (kit.linux_ga, kit.windows_ga) if each]
    branches = [str(branch.number) for branch in compat.branches]
    beside = [f"{brute.numbers(each)[0] - 1}.99" for each in borders]
    free = st.builds(lambda major, minor: f"{major}.{minor:02}", st.integers(300, 700), st.integers(0, 250))
    return st.sampled_from([*borders, *branches, *beside, "390.157", "999"]) | free


def gpus(compat: Compat) -> st.SearchStrategy[TargetGpu]:
    """Every GPU of the tables, some bare capabilities and one of which nothing is known."""
    known = [TargetGpu(name=gpu.name, cc=gpu.cc, vendor=gpu.vendor) for gpu in compat.gpus]
    bare = [TargetGpu(name=f"compute capability {cc}", cc=cc) for cc in ("3.0", "7.9", "9.9", "10.1", "13.0")]
    common = [gpu for gpu in known if gpu.cc in ("7.0", "7.5", "8.0", "8.9", "9.0", "12.0")]
    return st.sampled_from([*common, *common, *known, *bare])


def ordinary(compat: Compat, platform: str) -> st.SearchStrategy[Host]:
    """A machine as most are: something fits it."""
    known = {gpu.cc: TargetGpu(name=gpu.name, cc=gpu.cc) for gpu in compat.gpus if gpu.cc is not None}
    usual = [known[cc] for cc in ("6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0")]
    branches = [str(branch.number) for branch in compat.branches if branch.number >= 450]
    return st.builds(
        Host,
        platform=st.just(platform),
        driver=st.sampled_from([None, *branches]),
        gpus=st.lists(st.sampled_from(usual), min_size=1, max_size=2, unique=True).map(tuple),
        glibc=st.sampled_from([None, "2.17", "2.31", "2.39"]),
        wsl=st.booleans() if platform == "linux-x86_64" else st.just(False),
    )


def hosts(compat: Compat, platform: str) -> st.SearchStrategy[Host]:
    """Machines of one platform."""
    return st.builds(
        Host,
        platform=st.just(platform),
        driver=st.none() | drivers(compat),
        gpus=st.none() | st.lists(gpus(compat), max_size=3, unique=True).map(tuple),
        libc=st.sampled_from(["glibc"] * 6 + ["musl"]),
        glibc=st.sampled_from(GLIBCS),
        wsl=st.booleans() if platform == "linux-x86_64" else st.just(False),
    )


@st.composite
def requests(draw: st.DrawFn, *, plain: bool | None = None) -> Request:
    """A request as a command line could make it. plain: little is asked for, of ordinary machines."""
    compat = COMPAT
    platform = draw(st.sampled_from([*PLATFORMS, *["linux-x86_64"] * 4]))
    plain = draw(st.booleans()) if plain is None else plain
    framework = draw(st.sampled_from(["torch", "torch", "tensorflow"]))
    rows = compat.torch if framework == "torch" else compat.tensorflow
    known = [row.version for row in rows] + ["1.0", "9.9"]
    versions = [f"=={each}" for each in known] + [f">={low},<{high}" for high, low in pairwise(known[:-2])]
    versions += [f"<{each}" for each in known]
    tags = sorted({variant.tag for row in compat.torch for variant in row.variants} - {"cpu"})
    extras = extra_names(compat.catalog)
    few = st.lists(st.sampled_from(extras), max_size=2, unique=True).map(tuple)
    device = draw(st.sampled_from([None, "gpu", "gpu", "cpu"]))
    return Request(
        framework=framework,
        hosts=tuple(draw(st.lists((ordinary if plain else hosts)(compat, platform), min_size=1, max_size=2))),
        versions="" if plain else draw(st.sampled_from([""] * len(versions) + versions)),
        device=device,
        cuda=None
        if plain or device == "cpu"
        else draw(st.none() | st.sampled_from([*tags, "cu125", "cu140"])),
        python=draw(st.none() if plain else st.none() | st.sampled_from(PYTHONS)),
        extras=() if plain else draw(few),
        nvcc=not plain and device != "cpu" and draw(st.booleans()),
        source=draw(st.sampled_from(["wheels", "wheels", "conda-forge"])),
        own_libc=draw(st.booleans()),
    )


def done(sentence: str, request: Request) -> tuple[Request, str]:
    """The request after a way out ("leave X out, and --cpu: then ..."), and what then is to fit."""
    changes, _, then = sentence.partition(": then ")
    for change in re.split(r",? and (?=install |go back )|, and ", changes):
        request = _changed(change, request)
    return request, then


def _changed(change: str, request: Request) -> Request:
    for pattern, way in _WAYS:
        if found := re.fullmatch(pattern, change):
            return way(request, found)
    raise ValueError(f"no known way out: {change!r}")


def _each(request: Request, change: Callable[[Host], Host]) -> Request:
    return replace(request, hosts=tuple(map(change, request.hosts)))


def _newer(request: Request, found: re.Match[str]) -> Request:
    def up(host: Host) -> Host:
        low = host.driver is not None and not brute.reaches(host.driver, found[1])
        return replace(host, driver=found[1]) if low else host

    return _each(request, up)


def _older(request: Request, found: re.Match[str]) -> Request:
    def down(host: Host) -> Host:
        has = any(gpu.name == found[2] for gpu in host.gpus or ())
        return replace(host, driver=found[1]) if has and host.driver is not None else host

    return _each(request, down)


def _without_gpu(request: Request, found: re.Match[str]) -> Request:
    def rest(host: Host) -> Host:
        return replace(host, gpus=host.gpus and tuple(gpu for gpu in host.gpus if gpu.name != found[1]))

    return _each(request, rest)


def _without_extra(request: Request, found: re.Match[str]) -> Request:
    if found[1] == request.cuda:
        return replace(request, cuda=None)
    if found[1] not in request.extras:
        raise ValueError(f"{found[1]} was not asked for")
    return replace(request, extras=tuple(extra for extra in request.extras if extra != found[1]))


def _asked(request: Request, found: re.Match[str]) -> Request:
    if found[1] == "Python":
        return replace(request, python=found[2])
    return replace(request, versions=f"=={found[2]}")


_WAYS: tuple[tuple[str, Callable[[Request, re.Match[str]], Request]], ...] = (
    (r"install NVIDIA driver ([\d.]+) or newer(?: \(.*\))?", _newer),
    (r"go back to NVIDIA driver (\d+), the last for (.*)", _older),
    (r"ask for (\w+) (\S+) instead of .*", _asked),
    (r"leave --cuda-toolkit out", lambda r, _: replace(r, nvcc=False)),
    (r"leave the (.*) out \(CUDA_VISIBLE_DEVICES\)", _without_gpu),
    (r"leave ([\w-]+) out", _without_extra),
    (r"--as docker, whose image brings its own C library", lambda r, _: replace(r, own_libc=True)),
    (r"a system with glibc \(.*\)", lambda r, _: _each(r, lambda h: replace(h, libc="glibc", glibc=None))),
    (r"a system with glibc ([\d.]+) or newer", lambda r, m: _each(r, lambda h: replace(h, glibc=m[1]))),
    (
        r"WSL 2, which is Linux on Windows",
        lambda r, _: _each(r, lambda h: replace(h, platform="linux-x86_64", wsl=True)),
    ),
    (r"--source conda-forge", lambda r, _: replace(r, source="conda-forge")),
    (r"--cpu", lambda r, _: replace(r, device="cpu")),
    (r"--framework torch", lambda r, _: replace(r, framework="torch", versions="")),
)
