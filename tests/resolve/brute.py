"""The resolver's question answered a second time, another way: every build there is, tried one by one.

Reads the rows of the tables and shares no code with envkit.resolve or with the rules of envkit.compat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envkit.compat import Compat, TensorflowRelease, TorchRelease, extra_rule
from envkit.resolve.request import Host, Request

TEGRA = ((5, 3), (6, 2), (7, 2), (8, 7))
CONDA = {
    "linux-x86_64": "linux-64",
    "linux-aarch64": "linux-aarch64",
    "windows": "win-64",
    "macos-arm64": "osx-arm64",
    "macos-x86_64": "osx-64",
}


@dataclass(frozen=True, kw_only=True)
class Build:
    """One installable build."""

    version: str
    tag: str
    pythons: tuple[str, ...]
    archs: tuple[str, ...] | None
    glibc: str | None
    default: bool
    usable: bool = True
    companions: tuple[tuple[str, str | None], ...] = ()
    """torchvision and the like, each with its one version."""


def builds(compat: Compat, request: Request) -> Iterator[Build]:
    """Everything published for the platform of a request."""
    platform = request.hosts[0].platform
    if request.source == "conda-forge":
        yield from _conda(compat, request.framework, platform)
    elif request.framework == "torch":
        for release in compat.torch:
            for version, companions, free in _patches(release):
                pythons = dict(release.fewer_pythons).get(platform, release.pythons)
                for variant in release.variants:
                    if variant.platform == platform:
                        yield Build(
                            version=version,
                            tag=variant.tag,
                            pythons=(*pythons, *free),
                            archs=variant.archs,
                            glibc=variant.glibc,
                            default=variant.on_default_index,
                            companions=companions,
                        )
    else:
        for row in compat.tensorflow:
            if platform in row.platforms:
                yield _tensorflow(row, platform, "cpu")
            if platform in row.gpu_platforms:
                yield _tensorflow(row, platform, "cu" + row.cuda.replace(".", ""))


def _patches(
    release: TorchRelease,
) -> Iterator[tuple[str, tuple[tuple[str, str | None], ...], tuple[str, ...]]]:
    """(version, companions, free-threaded Pythons) of a minor's newest patch and of its older ones."""
    codec = ("torchcodec", release.torchcodec)
    newest = (("torchvision", release.torchvision), ("torchaudio", release.torchaudio), codec)
    yield release.version, newest, release.free_threaded
    for patch in release.older:
        vision, audio = patch.torchvision or release.torchvision, patch.torchaudio or release.torchaudio
        free = release.free_threaded if patch.free_threaded is None else patch.free_threaded
        yield patch.version, (("torchvision", vision), ("torchaudio", audio), codec), free


def _tensorflow(row: TensorflowRelease, platform: str, tag: str) -> Build:
    return Build(
        version=row.version,
        tag=tag,
        pythons=row.pythons,
        archs=() if tag == "cpu" else row.archs,
        glibc=dict(row.glibc).get(platform),
        default=True,
        usable=tag == "cpu" or (bool(row.and_cuda) and not row.and_cuda_broken),
    )


def _conda(compat: Compat, framework: str, platform: str) -> Iterator[Build]:
    rows: dict[str, tuple[tuple[str, str | None], ...]] = {}
    for release in compat.torch:
        rows.update({version: companions for version, companions, _ in _patches(release)})
    for row in compat.catalog.conda:
        if (row.framework, row.platform) == (framework, CONDA[platform]) and row.arm_variant != "tegra":
            yield Build(
                version=row.version,
                tag="cu" + row.cuda.replace(".", "") if row.cuda else "cpu",
                pythons=row.pythons,
                archs=row.archs,
                glibc=row.glibc,
                default=True,
                companions=rows.get(row.version, ()) if framework == "torch" else (),
            )


def best(compat: Compat, request: Request) -> tuple[Build, tuple[str, ...]] | None:
    """The build that a plan has to name, with the Pythons that it can have; None where nothing fits."""
    fitting = []
    for build in builds(compat, request):
        pythons = _pythons(build, request, compat) if _suits(build, request, compat) else ()
        if pythons:
            fitting.append((build, pythons))
    if not fitting:
        return None
    newest = max(Version(build.version) for build, _ in fitting)
    same = [(build, pythons) for build, pythons in fitting if Version(build.version) == newest]
    return max(same, key=lambda each: (_all_cubins(each[0], request), each[0].default, _number(each[0].tag)))


def _number(tag: str) -> tuple[int, int]:
    return (int(tag[2:-1]), int(tag[-1])) if tag != "cpu" else (0, 0)


def _suits(build: Build, request: Request, compat: Compat) -> bool:
    gpu = wants_gpu(request)
    apple = request.framework == "torch" and request.hosts[0].platform.startswith("macos")
    return (
        build.usable
        and (not request.versions or SpecifierSet(request.versions).contains(build.version, prereleases=True))
        and ((build.tag != "cpu") == gpu or apple)
        and (request.cuda in (None, build.tag) or build.tag == "cpu")
        and all(_runs(build, request, host, compat) for host in request.hosts)
    )


def wants_gpu(request: Request) -> bool:
    """Whether the plan has to drive NVIDIA GPUs, where that can be told."""
    if request.device is not None or request.hosts[0].platform.startswith("macos"):
        return request.device == "gpu"
    return any(host.gpus for host in request.hosts)


def _runs(build: Build, request: Request, host: Host, compat: Compat) -> bool:
    if host.platform.startswith("linux") and not request.own_libc:
        if host.libc == "musl":
            return False
        if host.glibc and build.glibc and numbers(host.glibc) < numbers(build.glibc):
            return False
    if build.tag == "cpu":
        return True
    windows = host.wsl or host.platform == "windows"
    if host.driver is not None and not reaches(host.driver, floor(compat, build.tag, windows) or "999999"):
        return False
    for gpu in host.gpus or ():
        if gpu.vendor != "nvidia":
            return False
        if gpu.cc is None:
            continue
        if build.archs is None or legacy(compat, gpu.cc, host.driver):
            return False
        kind = code(build.archs, gpu.cc)
        if kind is None or (kind == "ptx" and not _compiles(build, request, host, gpu.cc, windows, compat)):
            return False
    return True


def _compiles(build: Build, request: Request, host: Host, cc: str, windows: bool, compat: Compat) -> bool:
    """Whether PTX helps: TensorFlow's fails from 10.0 on, and the driver must be as new as the toolkit."""
    if request.framework == "tensorflow" and capability(cc) >= (10, 0):
        return False
    if host.driver is None:
        return True
    kit = next((kit for kit in compat.toolkits if "cu" + kit.version.replace(".", "") == build.tag), None)
    own = (kit.windows_ga if windows else kit.linux_ga) or kit.branch if kit is not None else None
    return own is not None and reaches(host.driver, str(own))


def numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", text)))


def reaches(driver: str, least: str) -> bool:
    """Whether a driver is as new as another; a bare branch is its newest."""
    have = numbers(driver)
    return have[0] >= numbers(least)[0] if len(have) == 1 else have >= numbers(least)


def floor(compat: Compat, tag: str, windows: bool) -> str | None:
    """The oldest driver for a CUDA."""
    for row in compat.floors:
        last = numbers(row.cuda_to)
        if numbers(row.cuda_from) <= _number(tag) and _number(tag)[: len(last)] <= last:
            return row.windows if windows else row.linux
    return None


def legacy(compat: Compat, cc: str, driver: str | None) -> bool:
    """Whether a driver is of a branch that no longer knows the GPU."""
    families = {gpu.family for gpu in compat.gpus if gpu.cc and capability(gpu.cc) == capability(cc)}
    lasts = [row.number for row in compat.branches if families & set(row.last_for)]
    if driver is None or not lasts:
        return False
    later = [row.number for row in compat.branches if row.number > min(lasts)]
    return bool(later) and numbers(driver)[0] >= min(later)


def capability(cc: str) -> tuple[int, int]:
    """Of "8.6"; Thor's first number is its second."""
    major, minor = map(int, cc.split("."))
    return (11, 0) if (major, minor) == (10, 1) else (major, minor)


def code(archs: tuple[str, ...], cc: str) -> str | None:
    """What of a binary runs on a GPU: its own major's code from its own minor down, else PTX."""
    device = capability(cc)
    found = None
    for arch in archs:
        kind, _, digits = arch.partition("_")
        suffix = digits[-1] if digits[-1].isalpha() else ""
        digits = digits.rstrip("af")
        made = capability(f"{digits[:-1]}.{digits[-1]}")
        near = made[0] == device[0] and made[1] <= device[1]
        if suffix == "a" or (kind == "sm" and (made in TEGRA or device in TEGRA)):
            near = made == device
        if kind == "sm" and near:
            return "cubin"
        if kind == "compute" and (near if suffix else made <= device):
            found = "ptx"
    return found


def _all_cubins(build: Build, request: Request) -> bool:
    ccs = [gpu.cc for host in request.hosts for gpu in host.gpus or () if gpu.cc]
    return build.tag == "cpu" or all(code(build.archs or (), cc) == "cubin" for cc in ccs)


def _pythons(build: Build, request: Request, compat: Compat) -> tuple[str, ...]:
    """The Pythons that the build, all that goes beside it and the image have, of those asked for."""
    have = build.pythons
    for extra in request.extras:
        rule = extra_rule(compat.catalog, extra, request.framework, build.version)
        if rule is None or not (rule.requirements or rule.companion):
            return ()
        have = tuple(python for python in have if _goes(python, extra, build, request, compat))
    asked = request.python or request.base_python
    have = tuple(python for python in have if _asked(python, asked))
    if request.nvcc and build.tag != "cpu" and request.base_image is None and request.source == "wheels":
        image = next((row for row in compat.images if "cu" + row.cuda.replace(".", "") == build.tag), None)
        if image is None or image.patch is None:
            return ()
        names = {f"ubuntu:{release}" for release in image.ubuntu}
        have = tuple(
            p for p in have if p in {row.python for row in compat.catalog.systems if row.name in names}
        )
    return have


def _asked(python: str, asked: str | None) -> bool:
    if asked is None or not asked[0].isdigit():
        plain = not python.endswith("t")
        return plain and (asked is None or SpecifierSet(asked).contains(python + ".99"))
    return python == ".".join(re.findall(r"\d+", asked)[:2]) + ("t" if asked.endswith("t") else "")


def _goes(python: str, extra: str, build: Build, request: Request, compat: Compat) -> bool:
    """Whether an extra has a version for this build and Python."""
    rule = extra_rule(compat.catalog, extra, request.framework, build.version)
    assert rule is not None
    number = python.rstrip("t")
    if rule.python_min is not None and numbers(number) < numbers(rule.python_min):
        return False
    version = dict(build.companions).get(extra)
    if not rule.companion:
        return True
    if request.framework == "tensorflow":
        row = next((row for row in compat.tensorflow if row.version == build.version), None)
        return row is not None and bool({"keras": row.keras, "tensorboard": row.tensorboard}.get(extra))
    if version is None:
        return False
    rows = [row for row in compat.catalog.companions if (row.name, row.version) == (extra, version)]
    if not rows:
        return True
    has = rows[0].pythons_on(request.hosts[0].platform)
    if has is None:
        return SpecifierSet(rows[0].requires_python or "").contains(number + ".99")
    return python in has
