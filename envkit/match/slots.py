"""What a text names that a fix can use: versions, packages, libraries, places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from envkit.causes.advice import glibc_from
from envkit.compat.cuda import parse_cuda
from envkit.compat.model import Compat
from envkit.compat.query import driver_floor, drivers_needed, fitting_torch
from envkit.core.text import shell_word
from envkit.match.hints import Machine
from envkit.match.lines import Line

_GLIBC = re.compile(r"glibc_2\.(\d{1,2})\b")
_CUDNN = re.compile(r"libcudnn\w*\.so\.(\d{1,2})\b|cudnn\w*64_(\d{1,2})\.dll")
_CUDA_MAJOR = re.compile(r"lib(?:cu\w+|nvjitlink|nvrtc)\.so\.(1[0-9])\b|\bcu(1[0-9])\d\b|\+cu(1[0-9])\d\b")
_FOUND = re.compile(r"found version (\d{4,5})\b")
_MODULE = re.compile(r"no module named '?([a-z_][a-z0-9_]{1,40})(?:'|$|[^\w.])")
_PACKAGE = re.compile(
    r"(?:failed to build|failed building wheel for|building wheel for|collecting|likely indicates that|"
    r"could not build wheels for|error: failed building|pip install(?: -\S+)*)[ `']{1,3}"
    r"([a-z][a-z0-9]{1,30}(?:[-_.][a-z0-9]{1,20}){0,4})"
)
_FILE_OF = re.compile(
    r"\b(flash_attn|xformers|mamba_ssm|selective_scan|causal_conv1d|bitsandbytes|torch_scatter|torch_sparse|torch_cluster|"
    r"apex|vllm|deepspeed|mmcv|detectron2|spconv|transformer_engine|sageattention|gsplat|nvdiffrast)\w*"
)
_NAMES = {"flash_attn": "flash-attn", "selective_scan": "mamba-ssm", "mamba_ssm": "mamba-ssm"}
_GCC = re.compile(r"gcc versions later than (\d{1,2}) are not supported|g\+\+ \(>=[\d.]+, ?<(\d{1,2})\.")
_TORCH_CUDA = re.compile(r"compile pytorch \((\d{1,2}\.\d)\)|torch was compiled with (\d{1,2}\.\d)")
_LIBRARY = re.compile(r"\b(lib[a-z][\w+-]{1,40}\.so(?:\.\d{1,3}){0,4}|[a-z][\w-]{1,40}64_\d{1,4}\.dll)")
_FOLDER = re.compile(r"(/usr/local/cuda[\w.-]{0,12}/(?:lib64|lib|extras/cupti/lib64))")
_PID = re.compile(r"\bprocess (\d{1,8}) has [\d.]+ [gm]ib memory in use")
_VARIABLE = re.compile(r"\b((?:pytorch|cuda|nccl|cublas|nsight|tf|xla)_[a-z0-9_]{3,40})\b")
_DEFAULT_CC = "7.5"
"""Every CUDA build of the last years carries it; the driver alone decides then."""

_SYSTEMS = {
    "ubuntu": ("os_ubuntu", "os_apt"),
    "debian": ("os_debian", "os_apt", "os_not_ubuntu"),
    "fedora": ("os_fedora", "os_not_apt", "os_not_ubuntu"),
}
"""Hints that name a distribution, and the conditions of steps that hold then."""
_PLACES = {
    "docker-named": ("docker", "container"),
    "podman-named": ("podman", "container"),
    "apptainer-named": ("apptainer", "container"),
    "kubernetes-named": ("kubernetes", "container"),
    "conda": ("conda",),
    "conda-install": ("conda",),
    "wsl": ("windows",),
    "windows": ("windows",),
    "slurm": ("slurm",),
    "tensorflow": ("tensorflow",),
    "kaggle-named": ("kaggle",),
    "descriptors-named": ("descriptors",),
}


def slots_of(lines: Sequence[Line], machine: Machine, said: frozenset[str], compat: Compat) -> dict[str, str]:
    """The slots of fix steps that this text fills."""
    text = "\n".join(line.folded for line in lines)[:400_000]
    found = {"python": "python", **dict(_named(text)), **dict(_versions(text)), **_gpu(text, machine, compat)}
    if ".so" in text:
        found["linux"] = "yes"
    for conditions in (_SYSTEMS, _PLACES):
        for hint, slots in conditions.items():
            if hint in said:
                found |= dict.fromkeys(slots, "yes")
    return found


def _named(text: str) -> Iterator[tuple[str, str]]:
    for name, pattern in (("module", _MODULE), ("library", _LIBRARY), ("folder", _FOLDER), ("pid", _PID)):
        if match := pattern.search(text):
            yield name, match[1]
    if match := _VARIABLE.search(text):
        yield "variable", match[1].upper()
    if match := _PACKAGE.search(text):
        yield "package", _NAMES.get(match[1], match[1].rstrip(".").replace("_", "-"))
    elif match := _FILE_OF.search(text):
        yield "package", _NAMES.get(match[1], match[1].replace("_", "-"))


def _versions(text: str) -> Iterator[tuple[str, str]]:
    if minors := [int(minor) for minor in _GLIBC.findall(text)]:
        yield "glibc", f"2.{max(minors)}"
        if releases := glibc_from((2, max(minors))):
            yield "glibc_from", releases
    for name, pattern in (
        ("cudnn", _CUDNN),
        ("cuda_major", _CUDA_MAJOR),
        ("torch_cuda", _TORCH_CUDA),
    ):
        if match := pattern.search(text):
            yield name, next(group for group in match.groups() if group)
    if match := _GCC.search(text):
        yield "gcc", match[1] or str(int(match[2]) - 1)


def _gpu(text: str, machine: Machine, compat: Compat) -> dict[str, str]:
    """What follows for the framework's build from the GPU, the driver and the CUDA that are named."""
    found: dict[str, str] = {}
    driver = machine.driver
    if match := _FOUND.search(text):
        number = int(match[1])
        found["found_cuda"] = cuda = f"{number // 1000}.{number % 1000 // 10}"
        needed = drivers_needed(compat, cuda, machine.platform) if parse_cuda(cuda) else None
        driver = driver or (needed.paired_ga or needed.floor if needed is not None else None)
    if machine.driver:
        found["driver"] = machine.driver
    if machine.ccs:
        found["cc"] = machine.ccs[0]
    if machine.cuda:
        found["cuda"] = machine.cuda
        if floor := driver_floor(compat, machine.cuda, machine.platform):
            found["floor"] = floor
    if (driver or machine.ccs) and (install := _install(compat, driver, machine)):
        found["torch_install"] = install
    return found


def _install(compat: Compat, driver: str | None, machine: Machine) -> str | None:
    """The pip command for the newest torch that runs on this driver and GPU."""
    ccs = machine.ccs[:1] or (_DEFAULT_CC,)
    try:
        choices = fitting_torch(compat, driver=driver, ccs=ccs)
    except ValueError:
        return None
    if not choices:
        return None
    index = ["--index-url", choices[0].index_url] if choices[0].index_url else []
    words = ["python", "-m", "pip", "install", "--force-reinstall", choices[0].requirement, *index]
    return " ".join(map(shell_word, words))
