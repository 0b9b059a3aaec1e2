"""A release that no table has yet, worked out from what its wheels say of themselves.

Pure: whoever calls it fetched the file names and the requirements. What the metadata does not say
(architectures, companions) is taken from the nearest release of the tables, and marked: every provenance of
the result is "derived", and its source says from what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import get_args

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envkit.compat.cuda import parse_cuda
from envkit.compat.model import Compat, Platform, Provenance, TensorflowRelease, TorchRelease, TorchVariant
from envkit.compat.wheel_file import (
    NamedWheel,
    WheelFile,
    named_wheels,
    pythons_on,
    requirements,
    specifier,
)

_PINS = {"cudnn": "nvidia-cudnn", "nccl": "nvidia-nccl", "triton": "triton"}


def derive_torch(
    compat: Compat, version: str, files: Iterable[WheelFile], *, date: str
) -> TorchRelease | None:
    """A torch release from the files of an index; None when no file is a wheel of this version.

    Files without a local version are those of the default index: their CUDA is read from their requirements
    (`cuda-toolkit==13.2.2`, `nvidia-cuda-runtime-cu12==12.8.90`), so one file of each platform should carry
    them. Without, a platform other than macOS makes no variant: a CPU build is never guessed.
    `date` is the day on which the index was read.
    """
    wheels = named_wheels(files, "torch", version)
    variants = tuple(sorted(_variants(compat, version, wheels, date), key=_order, reverse=True))
    if not variants:
        return None
    near = _nearest(compat, version)
    reference = pythons_on(wheels, "linux-x86_64") or pythons_on(wheels, variants[0].platform)
    pins = _pins(wheels)
    default = next((v for v in variants if v.on_default_index and v.platform == "linux-x86_64"), variants[0])
    served = {variant.platform for variant in variants if variant.on_default_index}
    platforms = tuple(platform for platform in get_args(Platform) if platform in served)
    plain = tuple(python for python in reference if not python.endswith("t"))
    return TorchRelease(
        version=version,
        default=default.tag,
        platforms=platforms,
        pythons=plain,
        free_threaded=tuple(python for python in reference if python.endswith("t")),
        fewer_pythons=_fewer(wheels, platforms, plain),
        triton=pins.get("triton"),
        torchvision=near.torchvision if near else None,
        torchaudio=near.torchaudio if near else None,
        torchcodec=near.torchcodec if near else None,
        numpy=near.numpy if near else None,
        claimed=("torchvision", "torchaudio", "torchcodec", "numpy"),
        older=(),
        variants=variants,
        provenance=_derived(f"file names and Requires-Dist of torch {version}", date),
    )


def _derived(source: str, date: str) -> Provenance:
    return Provenance(source=source, date=date, how="derived")


def _variants(
    compat: Compat, version: str, wheels: Sequence[NamedWheel], date: str
) -> Iterable[TorchVariant]:
    groups: dict[tuple[str | None, Platform], list[NamedWheel]] = {}
    for wheel in wheels:
        groups.setdefault((wheel.tag, wheel.platform), []).append(wheel)
    for (local, platform), group in groups.items():
        tag = local or _tag(group)
        if tag is None or (tag != "cpu" and parse_cuda(tag) is None):
            continue
        pins = _pins(group)
        measured = next((wheel.file.archs for wheel in group if wheel.file.archs), None)
        archs, source = _archs(compat, version, tag, platform, measured)
        yield TorchVariant(
            tag=tag,
            platform=platform,
            archs=archs,
            cudnn=pins.get("cudnn"),
            nccl=pins.get("nccl"),
            glibc=max((w.glibc for w in group if w.glibc), key=Version, default=None),
            on_default_index=local is None,
            provenance=_derived(f"file names and Requires-Dist of torch {version}", date),
            archs_provenance=None if source is None else _derived(source, date),
        )


def _tag(group: Sequence[NamedWheel]) -> str | None:
    """The CUDA of a default build: "cu132", "cpu" without CUDA requirements, None when they were not read."""
    wheel = next((wheel for wheel in group if wheel.file.requires is not None), None)
    if wheel is None:
        return "cpu" if group[0].platform.startswith("macos") else None
    for requirement in requirements(wheel):
        if requirement.name == "cuda-toolkit" or requirement.name.startswith("nvidia-cuda-runtime"):
            found = re.search(r"[=~]=\s*(\d+)\.(\d+)", str(requirement.specifier))
            if found is not None:
                return f"cu{found[1]}{found[2]}"
    return "cpu"


def _pins(wheels: Sequence[NamedWheel]) -> dict[str, str]:
    """cuDNN, NCCL and triton as the first wheel that says so pins them."""
    found: dict[str, str] = {}
    for wheel in wheels:
        for requirement in requirements(wheel):
            for key, start in _PINS.items():
                pinned = re.match(r"[=~]=\s*([\d.]+)", str(requirement.specifier))
                if requirement.name.startswith(start) and pinned is not None:
                    found.setdefault(key, pinned[1])
    return found


def _archs(
    compat: Compat, version: str, tag: str, platform: Platform, measured: tuple[str, ...] | None
) -> tuple[tuple[str, ...] | None, str | None]:
    """Architectures and where they come from: the file, else the nearest release with the same tag."""
    if tag == "cpu":
        return (), None
    if measured is not None:
        return measured, f"architecture list in the wheel of torch {version}"
    for release in sorted(compat.torch, key=lambda row: _distance(row.version, version)):
        for variant in release.variants:
            if (variant.tag, variant.platform) == (tag, platform) and variant.archs:
                return variant.archs, f"as torch {release.version} ({tag}); not read in the wheel"
    return None, None


def _distance(one: str, other: str) -> tuple[int, int]:
    first, second = Version(one), Version(other)
    return abs(first.major - second.major), abs(first.minor - second.minor)


def _nearest(compat: Compat, version: str) -> TorchRelease | None:
    """The same minor's row; companions of another minor would be a guess."""
    minor = Version(version).release[:2]
    return next((row for row in compat.torch if Version(row.version).release[:2] == minor), None)


def _fewer(
    wheels: Sequence[NamedWheel], platforms: Iterable[Platform], plain: tuple[str, ...]
) -> tuple[tuple[Platform, tuple[str, ...]], ...]:
    found = []
    for platform in platforms:
        pythons = tuple(python for python in pythons_on(wheels, platform) if not python.endswith("t"))
        if pythons != plain:
            found.append((platform, pythons))
    return tuple(found)


def _order(variant: TorchVariant) -> tuple[bool, tuple[int, int], str]:
    return variant.on_default_index, parse_cuda(variant.tag) or (0, 0), variant.platform


def derive_tensorflow(
    compat: Compat, version: str, files: Iterable[WheelFile], *, date: str
) -> TensorflowRelease | None:
    """A TensorFlow release from the files of the default index; None when no Linux wheel's metadata was read.

    CUDA and cuDNN are the lower bounds of the `and-cuda` extra: what it was built with.
    """
    wheels = named_wheels(files, "tensorflow", version)
    reference = next((w for w in wheels if w.platform == "linux-x86_64" and w.file.requires), None)
    if reference is None:
        return None
    near = min(compat.tensorflow, key=lambda row: _distance(row.version, version))
    asked = {one.name.lower(): specifier(one) for one in requirements(reference)}
    extra = tuple(f"{one.name}{specifier(one)}" for one in requirements(reference, "and-cuda"))
    cuda, cudnn = _lower(extra, "nvidia-cuda-runtime"), _lower(extra, "nvidia-cudnn")
    measured = reference.file.archs
    how = "architecture list in the wheel" if measured else f"as tensorflow {near.version}; not read"
    said = _derived(f"file names and Requires-Dist of tensorflow {version}", date)
    platforms = {wheel.platform for wheel in wheels}
    return TensorflowRelease(
        version=version,
        pythons=tuple(p for p in pythons_on(wheels, "linux-x86_64") if not p.endswith("t")),
        platforms=tuple(platform for platform in get_args(Platform) if platform in platforms),
        gpu_platforms=("linux-x86_64",) if cuda else (),
        cuda=cuda or near.cuda,
        cudnn=cudnn or near.cudnn,
        nccl=next((r.removeprefix(_name(r)) for r in extra if r.startswith("nvidia-nccl")), None),
        and_cuda=extra,
        and_cuda_broken=None,
        archs=measured or near.archs,
        numpy=asked.get("numpy"),
        keras=asked.get("keras", near.keras),
        protobuf=asked.get("protobuf", near.protobuf),
        tensorboard=asked.get("tensorboard"),
        tf_keras=near.tf_keras if near.version == version else None,
        cpu_wheel=near.cpu_wheel,
        glibc=tuple(
            (platform, max(floors, key=Version))
            for platform in get_args(Platform)
            if (floors := [w.glibc for w in wheels if w.platform == platform and w.glibc])
        ),
        provenance=said,
        build_provenance=said,
        archs_provenance=_derived(how, date),
    )


def _name(requirement: str) -> str:
    return re.split(r"[<>=~!]", requirement, maxsplit=1)[0]


def _lower(extra: Iterable[str], start: str) -> str | None:
    """Major and minor of the lower bound of a requirement: "nvidia-cudnn-cu12>=9.3.0.75,<10" -> "9.3"."""
    for text in extra:
        if text.startswith(start):
            bounds = [s.version for s in SpecifierSet(text.removeprefix(_name(text))) if s.operator != "<"]
            return ".".join(min(bounds, key=Version).split(".")[:2]) if bounds else None
    return None
