"""What only `envkit build` needs: sizes, required wheels, extras, conda builds and images to start from.

Doctor never reads these tables: `Compat.catalog` loads them at first use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from envkit.compat.model import How, Platform, Provenance

FrameworkName = Literal["torch", "tensorflow"]
CondaPlatform = Literal["linux-64", "linux-aarch64", "win-64", "osx-64", "osx-arm64"]
Libc = Literal["glibc", "musl"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelSet:
    """One build of a framework and the CUDA wheels that it pulls in."""

    framework: FrameworkName
    version: str
    tag: str
    """ "cu126" or "cpu"."""
    platform: Platform
    wheel_bytes: int
    """Size of the framework's own wheel."""
    installed_bytes: int
    """The same, unpacked."""
    requires: tuple[str, ...]
    """nvidia-*, cuda-* and triton requirements, without environment markers; () where it needs none."""
    cuda_bytes: int
    """Sum of the wheels that `requires` brought on the date of the row; 0 without any."""
    cuda_installed_bytes: int
    provenance: Provenance

    @property
    def download_bytes(self) -> int:
        """The framework's wheel and its CUDA wheels; pure Python dependencies (about 20 MB) come on top."""
        return self.wheel_bytes + self.cuda_bytes

    @property
    def unpacked_bytes(self) -> int:
        """Both, unpacked."""
        return self.installed_bytes + self.cuda_installed_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Companion:
    """One version of a package that fits one release of torch."""

    name: str
    version: str
    torch: str | None
    """What its metadata asks of torch ("==2.13.0"); None where it asks for nothing."""
    requires_python: str | None
    platforms: tuple[Platform, ...]
    pythons: tuple[str, ...] | None
    """CPythons of its Linux x86_64 wheels ("3.12", "3.14t"); None = any that `requires_python` allows."""
    other_pythons: tuple[tuple[Platform, tuple[str, ...]], ...]
    """Platforms that differ from Linux x86_64."""
    wheel_bytes: int
    """The Linux x86_64 wheel."""
    provenance: Provenance

    def pythons_on(self, platform: str) -> tuple[str, ...] | None:
        """CPythons with a wheel on a platform: () without any wheel there, None = any it asks for."""
        if platform not in self.platforms:
            return ()
        return dict[str, tuple[str, ...]](self.other_pythons).get(platform, self.pythons or ()) or None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtraRule:
    """What an extra becomes beside some releases of a framework."""

    framework: FrameworkName
    since: str | None
    """First framework version of the rule; None = from the beginning."""
    below: str | None
    """First framework version after the rule; None = no end."""
    requirements: tuple[str, ...]
    python_min: str | None
    """Lowest CPython minor for which there is a version that the requirements allow ("3.9")."""
    companion: bool
    """Pinned to the framework: its version is in the framework's own row, `requirements` is empty."""
    reason: str | None
    """Why it cannot be had; beside requirements, what to know of them."""
    provenance: Provenance

    @property
    def refused(self) -> bool:
        """Whether the extra cannot be had beside these releases; then `reason` says why."""
        return not self.companion and not self.requirements


@dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """One word of `--with`."""

    name: str
    """ "torch-geometric"."""
    package: str
    """Distribution whose import proves it."""
    module: str
    """Module that the proof imports."""
    wheel_bytes: int | None
    """Its newest wheel, without what that pulls in; None for companions (see Companion)."""
    rules: tuple[ExtraRule, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaBuild:
    """One variant of a conda-forge recipe."""

    framework: FrameworkName
    package: str
    """ "pytorch" or "tensorflow"."""
    version: str
    platform: CondaPlatform
    arm_variant: Literal["sbsa", "tegra"] | None
    cuda: str | None
    """CUDA minor ("12.9"); None for a CPU build."""
    pythons: tuple[str, ...]
    archs: tuple[str, ...] | None
    """As "sm_90" and "compute_120"; () for a CPU build, None where not recorded."""
    glibc: str | None
    """`__glibc` that the build asks for; None where it asks for none."""
    needs_cuda: bool
    """Whether it depends on the virtual package `__cuda`."""
    build: str
    """Match for its build string ("cuda129*", "cpu*")."""
    date: str
    """Last day on which the recipe had it."""
    provenance: Provenance

    @property
    def tag(self) -> str:
        """ "cu129", or "cpu"."""
        return "cpu" if self.cuda is None else "cu" + self.cuda.replace(".", "")

    @property
    def cuda_major(self) -> str | None:
        """`__cuda` must be at least this ("12"); None without CUDA."""
        return None if self.cuda is None else self.cuda.split(".")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class CondaCuda:
    """A version of conda-forge's `cuda-version` metapackage."""

    cuda: str
    virtual_cuda: str
    """Constraint that it puts on `__cuda` (">=12")."""
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemImage:
    """A distribution release: what an image of it has before anything is installed."""

    distribution: str
    """ "debian", "ubuntu"."""
    codename: str
    """Image tag ("trixie", "24.04")."""
    libc: Libc
    libc_version: str
    python: str
    """CPython minor of its python3 package."""
    gcc: int
    """Major of its gcc."""
    end: str
    """End of free security support ("YYYY-MM")."""
    provenance: Provenance

    @property
    def name(self) -> str:
        """ "debian:trixie", "ubuntu:24.04"."""
        return f"{self.distribution}:{self.codename}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonImage:
    """The official image of one CPython minor: `python:{python}-slim-{debian}`."""

    python: str
    debian: tuple[str, ...]
    """Codenames that it comes on, newest first."""
    end: str
    """End of life of this Python ("YYYY-MM")."""
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolPin:
    """A tool that recipes install at one version."""

    name: str
    version: str
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadSize:
    """What an installation will load and unpack, and how that is known."""

    download_bytes: int
    installed_bytes: int
    how: How
    """measured: of this very build; claimed: of the row that `basis` names."""
    basis: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Catalog:
    """The tables of `envkit build`. Compared by identity, as `Compat` is."""

    wheels: tuple[WheelSet, ...]
    companions: tuple[Companion, ...]
    extras: tuple[Extra, ...]
    conda: tuple[CondaBuild, ...]
    conda_cuda: tuple[CondaCuda, ...]
    systems: tuple[SystemImage, ...]
    pythons: tuple[PythonImage, ...]
    tools: tuple[ToolPin, ...]
