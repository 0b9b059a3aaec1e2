"""The target Python, its packages and frameworks, and what a deep check ran in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One installed distribution."""

    name: str
    """Normalised, `nvidia-cudnn-cu12`."""
    version: str
    location: str
    """The directory of sys.path that holds it."""
    installer: str | None = None
    """`pip`, `uv`, `conda`, ..."""
    editable: bool = False
    requires: tuple[str, ...] = ()
    """Requirement strings on distributions that are looked at, markers kept."""
    broken: str | None = None
    """Why its metadata cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TorchFacts:
    """torch as its files describe it; nothing is imported."""

    version: str
    path: str
    cuda: str | None = None
    """`12.8`; an empty string for a build without CUDA; None when not read."""
    hip: str | None = None
    """As `cuda`, for ROCm."""
    archs: tuple[str, ...] | None = None
    """Architectures that the binaries carry: `sm_90` (machine code), `compute_120` (PTX); `gfx1100`. A suffix
    (`sm_90a`, `sm_100f`) is kept. Those of a few extra kernels, which do not make the whole run, are left
    out."""
    archs_from: str | None = None
    """How and from which file: `fatbin: libtorch_cuda.so` (walked the device code itself), `flags: ...` (the
    build's own list), `bundle: ...` (ROCm's offload bundle)."""
    rpath: tuple[str, ...] | None = None
    """RPATH or RUNPATH of the library that carries the device code, as written."""
    rpath_kind: Literal["rpath", "runpath"] | None = None
    cxx11_abi: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorflowFacts:
    """TensorFlow as its build_info.py describes it; nothing is imported."""

    version: str
    path: str
    is_cuda: bool | None = None
    is_rocm: bool | None = None
    cuda: str | None = None
    cudnn: str | None = None
    archs: tuple[str, ...] | None = None
    cpu_flags: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PipConfig:
    """pip's settings that change what gets installed; credentials removed."""

    files: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_url: str | None = None
    find_links: str | None = None
    cert: str | None = None
    proxy: str | None = None
    no_index: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetPython:
    """The interpreter that trains."""

    executable: str
    chosen_because: str = ""
    """Why this one: `--python`, `VIRTUAL_ENV`, `CONDA_PREFIX`, ..."""
    version: str | None = None
    """`3.12.4`."""
    implementation: str | None = None
    free_threaded: bool | None = None
    bits: int | None = None
    platform_tag: str | None = None
    """`linux-x86_64`."""
    prefix: str | None = None
    base_prefix: str | None = None
    base_exists: bool | None = None
    """Whether a venv's base interpreter is still there."""
    kind: Literal["venv", "uv", "conda", "system", "other"] | None = None
    system_site_packages: bool | None = None
    externally_managed: bool | None = None
    user_site: str | None = None
    user_site_enabled: bool | None = None
    paths: tuple[str, ...] | None = None
    """sys.path."""
    pythonpath: tuple[str, ...] | None = None
    pythonhome: str | None = None
    shadows: tuple[str, ...] | None = None
    """Files on sys.path ahead of the standard library or site-packages that hide a module, `module: file`;
    `cwd:module: file` when it lies only in the current directory, which Python searches for scripts there."""
    pip_version: str | None = None
    pip: PipConfig | None = None
    distributions: tuple[Distribution, ...] | None = None
    """The ones that matter for training, every copy of each, in sys.path order."""
    conda_packages: tuple[Distribution, ...] | None = None
    """The same names from conda-meta; () when not a conda environment."""
    torch: TorchFacts | None = None
    tensorflow: TensorflowFacts | None = None
    openmp: tuple[str, ...] | None = None
    """OpenMP runtimes shipped by installed packages: paths of libgomp, libiomp5, libomp."""
    libstdcxx: str | None = None
    """Newest GLIBCXX that the libstdc++ the loader finds first offers, `3.4.30`."""
    glibcxx_needed: str | None = None
    """Newest GLIBCXX that the framework's own libraries need; an empty string when they need none."""
    glibcxx_needed_by: str | None = None
    """Which of them."""
    read: bool = False
    """Whether the interpreter started and reported; else see the probe's status."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SmokeResult:
    """One small computation on one device against a float64 reference."""

    device: str
    """`cpu`, `cuda:0`."""
    op: str
    """`matmul`, `conv2d`, `backward`; `start` when a device that the build is for could not be started."""
    dtype: str
    ok: bool
    error: float | None = None
    """Largest relative error."""
    tolerance: float | None = None
    detail: str = ""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherFile:
    """A file that the loader comes to after the one that it took."""

    path: str
    via: Literal["rpath", "ld-library-path", "runpath", "ld-cache", "default", "wheel"]
    """`wheel`: no search comes to it; it lies where NVIDIA's wheels put it."""
    shipped: bool = False
    """As for LoadedLibrary."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedLibrary:
    """A CUDA, cuDNN, NCCL, OpenMP, BLAS or C++ library that was really mapped, and what let it in."""

    path: str
    family: str
    soname: str | None = None
    version: str | None = None
    """From its file name, `9.1.0`; for libstdc++ the newest GLIBCXX that it defines, `3.4.30`."""
    asked: Literal["needed", "dlopen", "preload"] | None = None
    """How it was asked for: by the DT_NEEDED of another file, by dlopen (or by a file that is gone since), or
    before everything else."""
    needed_by: str | None = None
    """The file that asked; None too for a dlopen, whose caller the loader does not keep, unless only one of
    the loaded files can have been it."""
    via: (
        Literal["ld-preload", "rpath", "ld-library-path", "runpath", "ld-cache", "default", "path"] | None
    ) = None
    """What let it in; `path` when a path and no name was asked for. None when it cannot be said."""
    entry: str | None = None
    """As written in LD_PRELOAD, LD_LIBRARY_PATH, RPATH or RUNPATH (`$ORIGIN/../lib`); else the path in the
    cache, the default directory, or the path that was asked for."""
    entry_of: str | None = None
    """The file that holds the entry: the one whose RPATH or RUNPATH it is, the one below /etc/ld.so.conf.d
    that has the directory put into the cache, /etc/ld.so.preload. None for a variable."""
    others: tuple[OtherFile, ...] | None = None
    """Other files that those who need it would have got without this one, in the loader's order."""
    shipped: bool | None = None
    """It lies in the Python environment: below its site-packages, or in a conda environment's lib."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepCheck:
    """One framework, imported and run in a child."""

    framework: Literal["torch", "tensorflow", "jax"]
    state: Literal["ok", "import-failed", "crashed", "timeout", "absent"]
    seconds: float | None = None
    import_seconds: float | None = None
    version: str | None = None
    devices: tuple[str, ...] | None = None
    cudnn_version: str | None = None
    threads: int | None = None
    error_type: str | None = None
    error: str | None = None
    """The exception's text, or the signal."""
    traceback: str | None = None
    libraries: tuple[LoadedLibrary, ...] | None = None
    smoke: tuple[SmokeResult, ...] | None = None
