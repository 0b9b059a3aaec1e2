"""The installed framework builds against this driver and these GPUs."""

from __future__ import annotations

from envkit.compat import (
    Compat,
    arch_relation,
    driver_floor,
    driver_meets,
    kernel_for,
    parse_cuda,
    torch_release,
    version_key,
)
from envkit.core.finding import Evidence
from envkit.core.text import shell_word
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.views import Build
from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

_NO_CUDA_BUILD = "no CUDA build of a framework in the target Python"


def _cuda_builds(snapshot: Snapshot) -> tuple[Build, ...]:
    return tuple(build for build in views.builds(snapshot) if build.cuda)


def _no_build(snapshot: Snapshot, name: str | None = None) -> Outcome:
    """Why there is no CUDA build (of the framework `name`) to judge."""
    if not views.packages_read(snapshot):
        return unknown(views.because(snapshot, "python"))
    for build in views.builds(snapshot):
        if build.cuda is None and name in (None, build.name):
            return unknown(f"which CUDA {build.name} {build.version} was built for could not be read")
    return not_applicable(_NO_CUDA_BUILD)


def torch_install(
    snapshot: Snapshot, compat: Compat, *, ignore_driver: bool = False, fresh: bool = False
) -> str | None:
    """The pip command for the newest torch that runs on this machine's driver, GPUs, Python and libc, with
    the torchvision and torchaudio that go with it where they are installed.

    None when no torch of the tables does, or no GPU can be asked what it needs.
    """
    # Only a fix needs the resolver, and the start is felt.
    from envkit.doctor.environment import torch_for

    plan = torch_for(snapshot, compat, ignore_driver=ignore_driver)
    if plan is None:
        return None
    pins = [f"{pin.name}=={pin.version}" for pin in plan.companions if pin.installed]
    index = ["--index-url", plan.requirements[0].index] if plan.requirements[0].index else []
    python = snapshot.python.executable if snapshot.python is not None else "python"
    forced = () if fresh else ("--force-reinstall",)
    words = [python, "-m", "pip", "install", *forced, f"torch=={plan.version}", *pins, *index]
    return " ".join(map(shell_word, words))


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
    if driver is None and views.is_jetson(snapshot):
        return not_applicable("this driver is a part of Jetson Linux, which numbers it apart")
    if driver is None:
        return unknown(f"the driver's version could not be read: {views.because(snapshot, 'nvml', 'driver')}")
    in_force = _with_forward_compat(snapshot, driver[0])
    windows = views.is_wsl(snapshot) or views.system(snapshot) == "Windows"
    platform = "windows" if windows else "linux"
    not_listed = None
    for build in builds:
        floor = driver_floor(compat, build.cuda or "", platform=platform)
        not_listed = not_listed or (build if floor is None else None)
        if floor is not None and not driver_meets(in_force, floor):
            return _below_floor(snapshot, compat, build, driver, floor)
        found = _ptx_newer_than_driver(snapshot, build)
        if found is not None:
            return found
    if not_listed is not None:
        return unknown(f"no table says which driver CUDA {not_listed.cuda} of {not_listed.name} needs")
    return ok(f"driver {in_force} is new enough for {', '.join(b.name + ' ' + b.version for b in builds)}")


def _with_forward_compat(snapshot: Snapshot, driver: str) -> str:
    """The driver version that programs meet: the forward-compatibility libcuda's where it works."""
    library = views.forward_compat(snapshot)
    if library is None or library.version is None or any(map(views.is_consumer, views.gpus(snapshot))):
        return driver
    return library.version if version_key(library.version) > version_key(driver) else driver


def _below_floor(
    snapshot: Snapshot, compat: Compat, build: Build, driver: tuple[str, str], floor: str
) -> Outcome:
    here = not views.is_wsl(snapshot) and not views.in_container(snapshot)
    return problem(
        f"{build.name} {build.version} needs driver {floor} or newer for CUDA {build.cuda}; "
        f"this machine has {driver[0]}",
        _build_fact(build),
        fact("driver", driver[0], driver[1]),
        fact(f"lowest driver for CUDA {build.cuda}", floor, "minor-version compatibility table"),
        driver=driver[0],
        floor=floor,
        floor_branch=_branch_for(compat, floor) if here else None,
        windows="yes" if views.is_wsl(snapshot) else None,
        container="yes" if not here and not views.is_wsl(snapshot) else None,
        torch_install=torch_install(snapshot, compat) if build.name == "torch" else None,
    )


def _branch_for(compat: Compat, floor: str) -> str:
    """The newest branch with long support that meets a floor, else the floor's own."""
    least = version_key(floor)[0]
    return str(
        max((b.number for b in compat.branches if b.kind == "LTSB" and b.number >= least), default=least)
    )


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
    capability = views.capability(gpu)
    return kernel_for(build.archs or (), capability) if capability else None


def _archs(snapshot: Snapshot, compat: Compat, build: Build) -> tuple[tuple[str, ...], str] | None:
    """Architectures of a torch build and where they are from: the binaries, else the tables."""
    if build.archs:
        return build.archs, build.source
    version, cuda = views.version(build.version), parse_cuda(build.cuda)
    # The tables are of the published wheels: what others built carries what they asked for.
    published = version is not None and not version.is_prerelease and not from_conda(snapshot, build)
    release = torch_release(compat, views.public(build.version)) if published else None
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
        return _no_build(snapshot, "torch")
    devices = _capable(snapshot)
    if isinstance(devices, Outcome):
        return devices
    archs = _archs(snapshot, compat, build)
    if archs is None:
        return unknown(f"the architectures in torch {build.version} could not be read")
    relations = {gpu.index: arch_relation(archs[0], gpu.compute_capability or "") for gpu in devices}
    bad = [gpu for gpu in devices if relations[gpu.index] in wrong]
    if not bad and "unknown" in relations.values():
        return unknown(f"whether {' '.join(archs[0])} of torch {build.version} run on this GPU is not known")
    if not bad:
        return ok(f"torch {build.version} has code for every GPU")
    install = torch_install(snapshot, compat)
    after_driver = None if install else torch_install(snapshot, compat, ignore_driver=True)
    return problem(
        f"torch {build.version} carries no code for {views.gpu_label(bad[0])}, which is {word} "
        f"than what it was built for",
        fact(views.gpu_label(bad[0]), f"compute capability {bad[0].compute_capability}", "NVML"),
        fact("architectures in torch", " ".join(archs[0]), archs[1]),
        severity=None if len(bad) == len(devices) else "warning",
        confidence=1.0 if build.archs is not None else 0.9,
        cc=bad[0].compute_capability,
        torch_install=install,
        torch_install_after_driver=after_driver,
        no_build="yes" if install is None and after_driver is None else None,
    )


def _capable(snapshot: Snapshot) -> Outcome | list[Gpu]:
    """The GPUs whose compute capability is known, or why there are none."""
    devices = [gpu for gpu in views.gpus(snapshot) if views.capability(gpu)]
    if devices:
        return devices
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    return unknown(f"the GPU's compute capability could not be read: {views.because(snapshot, 'nvml')}")


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
        return _no_build(snapshot, "tensorflow")
    devices = _capable(snapshot)
    if isinstance(devices, Outcome):
        return devices
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


def from_conda(snapshot: Snapshot, build: Build) -> bool:
    """Whether conda installed a framework."""
    names = {"torch": ("pytorch", "torch", "libtorch"), "tensorflow": ("tensorflow", "tensorflow-base")}
    packages = snapshot.python.conda_packages if snapshot.python is not None else None
    return any(package.name in names.get(build.name, ()) for package in packages or ())


RULES = (
    driver_too_old,
    arch_not_in_wheel,
    arch_dropped_from_wheel,
    tf_arch_not_in_wheel,
)
