"""Shared libraries and compilers around the frameworks."""

from __future__ import annotations

import re

from envkit.compat import (
    Compat,
    TorchRelease,
    parse_cuda,
    tensorflow_release,
    torch_release,
    version_key,
)
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.rules import loaded
from envkit.facts.gpu_model import Library
from envkit.facts.model import Snapshot


def shadowed_libs_ld_library_path(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A CUDA library from elsewhere is loaded, or would be, in place of the one that the framework ships."""
    if snapshot.libraries is None:
        return unknown(views.because(snapshot, "python"))
    if not any(build.cuda for build in views.builds(snapshot)):
        return not_applicable("no CUDA build of a framework in the target Python")
    seen = loaded.shadowing(snapshot)
    if seen is not None:
        return seen
    settled = loaded.settled(snapshot)
    by_soname: dict[str, list[Library]] = {}
    for library in snapshot.libraries:
        if library.soname in settled:
            continue  # what was loaded outranks what would be
        by_soname.setdefault(library.soname, []).append(library)
    for soname, providers in by_soname.items():
        first = min(providers, key=lambda library: library.order)
        shipped = [p for p in providers if p.via in ("rpath", "runpath", "wheel", "conda") and p is not first]
        # The driver's own libraries never come with a framework.
        if first.via != "ld-library-path" or first.family in ("cuda", "nvidia-ml") or not shipped:
            continue
        if first.version is not None and first.version == shipped[0].version:
            continue
        # One SONAME is one major; within it NVIDIA's newer libraries serve what was built for older ones.
        newer = _newer(first.version, shipped[0].version)
        return problem(
            f"programs load {first.path} instead of the {soname} that the framework ships",
            fact("loaded first", f"{first.path} ({first.version or 'version unknown'})", "LD_LIBRARY_PATH"),
            fact("shipped", f"{shipped[0].path} ({shipped[0].version or 'version unknown'})", shipped[0].via),
            severity="warning" if newer else None,
            confidence=0.9 if first.version else 0.7,
            folder=first.path.rpartition("/")[0],
        )
    if settled:
        return ok("what the frameworks ship is what was loaded")
    return ok("LD_LIBRARY_PATH hides no library that a framework ships")


def _newer(one: str | None, other: str | None) -> bool:
    have, wanted = views.version(one), views.version(other)
    return have is not None and wanted is not None and have > wanted


def tf_cuda_libs_missing(snapshot: Snapshot, compat: Compat) -> Outcome:
    """TensorFlow cannot load the CUDA and cuDNN that it was built for."""
    builds = tuple(views.builds(snapshot))
    build = next((b for b in builds if b.name == "tensorflow"), None)
    if build is None or not build.cuda:
        return not_applicable("no CUDA build of TensorFlow in the target Python")
    without = views.without_nvidia(snapshot)
    if without is not None:
        return without
    release = tensorflow_release(compat, views.public(build.version))
    tf = snapshot.python.tensorflow if snapshot.python is not None else None
    cudnn = (tf.cudnn if tf is not None else None) or (release.cudnn if release is not None else None)
    if snapshot.libraries is None or cudnn is None:
        return unknown("which cuDNN TensorFlow needs, or which are here, could not be read")
    major = cudnn.partition(".")[0]
    cuda = parse_cuda(build.cuda)
    wanted = {"cudnn": f"libcudnn.so.{major}", "cudart": f"libcudart.so.{cuda[0] if cuda else ''}"}
    missing = [
        soname
        for family, soname in wanted.items()
        if not any(lib.family == family and lib.soname.startswith(soname) for lib in snapshot.libraries)
    ]
    if not missing:
        return ok("the CUDA libraries that TensorFlow was built for can be found")
    return problem(
        f"TensorFlow {build.version} was built for CUDA {build.cuda} and cuDNN {major}; "
        f"{' and '.join(missing)} cannot be found",
        *(fact(soname, "not found", "loader path") for soname in missing),
        # Beside a torch that uses the GPU, TensorFlow is mostly there for its tools.
        severity="warning" if any(b.cuda for b in builds if b is not build) else None,
        python=snapshot.python.executable if snapshot.python is not None else "python",
        version=build.version,
    )


def glibc_too_old(snapshot: Snapshot, compat: Compat) -> Outcome:
    """System glibc is older than the framework's wheels need, or there is none (musl)."""
    host = snapshot.host
    if host is None or host.libc is None:
        return unknown(views.because(snapshot, "host"))
    torch = views.distribution(snapshot, "torch")
    if host.libc == "musl" and torch is not None:
        return ok("a torch for musl is installed, from the distribution or built here")
    if host.libc == "musl":
        return problem(
            "this system uses musl; torch and TensorFlow publish wheels for glibc only",
            fact("C library", f"musl {host.libc_version or ''}".strip(), "ld-musl"),
        )
    if torch is None or torch.installer == "conda":
        return not_applicable("torch is not installed from a wheel")
    release = torch_release(compat, views.public(torch.version))
    floor = _glibc_floor(snapshot, release) if release is not None else None
    if floor is None or host.libc_version is None:
        return not_applicable("the lowest glibc of this torch is not known")
    if version_key(host.libc_version) < version_key(floor):
        return problem(
            f"torch {torch.version} needs glibc {floor}; this system has {host.libc_version}",
            fact("glibc", host.libc_version, "libc.so.6"),
            fact(f"lowest glibc of torch {release.version if release else ''}", floor, "compatibility table"),
        )
    return ok(f"glibc {host.libc_version} is new enough")


def _glibc_floor(snapshot: Snapshot, release: TorchRelease) -> str | None:
    """The lowest glibc of the installed build, else that of the least demanding build of its release."""
    here = [v for v in release.variants if v.platform == views.platform(snapshot) and v.glibc]
    cuda = next((parse_cuda(b.cuda) for b in views.builds(snapshot) if b.name == "torch" and b.cuda), None)
    exact = [v for v in here if cuda is not None and parse_cuda(v.tag) == cuda]
    floors = [v.glibc for v in exact or here if v.glibc]
    return min(floors, key=version_key, default=None)


def cpu_instruction_set(snapshot: Snapshot, compat: Compat) -> Outcome:
    """CPU lacks instructions that the binary was compiled for."""
    cpu, host = snapshot.cpu, snapshot.host
    if not any(views.builds(snapshot)):
        return not_applicable("no framework in the target Python")
    if host is None or host.machine != "x86_64":
        return not_applicable("not an x86-64 machine")
    if cpu is None or cpu.flags is None:
        return unknown(views.because(snapshot, "cpu"))
    tf = snapshot.python.tensorflow if snapshot.python is not None else None
    needed = "avx" if tf is not None else None
    if needed is None:
        return ok("torch chooses its instructions at run time")
    if needed in cpu.flags:
        return ok("the CPU has the instructions that TensorFlow was compiled for")
    return problem(
        "TensorFlow's wheels are compiled for AVX, which this CPU does not offer",
        fact("CPU", cpu.model or "?", "/proc/cpuinfo"),
        fact("vector instructions", ", ".join(cpu.flags) or "none", "/proc/cpuinfo"),
    )


_JIT = ("deepspeed",)
"""Packages that compile CUDA extensions when they are used."""
_NOTHING_COMPILES = "nothing installed here compiles CUDA extensions"


def _compiles(snapshot: Snapshot) -> bool:
    """Whether nvcc matters: torch brings its own CUDA, and training does not use the system's."""
    return any(views.distribution(snapshot, name) is not None for name in _JIT)


def nvcc_torch_cuda_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """nvcc of another CUDA major than torch: matters only when an extension is compiled."""
    build = next((b for b in views.builds(snapshot) if b.name == "torch" and b.cuda), None)
    cuda = snapshot.cuda
    if build is None:
        return not_applicable("no CUDA build of torch in the target Python")
    if not _compiles(snapshot):
        return not_applicable(_NOTHING_COMPILES)
    if cuda is None:
        return unknown(views.because(snapshot, "cuda"))
    if cuda.nvcc == "":
        return not_applicable("no nvcc on PATH")
    if cuda.nvcc is None or cuda.nvcc_version is None:
        return unknown("which nvcc is on PATH could not be read")
    ours, theirs = parse_cuda(cuda.nvcc_version), parse_cuda(build.cuda)
    if ours is None or theirs is None or ours[0] == theirs[0]:
        return ok("nvcc and torch are of one CUDA major")
    return problem(
        f"nvcc is CUDA {cuda.nvcc_version} and torch was built for {build.cuda}: extensions that "
        "are compiled here do not fit",
        fact("nvcc", f"{cuda.nvcc} ({cuda.nvcc_version})", "PATH"),
        fact(f"torch {build.version}", f"CUDA {build.cuda}", build.source),
        cuda=build.cuda,
    )


def cuda_home_nvcc_missing(snapshot: Snapshot, compat: Compat) -> Outcome:
    """CUDA_HOME names a directory that is not there."""
    cuda = snapshot.cuda
    if cuda is None or cuda.cuda_home is None:
        return unknown(views.because(snapshot, "cuda"))
    if not cuda.cuda_home:
        return not_applicable("CUDA_HOME is not set")
    if cuda.cuda_home_exists is None:
        return unknown(f"whether {cuda.cuda_home} exists could not be read")
    if cuda.cuda_home_exists:
        return ok("CUDA_HOME exists")
    return problem(
        f"CUDA_HOME={cuda.cuda_home} does not exist, so extensions cannot be compiled",
        fact("CUDA_HOME", cuda.cuda_home, "environment"),
        home=cuda.cuda_home,
    )


def gcc_too_new_for_nvcc(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Host compiler newer than this nvcc accepts: matters only when an extension is compiled."""
    cuda, host = snapshot.cuda, snapshot.host
    if cuda is None or host is None:
        return unknown(views.because(snapshot, "cuda", "host"))
    if not cuda.nvcc or not host.compiler or not _compiles(snapshot):
        return not_applicable(_NOTHING_COMPILES)
    have = re.match(r"[0-9]{1,4}", host.compiler_version or "")
    toolkit = parse_cuda(cuda.nvcc_version)
    row = next((t for t in compat.toolkits if toolkit and parse_cuda(t.version) == toolkit), None)
    if have is None or row is None or row.gcc_max is None or "clang" in host.compiler:
        return not_applicable("the compiler's limit for this nvcc is not known")
    if int(have[0]) <= row.gcc_max:
        return ok(f"nvcc {cuda.nvcc_version} accepts gcc {have[0]}")
    return problem(
        f"nvcc {cuda.nvcc_version} accepts gcc up to {row.gcc_max}; {host.compiler_version} is first on PATH",
        fact("compiler", f"{host.compiler} {host.compiler_version}", "PATH"),
        fact("nvcc", cuda.nvcc_version, cuda.nvcc),
        gcc=str(row.gcc_max),
    )


def triton_no_gcc(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Triton and inductor have no C compiler: torch.compile cannot work."""
    host = snapshot.host
    if not any(b.name == "torch" and b.cuda for b in views.builds(snapshot)):
        return not_applicable("no CUDA build of torch in the target Python")
    without = views.without_nvidia(snapshot)
    if without is not None:
        return without
    if host is None or host.compiler is None:
        return unknown("whether there is a C compiler could not be read")
    if host.compiler:
        return ok(f"{host.compiler} is there for Triton")
    return problem(
        "there is no C compiler, so torch.compile and Triton kernels fail (plain torch works)",
        fact("gcc, cc, clang", "not found", "PATH"),
    )


RULES = (
    shadowed_libs_ld_library_path,
    tf_cuda_libs_missing,
    glibc_too_old,
    cpu_instruction_set,
    nvcc_torch_cuda_mismatch,
    cuda_home_nvcc_missing,
    gcc_too_new_for_nvcc,
    triton_no_gcc,
)
