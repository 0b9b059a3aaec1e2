"""Whether the packages of the target Python belong together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from envkit.compat import Compat, driver_floor, tensorflow_release, torch_release, version_key
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem
from envkit.facts.model import Snapshot
from envkit.facts.python_model import Distribution, TargetPython


def _marker_environment(python: TargetPython) -> dict[str, str]:
    version = python.version or "3.12.0"
    return {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "platform_machine": (python.platform_tag or "linux-x86_64").rpartition("-")[2],
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }


def _violations(snapshot: Snapshot, python: TargetPython) -> Iterator[tuple[Distribution, Requirement, str]]:
    """(who requires, what, the version that is there) for each requirement that is not met."""
    environment = _marker_environment(python)
    for owner in python.distributions or ():
        if owner.broken or views.distribution(snapshot, owner.name) is not owner:
            continue
        for text in owner.requires:
            try:
                requirement = Requirement(text)
                wanted = requirement.marker is None or requirement.marker.evaluate(environment)
            except (InvalidRequirement, ValueError):
                continue
            name = re.sub(r"[-_.]+", "-", requirement.name).lower()
            there = views.distribution(snapshot, name) if wanted else None
            version = views.version(views.public(there.version)) if there is not None else None
            if version is not None and not requirement.specifier.contains(version, prereleases=True):
                yield owner, requirement, there.version if there is not None else ""


def _unmet(snapshot: Snapshot, owners: str, names: str, fine: str) -> Outcome:
    """A requirement of a distribution matching `owners` on one matching `names` that is not met."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    asked = False
    for owner in python.distributions or ():
        asked = asked or (re.fullmatch(owners, owner.name) is not None and not owner.broken)
    if not asked:
        return not_applicable("nothing installed that would ask for it")
    for owner, requirement, version in _violations(snapshot, python):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if re.fullmatch(owners, owner.name) and re.fullmatch(names, name):
            needed = f"{name}{requirement.specifier}"
            return problem(
                f"{owner.name} {owner.version} needs {needed}, and {version} is installed",
                fact(owner.name, f"{owner.version} requires {needed}", owner.location),
                fact(name, version, owner.location),
                owner=owner.name,
                requirement=f"'{needed}'",
                python=python.executable,
            )
    return ok(fine)


def torch_torchvision_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """torch and torchvision/torchaudio builds do not belong together."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    torch = views.distribution(snapshot, "torch")
    companions = [d for name in ("torchvision", "torchaudio") if (d := views.distribution(snapshot, name))]
    if torch is None or not companions:
        return not_applicable("torch and a companion are not both installed")
    unmet = _unmet(snapshot, "torchvision|torchaudio", "torch", "")
    release = torch_release(compat, views.public(torch.version))
    for companion in companions:
        expected = getattr(release, companion.name, None) if release is not None else None
        reason = _companion_conflict(torch, companion, expected)
        if reason is not None:
            return problem(
                reason,
                fact("torch", torch.version, torch.location),
                fact(companion.name, companion.version, companion.location),
                python=python.executable,
                companion=f"{companion.name}=={expected}" if expected else None,
                torch=views.public(torch.version),
            )
    return unmet if unmet.status == "problem" else ok("torch and its companions belong together")


def _companion_conflict(torch: Distribution, companion: Distribution, expected: str | None) -> str | None:
    """Why two builds cannot be loaded together: another minor, or another CUDA."""
    have, want = views.version(views.public(companion.version)), views.version(expected)
    if have is not None and want is not None and have.release[:2] != want.release[:2]:
        return (
            f"{companion.name} {companion.version} was built for another torch than {torch.version} "
            f"(which goes with {companion.name} {expected})"
        )
    tags = torch.version.partition("+")[2], companion.version.partition("+")[2]
    if all(re.fullmatch(r"cpu|cu\d+|rocm[\d.]+", tag) for tag in tags) and tags[0] != tags[1]:
        return f"torch is a {tags[0]} build and {companion.name} a {tags[1]} build"
    return None


def xformers_torch_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """xformers build does not match the installed torch."""
    return _unmet(snapshot, "xformers", "torch", "xformers was built for this torch")


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
    for link, sparse in pairs:
        # cuSPARSE's own version number runs apart from CUDA's; its requirement names the nvJitLink it needs.
        unmet = _unmet(snapshot, re.escape(sparse.name), re.escape(link.name), "")
        if unmet.status == "problem":
            return unmet
    torch_pin = _unmet(snapshot, "torch", r"nvidia-nvjitlink(-cu\d+)?", "") if pairs else None
    if torch_pin is not None and torch_pin.status == "problem":
        return torch_pin
    if not pairs:
        return not_applicable("nvJitLink does not come from a package here")
    return ok("nvJitLink is as new as cuSPARSE needs")


def cudnn_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The installed cuDNN package is not the one that the framework was built for."""
    return _unmet(snapshot, "torch|tensorflow", r"nvidia-cudnn(-cu\d+)?", "cuDNN is the pinned one")


def nccl_lib_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The installed NCCL package is not the one that the framework was built for."""
    return _unmet(snapshot, "torch|tensorflow", r"nvidia-nccl(-cu\d+)?", "NCCL is the pinned one")


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
        bound = (release.numpy or "").replace(" ", "") if release is not None else ""
        if owner is not None and "<2" in bound and "<2." not in bound:
            return problem(
                f"{name} {owner.version} was built for NumPy 1.x, and NumPy {numpy.version} is installed",
                fact(name, owner.version, owner.location),
                fact("numpy", numpy.version, numpy.location),
                python=python.executable,
            )
    for owner, requirement, there in _violations(snapshot, python):
        if requirement.name.lower() == "numpy" and "<2" in str(requirement.specifier):
            return problem(
                f"{owner.name} {owner.version} needs numpy{requirement.specifier}, and {there} is installed",
                fact(owner.name, owner.version, owner.location),
                fact("numpy", there, numpy.location),
                severity="warning",
                python=python.executable,
            )
    return ok(f"nothing here was built for an older NumPy than {numpy.version}")


def protobuf_mismatch(snapshot: Snapshot, compat: Compat) -> Outcome:
    """protobuf runtime incompatible with generated code."""
    return _unmet(snapshot, ".+", "protobuf", "protobuf suits everything that asks for it")


def jax_cpu_only_install(snapshot: Snapshot, compat: Compat) -> Outcome:
    """JAX without its CUDA plugin on a machine with a GPU."""
    python = views.target(snapshot)
    if isinstance(python, Outcome):
        return python
    jaxlib = views.distribution(snapshot, "jaxlib")
    if jaxlib is None:
        return not_applicable("JAX is not installed")
    if views.has_nvidia(snapshot) is not True:
        return not_applicable("no NVIDIA GPU on this machine")
    plugins = [d for d in python.distributions or () if re.fullmatch(r"jax-cuda\d+-plugin", d.name)]
    if plugins or "cuda" in jaxlib.version:
        return ok("JAX has its CUDA plugin")
    driver = views.driver_version(snapshot)
    newest = (
        "13"
        if driver and version_key(driver[0]) >= version_key(driver_floor(compat, "13.0") or "0")
        else "12"
    )
    return problem(
        f"jaxlib {jaxlib.version} is here without a CUDA plugin: JAX runs on the CPU",
        fact("jaxlib", jaxlib.version, jaxlib.location),
        fact("CUDA plugin", "not installed", "jax-cuda12-plugin, jax-cuda13-plugin"),
        severity=None if not any(b.cuda for b in views.builds(snapshot)) else "warning",
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
