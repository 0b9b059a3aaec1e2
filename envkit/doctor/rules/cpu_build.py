"""A CPU-only build of a framework where there is a GPU; how it came there depends on the installer."""

from __future__ import annotations

from envkit.compat import Compat, parse_cuda
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.doctor.rules.framework import from_conda, torch_install
from envkit.doctor.views import Build
from envkit.facts.gpu_model import PciGpu
from envkit.facts.model import Snapshot

_TENSORFLOWS = ("tensorflow", "tensorflow-intel", "tensorflow-gpu", "tensorflow-cpu")
_FRAMEWORKS = frozenset({*_TENSORFLOWS, "torch", "tensorflow-rocm", "tf-nightly", "jax", "jaxlib"})


def _cpu_build(snapshot: Snapshot) -> Outcome | Build:
    """A CPU build of a framework beside a GPU, or why there is none to complain of."""
    if not views.packages_read(snapshot):
        return unknown(views.because(snapshot, "python"))
    found = tuple(views.builds(snapshot))
    if not found:
        return not_applicable("no framework in the target Python")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    cpu_only = tuple(build for build in found if build.cuda == "")
    if not cpu_only:
        if any(build.cuda is None for build in found):
            return unknown("which CUDA the installed framework was built for could not be read")
        return ok("the installed frameworks are CUDA builds")
    return cpu_only[0]


def _cpu_problem(snapshot: Snapshot, build: Build, **slots: str | None) -> Outcome:
    devices = views.gpus(snapshot)
    pci = views.nvidia_pci(snapshot) or ()
    board = snapshot.host.board if snapshot.host is not None else None
    listed = (devices[0].name if devices else None) or (_on_bus(pci[0]) if pci else board)
    name = listed or "an NVIDIA GPU"
    # Beside a framework that uses the GPU, a CPU build is mostly there on purpose (TensorBoard, data tools).
    other_works = any(b.cuda for b in views.builds(snapshot))
    return problem(
        f"{build.name} {build.version} is a CPU-only build, and this machine has {name}",
        fact(f"{build.name} {build.version}", "built without CUDA", build.source),
        fact("GPU", name, "NVML" if devices else "PCI bus" if pci else "device tree"),
        severity="note" if other_works else None,
        confidence=1.0,
        **slots,
    )


def _on_bus(gpu: PciGpu) -> str:
    """Its name, which a machine without pci.ids cannot tell; an address alone says nothing to a person."""
    return gpu.name or f"an NVIDIA GPU at {gpu.address}"


def _is_arm(snapshot: Snapshot) -> bool:
    return views.platform(snapshot) == "linux-aarch64"


def _python(snapshot: Snapshot) -> str:
    return snapshot.python.executable if snapshot.python is not None else "python"


def cpu_only_wheel(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A CPU-only build of the framework on a machine with a GPU."""
    build = _cpu_build(snapshot)
    if isinstance(build, Outcome):
        return build
    if from_conda(snapshot, build) or _is_arm(snapshot):
        return not_applicable("another check answers this for conda and for Arm")
    if build.name == "tensorflow":
        return _cpu_problem(snapshot, build, tensorflow="tensorflow[and-cuda]", python=_python(snapshot))
    install = torch_install(snapshot, compat)
    return _cpu_problem(snapshot, build, torch_install=install, torch_later=None if install else "yes")


def cpu_only_wheel_aarch64(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A CPU-only build on an Arm machine with a GPU (Jetson, GH200)."""
    if not _is_arm(snapshot):
        return not_applicable("not an Arm machine")
    build = _cpu_build(snapshot)
    if isinstance(build, Outcome):
        return build
    if from_conda(snapshot, build):
        return not_applicable("another check answers this for conda")
    install = torch_install(snapshot, compat) if build.name == "torch" else None
    other = "jetson" if views.is_jetson(snapshot) else "server"
    return _cpu_problem(snapshot, build, torch_install=install, **{other: None if install else build.name})


def conda_solver_cpu_build(snapshot: Snapshot, compat: Compat) -> Outcome:
    """conda chose the CPU variant of the framework."""
    build = _cpu_build(snapshot)
    if isinstance(build, Outcome):
        return build
    if not from_conda(snapshot, build):
        return not_applicable("the framework is not from conda")
    offered = snapshot.nvml.cuda_version if snapshot.nvml is not None else None
    return _cpu_problem(
        snapshot,
        build,
        package="pytorch" if build.name == "torch" else build.name,
        cuda=offered if parse_cuda(offered) else None,
    )


def no_framework(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A GPU, and a Python without any framework."""
    if not views.packages_read(snapshot) or snapshot.python is None:
        return unknown(views.because(snapshot, "python"))
    there = [d.name for d in snapshot.python.distributions or () if d.name in _FRAMEWORKS]
    if there or any(views.builds(snapshot)):
        return ok("a framework is installed")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    devices = views.gpus(snapshot)
    if not devices:
        return not_applicable("no GPU answers yet; other checks say why")
    python = snapshot.python
    install = torch_install(snapshot, compat, fresh=True)
    managed = bool(python.externally_managed) and python.kind == "system"
    if install is not None and managed:
        install = install.replace(python.executable, "python", 1)
    return problem(
        f"{devices[0].name or 'a GPU'} is here, and no framework is installed in {python.executable}",
        fact("target Python", f"{python.executable} (chosen by {python.chosen_because or '?'})", "search"),
        fact("torch, tensorflow, jax", "not installed", "installed packages"),
        python=python.executable if managed else None,
        managed="yes" if managed else None,
        torch_install=install,
        no_build=None if install else "yes",
    )


def tf_windows_native_no_gpu(snapshot: Snapshot, compat: Compat) -> Outcome:
    """TensorFlow after 2.10 on Windows itself, which has no GPU support there."""
    if views.system(snapshot) != "Windows":
        return not_applicable("not Windows")
    if not views.packages_read(snapshot):
        return unknown(views.because(snapshot, "python"))
    found = next((d for name in _TENSORFLOWS if (d := views.distribution(snapshot, name)) is not None), None)
    version = views.version(found.version) if found is not None else None
    if found is None or version is None:
        return not_applicable("TensorFlow is not installed")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    if version.release[:2] <= (2, 10):
        return ok(f"TensorFlow {found.version} still supports the GPU on Windows")
    other_works = any(build.cuda for build in views.builds(snapshot))
    return problem(
        f"TensorFlow {found.version} on Windows runs on the CPU: 2.10 was the last with a GPU there",
        fact(found.name, found.version, found.location),
        fact("system", "Windows", "platform"),
        severity="note" if other_works else None,
    )


RULES = (
    no_framework,
    tf_windows_native_no_gpu,
    cpu_only_wheel,
    cpu_only_wheel_aarch64,
    conda_solver_cpu_build,
)
