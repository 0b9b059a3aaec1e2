"""The compatibility facts as values: what `data/*.toml` says, typed and frozen.

Strings keep the form in which the field prints them ("12.6", "535.104.05", "sm_90"), so that a row can be
searched for; `envkit.compat.query` parses them. A field that is None was not recorded: queries answer
"unknown" for it and never guess.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envkit.compat.catalog_model import Catalog

RowHow = Literal["measured", "documented", "claimed"]
"""measured: read off the artefact; documented: stated by its maker; claimed: anything weaker."""
How = Literal["measured", "documented", "claimed", "derived"]
"""derived: of no table, but worked out from the metadata of a release that no table has yet."""

Vendor = Literal["nvidia", "amd"]
BranchKind = Literal["LTSB", "PB", "NFB"]
"""Long-term support, production, new feature."""
WheelLine = Literal["cu11", "cu12", "plain", "none"]
Platform = Literal["linux-x86_64", "linux-aarch64", "windows", "macos-arm64", "macos-x86_64"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where a row was read."""

    source: str
    """A URL, `owner/repo:path@ref`, `owner/repo#number`, or a sentence such as "PyPI wheel metadata"."""
    date: str
    """ISO date on which it was read."""
    how: How


@dataclass(frozen=True, kw_only=True, slots=True)
class Toolkit:
    """One CUDA toolkit minor, with the drivers NVIDIA lists beside it (not the floor: see DriverFloor)."""

    version: str
    """"12.6"."""
    archs: tuple[int, ...] | None
    """What its ptxas can target (75, 90, 120, ...), ascending; None where no ptxas was asked."""
    linux_ga: str | None
    linux_last: str | None
    """Linux x86_64 driver paired with the first release and with the last update."""
    windows_ga: str | None
    windows_last: str | None
    branch: int | None
    """Driver branch, for toolkits whose notes name a branch instead of builds."""
    gcc_max: int | None
    """Newest gcc major that its nvcc accepts as host compiler."""
    glibc: str | None
    """Lowest glibc of its nvcc and runtime wheels for Linux x86_64; None where there are none."""
    latest: str | None
    """Newest version of the `cuda-toolkit` metapackage for this minor ("12.6.3")."""
    wheels: WheelLine
    """Suffix of its packages on the index (`nvidia-cuda-nvcc-cu12`); "plain": none, "none": no wheels."""
    provenance: Provenance
    archs_provenance: Provenance | None
    gcc_provenance: Provenance | None
    glibc_provenance: Provenance | None

    @property
    def sass(self) -> tuple[str, ...] | None:
        """Cubins that it can make: "sm_75", ..."""
        return None if self.archs is None else tuple(f"sm_{arch}" for arch in self.archs)

    @property
    def ptx(self) -> tuple[str, ...] | None:
        """PTX that it can make: "compute_75", ...; ptxas takes the same list for both."""
        return None if self.archs is None else tuple(f"compute_{arch}" for arch in self.archs)


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverFloor:
    """Minor-version compatibility: the oldest driver on which programs built for these toolkits run."""

    cuda_from: str
    cuda_to: str
    """Last toolkit of the range; a bare major ("13") means every minor of it."""
    linux: str
    windows: str
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class DriverBranch:
    """One driver branch and the GPU families that no later branch drives."""

    number: int
    kind: BranchKind | None
    eol: str | None
    """"YYYY-MM"."""
    max_cuda_major: int | None
    """Highest CUDA major without the forward-compatibility package."""
    cuda: str | None
    """CUDA version that its drivers report ("12.4" for 550): up to there they compile PTX, too."""
    last_for: tuple[str, ...]
    """GPU families ("Pascal") for which this is the last branch."""
    provenance: Provenance
    kind_provenance: Provenance | None
    """Of `kind`, where it is not the row's."""
    last_for_provenance: Provenance | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardCompatibility:
    """The cuda-compat package: a newer CUDA on an older driver, on some GPUs only."""

    gpus: tuple[str, ...]
    package: str
    """Template with `{major}` and `{minor}`."""
    error_code: int
    """cudaError on a GPU that is not in `gpus`."""
    claimed: tuple[str, ...]
    """Fields held less surely than the row."""
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True)
class Peaks:
    """Dense (no sparsity) peak throughput in TFLOP/s; None where not recorded."""

    bf16: float | None = None
    fp16: float | None = None
    tf32: float | None = None
    fp32: float | None = None
    fp64: float | None = None
    fp8: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuModel:
    """One GPU product. Gate nothing on a figure whose `how_sure` is "claimed": show it with that doubt."""

    name: str
    """As NVML (or rocm-smi) prints it."""
    aliases: tuple[str, ...]
    """What people type."""
    vendor: Vendor
    family: str
    cc: str | None
    """CUDA compute capability ("8.6")."""
    gfx: str | None
    """AMD target ("gfx942")."""
    memory_gb: tuple[float, ...]
    """GB a GPU; several where the product came in several sizes."""
    form_factor: str
    power_w: float | None
    """Default board power limit, W."""
    bandwidth_gbs: float | None
    """Memory bandwidth, GB/s."""
    peaks: Peaks | None
    unsupported: tuple[str, ...] | None
    """Number formats without hardware units; None where not recorded."""
    note: str | None
    provenance: Provenance
    """Of `cc` or `gfx`."""
    documented: tuple[tuple[str, Provenance], ...]
    """Fields that were read in a source. Every figure that is not here is from memory."""

    def how_sure(self, field: str) -> How:
        """How a field is known: `cc` and `gfx` by the row, figures by `documented`, all else "claimed"."""
        if field in ("cc", "gfx", "family", "vendor"):
            return self.provenance.how
        found = dict(self.documented).get(field)
        return "claimed" if found is None else found.how


@dataclass(frozen=True, kw_only=True, slots=True)
class AmbiguousName:
    """A name that people type for several different GPUs."""

    alias: str
    gpus: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchVariant:
    """One build of a torch release for one platform."""

    tag: str
    """"cu126" or "cpu", as in the wheel's local version and the index address."""
    platform: Platform
    archs: tuple[str, ...] | None
    """As `torch.cuda.get_arch_list()` prints them ("sm_90", "compute_120" for PTX); None where unknown,
    () for a CPU build."""
    cudnn: str | None
    nccl: str | None
    glibc: str | None
    """Lowest glibc; None where the platform has none."""
    on_default_index: bool
    """Whether `pip install torch` without an index option gives this build."""
    provenance: Provenance
    """That the build exists, and its cuDNN and NCCL."""
    archs_provenance: Provenance | None

    @property
    def verified(self) -> bool:
        """Whether the published file itself was read (the other indexes could only be read about)."""
        return self.provenance.how == "measured"


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchPatch:
    """An earlier patch of a torch minor: only what differs from the minor's newest. None = the same."""

    version: str
    triton: str | None
    torchvision: str | None
    torchaudio: str | None
    free_threaded: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchRelease:
    """One torch release: in the tables the last patch of its minor."""

    version: str
    default: str
    """Tag of the build that PyPI serves for Linux x86_64."""
    platforms: tuple[Platform, ...]
    pythons: tuple[str, ...]
    """CPython minors of the Linux x86_64 wheels."""
    free_threaded: tuple[str, ...]
    """Free-threaded CPythons ("3.14t")."""
    fewer_pythons: tuple[tuple[Platform, tuple[str, ...]], ...]
    """Platforms that have fewer CPythons than Linux x86_64."""
    triton: str | None
    torchvision: str | None
    torchaudio: str | None
    torchcodec: str | None
    numpy: str | None
    """Constraint to add ("<2"), where the metadata does not carry one that is needed."""
    claimed: tuple[str, ...]
    """Fields held less surely than the row."""
    older: tuple[TorchPatch, ...]
    """Earlier patches of the minor, newest first; they have the same builds."""
    variants: tuple[TorchVariant, ...]
    provenance: Provenance

    @property
    def how_sure(self) -> How:
        """How the release is known; "derived" for one that no table has."""
        return self.provenance.how

    def pythons_on(self, platform: str) -> tuple[str, ...]:
        """CPython minors and free-threaded builds that have a wheel on this platform."""
        return dict[str, tuple[str, ...]](self.fewer_pythons).get(platform, self.pythons) + self.free_threaded


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorflowRelease:
    """The last patch release of one TensorFlow minor (the `tensorflow` wheel of PyPI)."""

    version: str
    pythons: tuple[str, ...]
    platforms: tuple[Platform, ...]
    gpu_platforms: tuple[Platform, ...]
    """Platforms whose wheel has CUDA kernels."""
    cuda: str
    cudnn: str
    """CUDA and cuDNN the wheel was built with ("12.5", "9.3")."""
    nccl: str | None
    """Requirement of the `and-cuda` extra."""
    and_cuda: tuple[str, ...]
    """Requirements of the `and-cuda` extra; () before it existed (CUDA came from the system)."""
    and_cuda_broken: str | None
    """Why the extra cannot be installed."""
    archs: tuple[str, ...] | None
    """As `build_info` prints them; None where no wheel was read."""
    numpy: str | None
    keras: str
    """Requirement on Keras (">=3.10.0", "<2.16,>=2.15.0")."""
    protobuf: str
    """Requirement on protobuf."""
    tensorboard: str | None
    """Requirement on TensorBoard; None where the release asks for none (2.21 on)."""
    tf_keras: str | None
    """Version of tf-keras (Keras 2) that goes with it; None before Keras 3 (2.16)."""
    cpu_wheel: tuple[Platform, ...]
    """Platforms on which `tensorflow-cpu` is a smaller wheel without CUDA code."""
    glibc: tuple[tuple[Platform, str], ...]
    provenance: Provenance
    build_provenance: Provenance
    """Of `cuda` and `cudnn`."""
    archs_provenance: Provenance | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImage:
    """The nvidia/cuda tags of one CUDA minor: `{patch}{cudnn}{runtime|devel}-ubuntu{release}`."""

    cuda: str
    patch: str | None
    """Newest patch with cuDNN tags; None where not recorded."""
    cudnn: str
    """What stands between the version and the flavour: "-cudnn8-", "-cudnn9-" or "-cudnn-"."""
    ubuntu: tuple[str, ...]
    """Newest first."""
    provenance: Provenance


XidKind = Literal["application", "contained", "hardware", "row-remap", "nvlink", "fell-off-bus", "recovery"]


@dataclass(frozen=True, kw_only=True, slots=True)
class XidGroup:
    """Xid codes of the driver's kernel log that ask for the same."""

    codes: tuple[int, ...]
    kind: XidKind
    provenance: Provenance


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Compat:
    """All tables. Compared by identity: there is one a process, and indexes are cached for it."""

    toolkits: tuple[Toolkit, ...]
    floors: tuple[DriverFloor, ...]
    branches: tuple[DriverBranch, ...]
    forward: ForwardCompatibility
    gpus: tuple[GpuModel, ...]
    ambiguous: tuple[AmbiguousName, ...]
    torch: tuple[TorchRelease, ...]
    tensorflow: tuple[TensorflowRelease, ...]
    images: tuple[BaseImage, ...]
    xids: tuple[XidGroup, ...]
    read_catalog: Callable[[Compat], Catalog]

    @property
    def catalog(self) -> Catalog:
        """What only `build` needs, read at first use. Raises CompatDataError when a table is malformed."""
        return self.read_catalog(self)
