"""The installed framework builds against this driver and these GPUs."""

from __future__ import annotations

from envkit.compat import (
    Compat,
    arch_relation,
    driver_floor,
    fitting_torch,
    kernel_for,
    parse_cuda,
    torch_release,
    version_key,
)
from envkit.core.finding import Evidence
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.views import Build
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

_NO_CUDA_BUILD = "no CUDA build of a framework in the target Python"


def _cuda_builds(snapshot: Snapshot) -> tuple[Build, ...]:
    return tuple(build for build in views.builds(snapshot) if build.cuda)


def _no_build(snapshot: Snapshot) -> Outcome:
    if not views.packages_read(snapshot):
        return unknown(views.because(snapshot, "python"))
    return not_applicable(_NO_CUDA_BUILD)


def torch_install(snapshot: Snapshot, compat: Compat, *, ignore_driver: bool = False) -> str | None:
    """The pip command for the newest torch that runs on this machine's driver, GPUs, Python and libc.

    None when no torch of the tables does.
    """
    driver = views.driver_version(snapshot)
    host = snapshot.host
    choices = fitting_torch(
        compat,
        driver=None if ignore_driver or driver is None else driver[0],
        ccs=sorted({gpu.compute_capability for gpu in views.gpus(snapshot) if gpu.compute_capability}),
        python=views.python_minor(snapshot),
        platform=views.platform(snapshot),
        glibc=host.libc_version if host is not None and host.libc == "glibc" else None,
    )
    if not choices:
        return None
    index = f" --index-url {choices[0].index_url}" if choices[0].index_url else ""
    python = snapshot.python.executable if snapshot.python is not None else "python"
    return f"{python} -m pip install --force-reinstall {choices[0].requirement}{index}"


def _build_fact(build: Build) -> Evidence:
    return fact(f"{build.name} {build.version}", f"built for CUDA {build.cuda}", build.source)


def driver_too_old(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Driver below the floor of the CUDA version that the framework build needs."""
    builds = _cuda_builds(snapshot)
    if not builds:
        return _no_build(snapshot)
    if views.has_nvidia(snapshot) is False:
        return not_applicable("no NVIDIA GPU on this machine")
    driver = views.driver_version(snapshot)
    if driver is None:
        return unknown(f"the driver's version could not be read: {views.because(snapshot, 'nvml', 'driver')}")
    platform = "windows" if views.is_wsl(snapshot) else "linux"
    for build in builds:
        floor = driver_floor(compat, build.cuda or "", platform=platform)
        if floor is not None and version_key(driver[0]) < version_key(floor):
            return problem(
                f"{build.name} {build.version} needs driver {floor} or newer for CUDA {build.cuda}; "
                f"this machine has {driver[0]}",
                _build_fact(build),
                fact("driver", driver[0], driver[1]),
                fact(f"lowest driver for CUDA {build.cuda}", floor, "minor-version compatibility table"),
                driver=driver[0],
                floor=floor,
                floor_branch=floor.partition(".")[0],
                torch_install=torch_install(snapshot, compat) if build.name == "torch" else None,
            )
        found = _ptx_newer_than_driver(snapshot, build)
        if found is not None:
            return found
    return ok(f"driver {driver[0]} is new enough for {', '.join(b.name + ' ' + b.version for b in builds)}")


def _ptx_newer_than_driver(snapshot: Snapshot, build: Build) -> Outcome | None:
    """PTX of a newer toolkit than the driver cannot be compiled (error 222), though the major fits."""
    offered = parse_cuda(snapshot.nvml.cuda_version if snapshot.nvml is not None else None)
    needed = parse_cuda(build.cuda)
    if build.name != "torch" or not build.archs or offered is None or needed is None or needed <= offered:
        return None
    jit = [gpu for gpu in views.gpus(snapshot) if _kernel(build, gpu) == "ptx"]
    if not jit:
        return None
    shown = f"{offered[0]}.{offered[1]}"
    return problem(
        f"{views.gpu_label(jit[0])} must compile torch's PTX of CUDA {build.cuda}, and this driver "
        f"compiles PTX up to CUDA {shown}",
        _build_fact(build),
        fact("newest CUDA of the driver", shown, "nvmlSystemGetCudaDriverVersion_v2"),
        fact("architectures in the build", " ".join(build.archs), build.source),
        confidence=0.8,
        cuda=build.cuda,
    )


def _kernel(build: Build, gpu: Gpu) -> str | None:
    return kernel_for(build.archs or (), gpu.compute_capability) if gpu.compute_capability else None


def _archs(snapshot: Snapshot, compat: Compat, build: Build) -> tuple[tuple[str, ...], str] | None:
    """Architectures of a torch build and where they are from: the binaries, else the tables."""
    if build.archs is not None:
        return build.archs, build.source
    release = torch_release(compat, views.public(build.version)) if build.name == "torch" else None
    cuda = parse_cuda(build.cuda)
    if release is None or cuda is None:
        return None
    tag = f"cu{cuda[0]}{cuda[1]}"
    for variant in release.variants:
        if variant.tag == tag and variant.platform == views.platform(snapshot) and variant.archs:
            return variant.archs, f"compatibility table, torch {release.version}+{tag}"
    return None


def _arch_outcome(snapshot: Snapshot, compat: Compat, wrong: tuple[str, ...], word: str) -> Outcome:
    """Whether torch's binaries stand in one of the `wrong` relations to a GPU."""
    build = next((b for b in _cuda_builds(snapshot) if b.name == "torch"), None)
    if build is None:
        return _no_build(snapshot)
    devices = [gpu for gpu in views.gpus(snapshot) if gpu.compute_capability]
    if not devices:
        if views.has_nvidia(snapshot) is False:
            return not_applicable("no NVIDIA GPU on this machine")
        return unknown(f"the GPU's compute capability could not be read: {views.because(snapshot, 'nvml')}")
    archs = _archs(snapshot, compat, build)
    if archs is None:
        return unknown(f"the architectures in torch {build.version} could not be read")
    bad = [gpu for gpu in devices if arch_relation(archs[0], gpu.compute_capability or "") in wrong]
    if not bad:
        return ok(f"torch {build.version} has code for every GPU")
    return problem(
        f"torch {build.version} carries no code for {views.gpu_label(bad[0])}, which is {word} "
        f"than what it was built for",
        fact(views.gpu_label(bad[0]), f"compute capability {bad[0].compute_capability}", "NVML"),
        fact("architectures in torch", " ".join(archs[0]), archs[1]),
        severity=None if len(bad) == len(devices) else "warning",
        confidence=1.0 if build.archs is not None else 0.9,
        cc=bad[0].compute_capability,
        torch_install=torch_install(snapshot, compat),
        torch_install_after_driver=torch_install(snapshot, compat, ignore_driver=True),
    )


def arch_not_in_wheel(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU newer than every architecture that the installed torch carries."""
    return _arch_outcome(snapshot, compat, ("too-new", "gap"), "newer")


def arch_dropped_from_wheel(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU older than the oldest architecture that the installed torch carries."""
    return _arch_outcome(snapshot, compat, ("too-old",), "older")


def tf_arch_not_in_wheel(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU for which the TensorFlow wheel has neither machine code nor PTX that works."""
    build = next((b for b in _cuda_builds(snapshot) if b.name == "tensorflow"), None)
    if build is None:
        return _no_build(snapshot)
    devices = [gpu for gpu in views.gpus(snapshot) if gpu.compute_capability]
    if not devices:
        return not_applicable("NVML lists no GPU")
    if not build.archs:
        return unknown(f"the architectures in TensorFlow {build.version} could not be read")
    for gpu in devices:
        kernel = _kernel(build, gpu)
        # TensorFlow's Hopper PTX does not compile on Blackwell (tensorflow#101746, #97387, #89272).
        blackwell = version_key(gpu.compute_capability or "")[0] >= 10 and kernel == "ptx"
        if kernel is None or blackwell:
            return problem(
                f"TensorFlow {build.version} has no code that works on {views.gpu_label(gpu)}",
                fact(views.gpu_label(gpu), f"compute capability {gpu.compute_capability}", "NVML"),
                fact("architectures in TensorFlow", " ".join(build.archs), build.source),
                confidence=0.9 if blackwell else 1.0,
                cc=gpu.compute_capability,
            )
    return ok(f"TensorFlow {build.version} has code for every GPU")


def _cpu_build(snapshot: Snapshot) -> Outcome | Build:
    """A CPU build of a framework beside a GPU, or why there is none to complain of."""
    if not views.packages_read(snapshot):
        return unknown(views.because(snapshot, "python"))
    found = tuple(views.builds(snapshot))
    if not found:
        return not_applicable("no framework in the target Python")
    present = views.has_nvidia(snapshot)
    if present is None:
        return unknown(f"whether there is a GPU could not be read: {views.because(snapshot, 'pci', 'nvml')}")
    if not present:
        return not_applicable("no NVIDIA GPU on this machine")
    cpu_only = tuple(build for build in found if build.cuda == "")
    if not cpu_only:
        if any(build.cuda is None for build in found):
            return unknown("which CUDA the installed framework was built for could not be read")
        return ok("the installed frameworks are CUDA builds")
    return cpu_only[0]


def _cpu_problem(snapshot: Snapshot, compat: Compat, build: Build) -> Outcome:
    devices = views.gpus(snapshot)
    pci = views.nvidia_pci(snapshot) or ()
    name = devices[0].name if devices else pci[0].name or pci[0].address if pci else "an NVIDIA GPU"
    other_works = any(b.cuda for b in views.builds(snapshot))
    return problem(
        f"{build.name} {build.version} is a CPU-only build, and this machine has {name}",
        fact(f"{build.name} {build.version}", "built without CUDA", build.source),
        fact("GPU", name, "NVML" if devices else "PCI bus"),
        severity="warning" if other_works else None,
        torch_install=torch_install(snapshot, compat) if build.name == "torch" else None,
        tensorflow="tensorflow[and-cuda]" if build.name == "tensorflow" else None,
        python=snapshot.python.executable if snapshot.python is not None else "python",
    )


def _from_conda(snapshot: Snapshot, build: Build) -> bool:
    names = {"torch": ("pytorch", "torch", "libtorch"), "tensorflow": ("tensorflow", "tensorflow-base")}
    packages = snapshot.python.conda_packages if snapshot.python is not None else None
    return any(package.name in names.get(build.name, ()) for package in packages or ())


def _is_arm(snapshot: Snapshot) -> bool:
    return views.platform(snapshot) == "linux-aarch64"


def cpu_only_wheel(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A CPU-only build of the framework on a machine with a GPU."""
    build = _cpu_build(snapshot)
    if isinstance(build, Outcome):
        return build
    if _from_conda(snapshot, build) or _is_arm(snapshot):
        return not_applicable("another check answers this for conda and for Arm")
    return _cpu_problem(snapshot, compat, build)


def cpu_only_wheel_aarch64(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A CPU-only build on an Arm machine with a GPU (Jetson, GH200)."""
    if not _is_arm(snapshot):
        return not_applicable("not an Arm machine")
    build = _cpu_build(snapshot)
    return build if isinstance(build, Outcome) else _cpu_problem(snapshot, compat, build)


def conda_solver_cpu_build(snapshot: Snapshot, compat: Compat) -> Outcome:
    """conda chose the CPU variant of the framework."""
    build = _cpu_build(snapshot)
    if isinstance(build, Outcome):
        return build
    if not _from_conda(snapshot, build):
        return not_applicable("the framework is not from conda")
    return _cpu_problem(snapshot, compat, build)


RULES = (
    driver_too_old,
    arch_not_in_wheel,
    arch_dropped_from_wheel,
    tf_arch_not_in_wheel,
    cpu_only_wheel,
    cpu_only_wheel_aarch64,
    conda_solver_cpu_build,
)
