"""Whether the packages of the target Python belong together."""

from __future__ import annotations

import re
from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envkit.compat import (
    Compat,
    TorchRelease,
    driver_floor,
    driver_meets,
    tensorflow_release,
    torch_release,
)
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem
from envkit.doctor.rules import loaded
from envkit.doctor.rules.requirements import only_newer, unmet, violations
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution

_CONDA_CUDA = ("cuda-cudart", "libcublas", "libcudnn", "cudnn", "cudatoolkit")


def torch_torchvision_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """torch and torchvision/torchaudio builds do not belong together."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    torch = views.distribution(snapshot, "torch")
    companions = [d for name in ("torchvision", "torchaudio") if (d := views.distribution(snapshot, name))]
    if torch is None or not companions:
        return not_applicable("torch and a companion are not both installed")
    missed = unmet(snapshot, "torchvision|torchaudio", "torch", "")
    release = torch_release(compat, views.public(torch.version))
    ours = views.version(torch.version)
    for companion in companions:
        theirs = views.version(companion.version)
        expected = getattr(release, companion.name, None) if release is not None else None
        # Nightlies and NVIDIA's builds pair pre-releases that no table knows.
        if any(version is None or version.is_prerelease for version in (ours, theirs)):
            expected = None
        reason = _companion_conflict(torch, companion, expected)
        if reason is not None:
            index = _index(snapshot, torch, release)
            alone = expected is not None and not _tags_differ(torch, companion) and index is not None
            return problem(
                reason,
                fact("torch", torch.version, torch.location),
                fact(companion.name, companion.version, companion.location),
                python=python.executable,
                companion=f"{companion.name}=={expected}" if alone else None,
                torch=views.public(torch.version) if alone else None,
                index=index or None,
                default_index="yes" if index == "" else None,
                both=None if alone else f"torch and {companion.name}",
            )
    return missed if missed.status == "problem" else ok("torch and its companions belong together")


def _companion_conflict(torch: Distribution, companion: Distribution, expected: str | None) -> str | None:
    """Why two builds cannot be loaded together: another minor, or another CUDA."""
    have, want = views.version(views.public(companion.version)), views.version(expected)
    if have is not None and want is not None and have.release[:2] != want.release[:2]:
        return (
            f"{companion.name} {companion.version} was built for another torch than {torch.version} "
            f"(which goes with {companion.name} {expected})"
        )
    if _tags_differ(torch, companion):
        return f"torch is a {_tag(torch)} build and {companion.name} a {_tag(companion)} build"
    return None


def _tag(distribution: Distribution) -> str:
    return distribution.version.partition("+")[2]


def _index(snapshot: Snapshot, torch: Distribution, release: TorchRelease | None) -> str | None:
    """Where the companions of a torch build are; "" = the default index, None = not known."""
    if not _tag(torch):
        return ""
    if release is None:
        return None
    for variant in release.variants:
        if variant.tag == _tag(torch) and variant.platform == views.platform(snapshot):
            if variant.on_default_index:
                return ""
            from envkit.resolve.candidates import TORCH_INDEX  # only here is the resolver worth its import

            return TORCH_INDEX + variant.tag
    return None


def _tags_differ(torch: Distribution, companion: Distribution) -> bool:
    """CPU beside CUDA, or another CUDA major: torchvision itself refuses no more than that."""
    kinds = [re.fullmatch(r"(cpu|cu\d\d|rocm\d+)[\d.]*", _tag(one)) for one in (torch, companion)]
    return None not in kinds and len({kind[1] for kind in kinds if kind}) > 1


def xformers_torch_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """xformers build does not match the installed torch."""
    return unmet(snapshot, "xformers", "torch", "xformers was built for this torch")


def extension_abi_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """A compiled extension built against another torch."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    torch = views.distribution(snapshot, "torch")
    tagged = [
        (d, match[1])
        for d in python.distributions or ()
        if not d.broken and (match := re.search(r"\+.*?torch(\d+\.\d+)", d.version))
    ]
    if torch is None or not tagged:
        return not_applicable("no extension whose version says which torch it was built for")
    for extension, built_for in tagged:
        if not torch.version.startswith(built_for + ".") and views.public(torch.version) != built_for:
            return problem(
                f"{extension.name} {extension.version} was built for torch {built_for}, "
                f"and torch {torch.version} is installed",
                fact(extension.name, extension.version, extension.location),
                fact("torch", torch.version, torch.location),
                extension=extension.name,
                python=python.executable,
            )
    return ok("every tagged extension was built for this torch")


def nvjitlink_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """An older libnvJitLink than cuSPARSE needs."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    pairs = [
        (link, sparse)
        for suffix in ("-cu11", "-cu12", "-cu13", "")
        if (link := views.distribution(snapshot, f"nvidia-nvjitlink{suffix}"))
        and (sparse := views.distribution(snapshot, f"nvidia-cusparse{suffix}"))
    ]
    if not pairs:
        return not_applicable("nvJitLink does not come from a package here")
    # cuSPARSE's own version number runs apart from CUDA's; its requirement names the nvJitLink it needs.
    owners = "|".join(["torch", *(re.escape(sparse.name) for _, sparse in pairs)])
    fine = "nvJitLink is as new as cuSPARSE needs"
    missed = unmet(snapshot, owners, r"nvidia-nvjitlink(-cu\d+)?", fine)
    return ok(f"{fine}, and newer than the pinned one") if only_newer(snapshot, missed) else missed


def _pinned(snapshot: Snapshot, names: str, fine: str) -> Outcome:
    """A library that the framework pins; a newer one of the same major is worth a note."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    if not any(re.fullmatch(names, copy.name) for copy in python.distributions or ()):
        return not_applicable("the library does not come from a package here")
    missed = unmet(snapshot, "torch|tensorflow", names, fine)
    return replace(missed, severity="note", confidence=0.6) if only_newer(snapshot, missed) else missed


def cudnn_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """cuDNN is not the one that the framework was built for, or parts of two were loaded."""
    return loaded.two_copies(snapshot, "cudnn", "cuDNN") or _pinned(
        snapshot, r"nvidia-cudnn(-cu\d+)?", "cuDNN is the pinned one"
    )


def nccl_lib_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """NCCL is not the one that the framework was built for, or two were loaded."""
    return loaded.two_copies(snapshot, "nccl", "NCCL") or _pinned(
        snapshot, r"nvidia-nccl(-cu\d+)?", "NCCL is the pinned one"
    )


def numpy2_abi(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Extension built for NumPy 1.x under NumPy 2.x."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    numpy = views.distribution(snapshot, "numpy")
    version = views.version(numpy.version) if numpy is not None else None
    if numpy is None or version is None or version < Version("2"):
        return ok("NumPy is not 2.x") if numpy else not_applicable("NumPy is not installed")
    for name, lookup in (("torch", torch_release), ("tensorflow", tensorflow_release)):
        owner = views.distribution(snapshot, name)
        release = lookup(compat, views.public(owner.version)) if owner is not None else None
        bound = release.numpy if release is not None else None
        if owner is not None and _numpy_1_only(SpecifierSet(bound or "")):
            return problem(
                f"{name} {owner.version} was built for NumPy 1.x, and NumPy {numpy.version} is installed",
                fact(name, owner.version, owner.location),
                fact("numpy", numpy.version, numpy.location),
                python=python.executable,
            )
    for owner, requirement, there in violations(snapshot, python):
        if requirement.name.lower() == "numpy" and _numpy_1_only(requirement.specifier):
            return problem(
                f"{owner.name} {owner.version} needs numpy{requirement.specifier}, and {there} is installed",
                fact(owner.name, owner.version, owner.location),
                fact("numpy", there, numpy.location),
                severity="warning",
                python=python.executable,
            )
    return ok(f"nothing here was built for an older NumPy than {numpy.version}")


def _numpy_1_only(specifier: SpecifierSet) -> bool:
    """Whether a requirement keeps every NumPy 2 out, and does not only stop at one of its minors."""
    return not any(specifier.contains(f"2.{minor}.0") for minor in range(10)) and "<" in str(specifier)


def protobuf_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """protobuf runtime incompatible with generated code."""
    fine = "protobuf suits everything that asks for it"
    framework = unmet(snapshot, "tensorflow.*|tensorboard|jax.*|onnx|tf-keras", "protobuf", fine)
    if framework.status == "problem":
        return framework
    other = unmet(snapshot, ".+", "protobuf", fine)
    return replace(other, severity="warning") if other.status == "problem" else other


def jax_cpu_only_install(snapshot: Snapshot, compat: Compat) -> Outcome:
    """JAX without its CUDA plugin on a machine with a GPU."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    jaxlib = views.distribution(snapshot, "jaxlib")
    if jaxlib is None:
        return not_applicable("JAX is not installed")
    missing = views.without_nvidia(snapshot)
    if missing is not None:
        return missing
    plugins = [d for d in python.distributions or () if re.fullmatch(r"jax-cuda\d+-plugin", d.name)]
    if plugins or "cuda" in jaxlib.version:
        return ok("JAX has its CUDA plugin")
    of_conda = {package.name for package in python.conda_packages or ()}
    if jaxlib.name in of_conda and not of_conda.isdisjoint(_CONDA_CUDA):
        return ok("conda's jaxlib comes with CUDA in it, as the CUDA libraries beside it show")
    driver = views.driver_version(snapshot)
    newest = "13" if driver and driver_meets(driver[0], driver_floor(compat, "13.0") or "0") else "12"
    return problem(
        f"jaxlib {jaxlib.version} is here without a CUDA plugin: JAX runs on the CPU",
        fact("jaxlib", jaxlib.version, jaxlib.location),
        fact("CUDA plugin", "not installed", "jax-cuda12-plugin, jax-cuda13-plugin"),
        # Beside a framework that uses the GPU, JAX mostly came with another package.
        severity="note" if views.wants_gpu(snapshot) else None,
        python=python.executable,
        extra=f"cuda{newest}",
    )


def jax_plugin_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """jax, jaxlib and the CUDA plugin from different releases."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    jaxlib = views.distribution(snapshot, "jaxlib")
    if jaxlib is None:
        return not_applicable("JAX is not installed")
    wanted = unmet(snapshot, "jax", "jaxlib", "")
    if wanted.status == "problem":
        return wanted
    for other in python.distributions or ():
        if re.fullmatch(r"jax-cuda\d+-(plugin|pjrt)", other.name) and not other.broken:
            ours, theirs = views.version(views.public(jaxlib.version)), views.version(other.version)
            if ours is not None and theirs is not None and ours.release[:3] != theirs.release[:3]:
                return problem(
                    f"{other.name} {other.version} does not go with jaxlib {jaxlib.version}",
                    fact("jaxlib", jaxlib.version, jaxlib.location),
                    fact(other.name, other.version, other.location),
                    python=python.executable,
                    extra=f"cuda{re.sub(r'[^0-9]', '', other.name)}",
                    version=jaxlib.version,
                )
    return ok("jaxlib and its plugins are of one release")


RULES = (
    torch_torchvision_mismatch,
    xformers_torch_mismatch,
    extension_abi_mismatch,
    nvjitlink_mismatch,
    cudnn_mismatch,
    nccl_lib_mismatch,
    numpy2_abi,
    protobuf_mismatch,
    jax_cpu_only_install,
    jax_plugin_mismatch,
)
