"""What no single row can show: repeated rows, and names that lead nowhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable

from packaging.version import InvalidVersion, Version

from envkit.compat._row import CompatDataError
from envkit.compat.arch import parse_arch, parse_cc
from envkit.compat.cuda import parse_cuda
from envkit.compat.model import Compat
from envkit.compat.names import name_key


def unique(file: str, what: str, values: Iterable[Hashable]) -> None:
    """Raise CompatDataError when a value comes twice."""
    for value, count in Counter(values).items():
        if count > 1:
            raise CompatDataError(f"{file}: {what} {value!r}: duplicate row")


def check_references(compat: Compat) -> None:
    """Raise CompatDataError on duplicates and on references between tables that nothing answers."""
    unique("cuda.toml", "toolkit", (row.version for row in compat.toolkits))
    unique("drivers.toml", "floor", (row.cuda_from for row in compat.floors))
    unique("drivers.toml", "branch", (row.number for row in compat.branches))
    unique("images.toml", "image", (row.cuda for row in compat.images))
    unique("torch.toml", "torch", (_minor("torch.toml", row.version) for row in compat.torch))
    unique(
        "tensorflow.toml", "tensorflow", (_minor("tensorflow.toml", row.version) for row in compat.tensorflow)
    )
    unique("xids.toml", "Xid", (code for group in compat.xids for code in group.codes))
    _check_drivers(compat)
    _check_gpus(compat)
    _check_frameworks(compat)


def _minor(file: str, version: str) -> tuple[int, ...]:
    try:
        return Version(version).release[:2]
    except InvalidVersion:
        raise CompatDataError(f"{file}: version: {version!r} is not a version") from None


def _dangling(where: str, key: str, value: object, known: str) -> CompatDataError:
    return CompatDataError(f"{where}: {key}: {value!r} is not in {known}")


def _check_drivers(compat: Compat) -> None:
    families = {gpu.family for gpu in compat.gpus}
    numbers = {branch.number for branch in compat.branches}
    for toolkit in compat.toolkits:
        where = f"cuda.toml: toolkit {toolkit.version}"
        if parse_cuda(toolkit.version) is None:
            raise CompatDataError(f"{where}: version: not a CUDA minor")
        if toolkit.branch is not None and toolkit.branch not in numbers:
            raise _dangling(where, "branch", toolkit.branch, "drivers.toml")
        for driver in (toolkit.linux_ga, toolkit.linux_last, toolkit.windows_ga, toolkit.windows_last):
            _check_driver(where, driver)
    for floor in compat.floors:
        where = f"drivers.toml: floor {floor.cuda_from}"
        _check_driver(where, floor.linux)
        _check_driver(where, floor.windows)
        if parse_cuda(floor.cuda_from) is None or not re.fullmatch(r"\d+(\.\d+)?", floor.cuda_to):
            raise CompatDataError(f"{where}: cuda_from, cuda_to: not a range of CUDA versions")
    for branch in compat.branches:
        for family in branch.last_for:
            if family not in families:
                raise _dangling(f"drivers.toml: branch {branch.number}", "last_for", family, "gpus.toml")


def _check_driver(where: str, driver: str | None) -> None:
    if driver is not None and not re.fullmatch(r"\d+(\.\d+)*", driver):
        raise CompatDataError(f"{where}: {driver!r} is not a driver version")


def _check_gpus(compat: Compat) -> None:
    names = [gpu.name for gpu in compat.gpus]
    unique("gpus.toml", "gpu", names)
    keys: dict[str, str] = {}
    for gpu in compat.gpus:
        _check_cc(gpu.name, gpu.cc)
        for key in {name_key(text) for text in (gpu.name, *gpu.aliases)}:
            if keys.setdefault(key, gpu.name) != gpu.name:
                raise CompatDataError(
                    f"gpus.toml: gpu {gpu.name}: aliases: {key!r} also means {keys[key]!r}:"
                    " duplicate, list it in ambiguous"
                )
    unique("gpus.toml", "ambiguous", (name_key(row.alias) for row in compat.ambiguous))
    for row in compat.ambiguous:
        where = f"gpus.toml: ambiguous {row.alias}"
        if name_key(row.alias) in keys:
            raise CompatDataError(f"{where}: alias: also belongs to {keys[name_key(row.alias)]!r} alone")
        for name in row.gpus:
            if name not in names:
                raise _dangling(where, "gpus", name, "gpus.toml")


def _check_cc(name: str, cc: str | None) -> None:
    try:
        if cc is not None:
            parse_cc(cc)
    except ValueError as error:
        raise CompatDataError(f"gpus.toml: gpu {name}: cc: {error}") from error


def _check_frameworks(compat: Compat) -> None:
    toolkits = {parse_cuda(toolkit.version) for toolkit in compat.toolkits}
    for release in compat.torch:
        where = f"torch.toml: torch {release.version}"
        for variant in release.variants:
            if variant.tag != "cpu" and parse_cuda(variant.tag) not in toolkits:
                raise _dangling(where, "variants: tag", variant.tag, "cuda.toml")
            _check_archs(f"{where}: {variant.tag}", variant.archs)
        for platform in release.platforms:
            if not any(v.platform == platform and v.on_default_index for v in release.variants):
                raise CompatDataError(f"{where}: default: no variant for {platform}")
    for row in compat.tensorflow:
        where = f"tensorflow.toml: tensorflow {row.version}"
        if parse_cuda(row.cuda) not in toolkits:
            raise _dangling(where, "cuda", row.cuda, "cuda.toml")
        _check_archs(where, row.archs)
    for image in compat.images:
        if parse_cuda(image.cuda) not in toolkits:
            raise _dangling(f"images.toml: image {image.cuda}", "cuda", image.cuda, "cuda.toml")


def _check_archs(where: str, archs: Iterable[str] | None) -> None:
    for arch in archs or ():
        if parse_arch(arch) is None:
            raise CompatDataError(f"{where}: archs: {arch!r} is not an architecture")
