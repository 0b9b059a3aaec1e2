"""Questions to the tables. Everything here is pure; `compat` is what `load_compat` returns.

"Platform" is a `Platform` ("linux-x86_64") or its operating system ("linux", "windows"). Inside WSL the
driver is the Windows one, and NVML says so: ask with "windows".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from packaging.version import Version

from envkit.compat.arch import Kernel, arch_relation, kernel_for, parse_cc
from envkit.compat.cuda import driver_meets, parse_cuda, version_key
from envkit.compat.model import (
    BaseImage,
    Compat,
    DriverBranch,
    DriverFloor,
    TensorflowRelease,
    Toolkit,
    TorchRelease,
    TorchVariant,
    XidKind,
)
from envkit.compat.names import find_gpu

__all__ = [
    "DriversNeeded",
    "TorchChoice",
    "arch_relation",
    "base_image",
    "cuda_range_for_driver",
    "driver_can_jit",
    "driver_floor",
    "driver_meets",
    "drivers_needed",
    "find_gpu",
    "fitting_torch",
    "kernel_for",
    "last_driver_branch",
    "parse_cuda",
    "tensorflow_exact",
    "tensorflow_release",
    "toolkit",
    "torch_exact",
    "torch_release",
    "version_key",
]

Cuda = str | tuple[int, int]
_TORCH_INDEX = "https://download.pytorch.org/whl/"
_PYTHON = re.compile(r"(\d+\.\d+)(?:\.\d+)?\w*?(t?)")

R = TypeVar("R", TorchRelease, TensorflowRelease)


@dataclass(frozen=True, kw_only=True, slots=True)
class DriversNeeded:
    """Drivers for a CUDA version on one operating system; None where no table says."""

    cuda: str
    floor: str | None
    """Oldest driver on which wheels built with this CUDA run."""
    paired_ga: str | None
    paired_last: str | None
    """Drivers listed beside the toolkit's first release and last update."""
    branch: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchChoice:
    """A torch build that runs on the machine that was asked about."""

    release: TorchRelease
    variant: TorchVariant
    kernels: tuple[tuple[str, Kernel], ...]
    """What each distinct compute capability runs; () for a CPU build."""

    @property
    def requirement(self) -> str:
        """ "torch==2.14.1"."""
        return f"torch=={self.release.version}"

    @property
    def index_url(self) -> str | None:
        """Value for --index-url; None where the default index has this very build."""
        return None if self.variant.on_default_index else _TORCH_INDEX + self.variant.tag


def _cuda(cuda: Cuda) -> tuple[int, int] | None:
    return parse_cuda(cuda) if isinstance(cuda, str) else cuda


def _windows(platform: str) -> bool:
    return platform.startswith("win")


def toolkit(compat: Compat, cuda: Cuda) -> Toolkit | None:
    """The row of a CUDA minor ("12.6", "cu126", (12, 6))."""
    wanted = _cuda(cuda)
    return next((row for row in compat.toolkits if wanted and parse_cuda(row.version) == wanted), None)


def _in_range(floor: DriverFloor, cuda: tuple[int, int]) -> bool:
    last = tuple(int(part) for part in floor.cuda_to.split("."))
    return (parse_cuda(floor.cuda_from) or cuda) <= cuda and cuda[: len(last)] <= last


def driver_floor(compat: Compat, cuda: Cuda, platform: str = "linux") -> str | None:
    """Oldest driver on which programs built with this CUDA run, or None outside the tables.

    NVIDIA's minor-version compatibility: the floor is that of the major, not of the minor, from 11.1 on.
    It covers cubins; for PTX see `driver_can_jit`.
    """
    wanted = _cuda(cuda)
    for floor in compat.floors:
        if wanted is not None and _in_range(floor, wanted):
            return floor.windows if _windows(platform) else floor.linux
    return None


def cuda_range_for_driver(compat: Compat, driver: str, platform: str = "linux") -> DriverFloor | None:
    """The newest range of CUDA versions whose programs run on this driver; None when none does.

    Raises ValueError when `driver` is not a driver version.
    """
    met = [
        floor
        for floor in compat.floors
        if driver_meets(driver, floor.windows if _windows(platform) else floor.linux)
    ]
    return max(met, key=lambda floor: parse_cuda(floor.cuda_from) or (0, 0), default=None)


def drivers_needed(compat: Compat, cuda: Cuda, platform: str = "linux") -> DriversNeeded:
    """Floor and paired drivers of a CUDA version, for the text of a fix."""
    wanted = _cuda(cuda)
    row = toolkit(compat, cuda)
    windows = _windows(platform)
    return DriversNeeded(
        cuda=f"{wanted[0]}.{wanted[1]}" if wanted else str(cuda),
        floor=driver_floor(compat, cuda, platform),
        paired_ga=(row.windows_ga if windows else row.linux_ga) if row else None,
        paired_last=(row.windows_last if windows else row.linux_last) if row else None,
        branch=row.branch if row else None,
    )


def driver_can_jit(compat: Compat, driver: str, cuda: Cuda, platform: str = "linux") -> bool | None:
    """Whether the driver compiles PTX made by this toolkit; None when no table says.

    The driver must be as new as the toolkit (else CUDA error 222, unsupported PTX version): minor-version
    compatibility does not cover PTX. Raises ValueError when `driver` is not a driver version.
    """
    needed = drivers_needed(compat, cuda, platform)
    paired = needed.paired_ga or (str(needed.branch) if needed.branch else None)
    return None if paired is None else driver_meets(driver, paired)


@functools.lru_cache(maxsize=1024)  # the resolver asks for every build, and goes through all GPUs
def last_driver_branch(compat: Compat, cc: str) -> DriverBranch | None:
    """The last driver branch for GPUs of this compute capability; None while newer branches drive them."""
    families = {gpu.family for gpu in compat.gpus if gpu.cc is not None and parse_cc(gpu.cc) == parse_cc(cc)}
    return next((branch for branch in compat.branches if families.intersection(branch.last_for)), None)


def base_image(compat: Compat, cuda: Cuda) -> BaseImage | None:
    """The nvidia/cuda tags of a CUDA minor."""
    wanted = _cuda(cuda)
    return next((row for row in compat.images if wanted and parse_cuda(row.cuda) == wanted), None)


def _release(rows: Sequence[R], version: str) -> R | None:
    try:
        minor = _minor(version)
    except ValueError:  # InvalidVersion is one; another is for numbers of thousands of digits
        return None
    # A table has one row a minor, so "exact, else same minor" is the minor.
    return next((row for row in rows if _minor(row.version) == minor), None)


def _minor(version: str) -> tuple[int, int]:
    parsed = Version(version)
    return parsed.major, parsed.minor


def torch_release(compat: Compat, version: str) -> TorchRelease | None:
    """The row of a torch version, else that of its minor; "+cu126" and the like are ignored."""
    return _release(compat.torch, version)


def tensorflow_release(compat: Compat, version: str) -> TensorflowRelease | None:
    """The row of a TensorFlow version, else that of its minor."""
    return _release(compat.tensorflow, version)


def torch_exact(compat: Compat, version: str) -> TorchRelease | None:
    """The row of exactly this torch version, an earlier patch of a minor included; None when no table has it.

    "+cu126" and the like are ignored.
    """
    release = torch_release(compat, version)
    if release is None:
        return None
    wanted = Version(version).public
    if Version(release.version).public == wanted:
        return release
    for patch in release.older:
        if Version(patch.version).public == wanted:
            same = release.free_threaded if patch.free_threaded is None else patch.free_threaded
            return replace(
                release,
                version=patch.version,
                triton=patch.triton or release.triton,
                torchvision=patch.torchvision or release.torchvision,
                torchaudio=patch.torchaudio or release.torchaudio,
                free_threaded=same,
                older=(),
            )
    return None


def tensorflow_exact(compat: Compat, version: str) -> TensorflowRelease | None:
    """The row of exactly this TensorFlow version; None when no table has it."""
    release = tensorflow_release(compat, version)
    return release if release and Version(release.version) == Version(version) else None


def fitting_torch(
    compat: Compat,
    *,
    driver: str | None,
    ccs: Sequence[str],
    python: str | None = None,
    platform: str = "linux-x86_64",
    glibc: str | None = None,
) -> tuple[TorchChoice, ...]:
    """The torch builds that run on a machine, best first.

    A build fits when the driver meets its floor, every GPU has a kernel in it (for PTX the driver must also
    be new enough to compile it), and there is a wheel for the platform, Python ("3.12", "3.14t") and glibc
    ("2.31"). None leaves a question out. Without GPUs (`ccs` empty) only CPU builds fit, with GPUs only CUDA
    builds; builds whose architectures nobody wrote down never do. Newest release first, then builds that
    need no PTX, then the one of the default index, then the newest CUDA.
    Raises ValueError on a driver or compute capability that is none.
    """
    fitting = []
    for release in compat.torch:
        if python is not None and _python_tag(python) not in release.pythons_on(platform):
            continue
        for variant in release.variants:
            if variant.platform != platform or not _glibc_meets(glibc, variant.glibc):
                continue
            kernels = _kernels(compat, variant, driver, ccs)
            if kernels is not None:
                fitting.append(TorchChoice(release=release, variant=variant, kernels=kernels))
    return tuple(sorted(fitting, key=_preference, reverse=True))


def _kernels(
    compat: Compat, variant: TorchVariant, driver: str | None, ccs: Sequence[str]
) -> tuple[tuple[str, Kernel], ...] | None:
    """What every compute capability runs in this build; None when the build does not fit."""
    if (variant.tag == "cpu") != (not ccs):
        return None
    if not ccs:
        return ()
    floor = driver_floor(compat, variant.tag, variant.platform)
    if floor is None or (driver is not None and not driver_meets(driver, floor)):
        return None
    found = []
    for cc in dict.fromkeys(ccs):
        kernel = kernel_for(variant.archs or (), cc)
        too_old = driver is not None and not driver_can_jit(compat, driver, variant.tag, variant.platform)
        if kernel is None or (kernel == "ptx" and too_old):
            return None
        found.append((cc, kernel))
    return tuple(found)


def _preference(choice: TorchChoice) -> tuple[Version, bool, bool, tuple[int, int]]:
    return (
        Version(choice.release.version),
        all(kernel == "cubin" for _, kernel in choice.kernels),
        choice.variant.on_default_index,
        parse_cuda(choice.variant.tag) or (0, 0),
    )


def _python_tag(python: str) -> str:
    """ "3.12.4" -> "3.12", "3.14t" -> "3.14t"."""
    found = _PYTHON.fullmatch(python.strip())
    return found[1] + found[2] if found else python


def _glibc_meets(have: str | None, floor: str | None) -> bool:
    return have is None or floor is None or version_key(have) >= version_key(floor)


def xid_kind(compat: Compat, code: int) -> XidKind | None:
    """What an Xid of the driver's kernel log is about; None for a code that is not in the table."""
    return next((group.kind for group in compat.xids if code in group.codes), None)
