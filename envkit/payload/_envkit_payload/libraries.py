"""CUDA libraries that this Python can come to load, each SONAME's providers in the loader's order."""

import os
import re
import sys

from . import loader

_NAME = re.compile(
    r"lib(?P<family>cudart|cublasLt|cublas|cudnn(?:_[a-z_]+)?|cufft|curand|cusolver|cusparseLt|cusparse|nccl"
    r"|nvJitLink|nvrtc|cupti|nvshmem_host|cuda|nvidia-ml)\.so\.(?P<version>\d+(?:\.\d+)*)$"
)
_FAMILIES = {"nvshmem_host": "nvshmem"}

_WHEELS = {
    "cudart": "cuda-runtime",
    "cublas": "cublas",
    "cublasLt": "cublas",
    "cudnn": "cudnn",
    "cufft": "cufft",
    "curand": "curand",
    "cusolver": "cusolver",
    "cusparse": "cusparse",
    "cusparseLt": "cusparselt",
    "nccl": "nccl",
    "nvJitLink": "nvjitlink",
    "nvrtc": "cuda-nvrtc",
    "cupti": "cuda-cupti",
    "nvshmem": "nvshmem",
}
"""What NVIDIA's wheels call a family: `nvidia-cuda-runtime-cu12`, and `nvidia-cuda-runtime` from CUDA 13."""


def read(paths, asking, distributions, with_environment):
    """Library dicts, grouped by SONAME.

    asking: path of the framework library whose needs are looked for, or None.
    with_environment: whether LD_LIBRARY_PATH, whose directories may not answer, is looked at.
    """
    found = {}
    for via, folder in loader.Loader(asking).directories(with_environment):
        _add_folder(found, paths, via, folder)
    for soname, path in loader.cached():
        if _NAME.match(soname) and is_ours(path):
            _add(found, soname, path, "ld-cache")
    for folder in loader.defaults():
        _add_folder(found, paths, "default", folder)
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        _add_folder(found, paths, "conda", os.path.join(sys.prefix, "lib"))
    wheels = list(wheel_folders(paths))
    for folder in wheels:
        _add_folder(found, paths, "wheel", folder)
    return [
        _described(soname, path, via, order, distributions, wheels)
        for soname, providers in sorted(found.items())
        for order, (path, via) in enumerate(providers)
    ]


def wheel_folders(paths):
    """Directories into which NVIDIA's wheels put libraries: nvidia/cudnn/lib, nvidia/cu13/lib."""
    for site in paths.sites():
        if "cusparselt" in paths.names(site):  # the one wheel that was not below nvidia/, until 0.7
            yield os.path.join(site, "cusparselt", "lib")
        if "nvidia" in paths.names(site):
            base = os.path.join(site, "nvidia")
            for name in sorted(paths.names(base)):
                if os.path.isdir(os.path.join(base, name, "lib")):
                    yield os.path.join(base, name, "lib")


def _add_folder(found, paths, via, folder):
    groups = {}
    for name in paths.names(folder):
        if _NAME.match(name):
            path = os.path.join(folder, name)
            groups.setdefault(os.path.realpath(path), []).append(name)
    for real, names in groups.items():
        if is_ours(real):
            # libcudart.so.12 -> libcudart.so.12.8.90: the shorter name is what libraries ask for.
            soname = min(names, key=len)
            _add(found, soname, os.path.join(folder, soname), via)


def is_ours(path):
    """Whether the loader would take a file: it skips those of another word size."""
    try:
        with open(path, "rb") as file:
            return file.read(5) == b"\x7fELF\x02"
    except OSError:
        return False


def _add(found, soname, path, via):
    providers = found.setdefault(soname, [])
    real = os.path.realpath(path)
    if all(os.path.realpath(other) != real for other, _ in providers):
        providers.append((os.path.normpath(path), via))


def _described(soname, path, via, order, distributions, wheels):
    family = _NAME.match(soname)["family"]
    family = _FAMILIES.get(family, family)
    real = _NAME.match(os.path.basename(os.path.realpath(path)))
    version = real["version"] if real is not None and "." in real["version"] else None
    folder = os.path.dirname(path)
    if version is None and any(_same(folder, wheel) for wheel in wheels):
        version = _wheel_version(family, folder, distributions)
    return {
        "family": family,
        "soname": soname,
        "path": path,
        "version": version,
        "via": via,
        "order": order,
    }


def _same(one, other):
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def _below(folder, site):
    return os.path.realpath(folder).startswith(os.path.realpath(site) + os.sep)


def _wheel_version(family, folder, distributions):
    """Version of the one distribution that can have put a family there; None when two could."""
    wheel = _WHEELS.get("cudnn" if family.startswith("cudnn") else family)
    names = {"nvidia-{}{}".format(wheel, suffix) for suffix in ("", "-cu11", "-cu12", "-cu13", "-cu14")}
    versions = {
        found["version"]
        for found in distributions
        if found["name"] in names and _below(folder, found["location"]) and not found.get("broken")
    }
    return versions.pop() if len(versions) == 1 else None
