"""What could be installed: every build of a framework that the tables know, in one shape."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.version import Version

from envkit.compat import (
    Compat,
    CondaBuild,
    Platform,
    Provenance,
    TensorflowRelease,
    TorchRelease,
    TorchVariant,
    conda_builds,
    parse_cuda,
    tensorflow_exact,
    torch_exact,
)
from envkit.resolve.request import Framework, Source

TORCH_INDEX = "https://download.pytorch.org/whl/"
CPU = "cpu"
CONDA_PLATFORMS: dict[Platform, str] = {
    "linux-x86_64": "linux-64",
    "linux-aarch64": "linux-aarch64",
    "windows": "win-64",
    "macos-arm64": "osx-arm64",
    "macos-x86_64": "osx-64",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One build of one release for one platform."""

    framework: Framework
    version: str
    tag: str
    """`cu126` or `cpu`."""
    platform: Platform
    archs: tuple[str, ...] | None
    """Device code; None = not recorded, () for a CPU build."""
    glibc: str | None
    """Lowest glibc; None where the platform has none or it was not recorded."""
    pythons: tuple[str, ...]
    """CPython minors and free-threaded builds that have a wheel ("3.12", "3.14t")."""
    on_default_index: bool
    broken: str | None = None
    """Why nobody can install it."""
    release: TorchRelease | TensorflowRelease | None
    """The row of the framework: what fits it. None where only conda-forge's own row is known."""
    conda: CondaBuild | None = None
    """The build of conda-forge; None for a wheel."""
    provenance: tuple[Provenance, ...] = field(default=())

    @property
    def gpu(self) -> bool:
        """Whether it drives NVIDIA GPUs."""
        return self.tag != CPU

    @property
    def name(self) -> str:
        """`torch 2.14.1 (cu126)`."""
        return f"{self.framework} {self.version} ({self.tag})"

    @property
    def index(self) -> str | None:
        """Address of the index that has it; None = the default one."""
        return None if self.on_default_index or self.conda else TORCH_INDEX + self.tag

    @property
    def derived(self) -> bool:
        """Whether the release is in no table and was read off its own metadata."""
        return any(source.how == "derived" for source in self.provenance)

    @property
    def order(self) -> tuple[Version, bool, tuple[int, int]]:
        """Sorts candidates: the newest release, then the default index, then the newest CUDA."""
        return Version(self.version), self.on_default_index, parse_cuda(self.tag) or (0, 0)


@functools.lru_cache(maxsize=64)
def candidates(
    compat: Compat, framework: Framework, platform: Platform, source: Source = "wheels"
) -> tuple[Candidate, ...]:
    """All builds of a framework for a platform from one source, best first."""
    if source == "conda-forge":
        found = _conda(compat, framework, platform)
    else:
        found = _torch(compat, platform) if framework == "torch" else _tensorflow(compat, platform)
    return tuple(sorted(found, key=lambda candidate: candidate.order, reverse=True))


def _torch(compat: Compat, platform: Platform) -> Iterator[Candidate]:
    for newest in compat.torch:
        patches = (torch_exact(compat, patch.version) for patch in newest.older)
        for release in (newest, *(patch for patch in patches if patch is not None)):
            for variant in release.variants:
                if variant.platform == platform:
                    yield _torch_build(release, variant)


def _torch_build(release: TorchRelease, variant: TorchVariant) -> Candidate:
    sources = (release.provenance, variant.provenance, variant.archs_provenance)
    return Candidate(
        framework="torch",
        version=release.version,
        tag=variant.tag,
        platform=variant.platform,
        archs=variant.archs,
        glibc=variant.glibc,
        pythons=release.pythons_on(variant.platform),
        on_default_index=variant.on_default_index,
        release=release,
        provenance=tuple(source for source in sources if source is not None),
    )


def _tensorflow(compat: Compat, platform: Platform) -> Iterator[Candidate]:
    for release in compat.tensorflow:
        if platform not in release.platforms:
            continue
        glibc = dict(release.glibc).get(platform)
        sources = (release.provenance, release.build_provenance, release.archs_provenance)
        provenance = tuple(source for source in sources if source is not None)
        for tag in (_tag(release.cuda), CPU) if platform in release.gpu_platforms else (CPU,):
            yield Candidate(
                framework="tensorflow",
                version=release.version,
                tag=tag,
                platform=platform,
                archs=() if tag == CPU else release.archs,
                glibc=glibc,
                pythons=release.pythons,
                on_default_index=True,
                broken=None if tag == CPU else _and_cuda_broken(release),
                release=release,
                provenance=provenance,
            )


def _and_cuda_broken(release: TensorflowRelease) -> str | None:
    if release.and_cuda_broken:
        return f"has an and-cuda extra that {release.and_cuda_broken}"
    if not release.and_cuda:
        return f"takes CUDA {release.cuda} and cuDNN {release.cudnn} from the system, not from wheels"
    return None


def _tag(cuda: str) -> str:
    """`cu125` of "12.5"."""
    return "cu" + cuda.replace(".", "")


def _conda(compat: Compat, framework: Framework, platform: Platform) -> Iterator[Candidate]:
    for build in conda_builds(compat.catalog, framework, CONDA_PLATFORMS[platform]):
        if build.arm_variant == "tegra":  # for Jetson's own driver
            continue
        exact = torch_exact if framework == "torch" else tensorflow_exact
        yield Candidate(
            framework=framework,
            version=build.version,
            tag=build.tag,
            platform=platform,
            archs=build.archs,
            glibc=build.glibc,
            pythons=build.pythons,
            on_default_index=True,
            release=exact(compat, build.version),
            conda=build,
            provenance=(build.provenance,),
        )
