"""Which GPU runs which compiled code.

Sources of the rules: NVIDIA's CUDA programming guide (binary and PTX compatibility, architecture- and
family-specific targets), and `DEVICE_REQUIREMENT` in torch/cuda/__init__.py, which states the same for torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

Kernel = Literal["cubin", "ptx"]
ArchRelation = Literal["carried", "ptx", "too-new", "too-old", "gap", "unknown"]
Capability = tuple[int, int]

_ARCH = re.compile(r"(?P<kind>sm|compute)_(?P<major>\d{1,2})(?P<minor>\d)(?P<suffix>[af]?)")
_CC = re.compile(r"(\d{1,2})\.(\d)")

# CUDA 12 called Thor 10.1; CUDA 13 renamed it 11.0. Code and devices of both names are the same.
_RENAMED = {(10, 1): (11, 0)}
# Integrated Tegra GPUs: NVIDIA promises binary compatibility between minors only among discrete GPUs.
_TEGRA = frozenset({(5, 3), (6, 2), (7, 2), (8, 7)})


class Arch(NamedTuple):
    """A compilation target as binaries print it: "sm_90", "sm_90a", "sm_100f", "compute_120"."""

    kind: Literal["sm", "compute"]
    cc: Capability
    suffix: Literal["", "a", "f"]


@lru_cache(maxsize=1024)
def parse_cc(text: str) -> Capability:
    """(major, minor) of a compute capability such as "8.6"; Thor's old 10.1 becomes 11.0.

    Raises ValueError on anything else.
    """
    found = _CC.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a compute capability: {text!r}")
    cc = (int(found[1]), int(found[2]))
    return _RENAMED.get(cc, cc)


@lru_cache(maxsize=4096)  # wheels carry the same few, and many rules ask
def parse_arch(text: str) -> Arch | None:
    """The target of an arch string (the last digit is the minor: sm_90 is 9.0, sm_120 is 12.0), or None."""
    found = _ARCH.fullmatch(text.strip())
    if found is None:
        return None
    cc = (int(found["major"]), int(found["minor"]))
    # The groups of the pattern are the members of the Literals.
    return Arch(found["kind"], _RENAMED.get(cc, cc), found["suffix"])  # type: ignore[arg-type]


def kernel_for(archs: Iterable[str], cc: str) -> Kernel | None:
    """What in a binary runs on a GPU of compute capability `cc`: a cubin, else PTX for the driver to compile.

    None means that nothing there is promised to run. Strings that are no CUDA target are passed over.
    Raises ValueError when `cc` is not a compute capability.
    """
    device = parse_cc(cc)
    targets = [arch for arch in map(parse_arch, archs) if arch is not None]
    if any(arch.kind == "sm" and _cubin_runs(arch, device) for arch in targets):
        return "cubin"
    if any(arch.kind == "compute" and _ptx_runs(arch, device) for arch in targets):
        return "ptx"
    return None


def arch_relation(archs: Iterable[str] | None, cc: str) -> ArchRelation:
    """How a GPU stands to the architectures a binary was compiled for.

    carried: a cubin runs; ptx: only PTX does; too-old: older than all of them (dropped); too-new: newer than
    all; gap: between them, and none of them runs; unknown: no list, or a Tegra GPU with only a desktop cubin
    of its major (not promised by NVIDIA, and reports go both ways: jax#40492 no, bitsandbytes#1941 yes).
    Raises ValueError when `cc` is not a compute capability.
    """
    return _relation(tuple(archs or ()), cc)


@lru_cache(maxsize=4096)
def _relation(texts: tuple[str, ...], cc: str) -> ArchRelation:
    device = parse_cc(cc)
    targets = [arch for arch in map(parse_arch, texts) if arch is not None]
    if not targets:
        return "unknown"
    kernel = kernel_for(texts, cc)
    if kernel is not None:
        return "carried" if kernel == "cubin" else "ptx"
    if device in _TEGRA and any(arch.kind == "sm" and _same_family(arch, device) for arch in targets):
        return "unknown"
    known = [arch.cc for arch in targets]
    if device < min(known):
        return "too-old"
    return "too-new" if device > max(known) else "gap"


def _same_family(arch: Arch, device: Capability) -> bool:
    return arch.cc[0] == device[0] and arch.cc[1] <= device[1]


def _cubin_runs(arch: Arch, device: Capability) -> bool:
    if arch.suffix == "a" or arch.cc in _TEGRA or device in _TEGRA:
        return arch.cc == device
    return _same_family(arch, device)


def _ptx_runs(arch: Arch, device: Capability) -> bool:
    if arch.suffix == "a":
        return arch.cc == device
    return _same_family(arch, device) if arch.suffix == "f" else arch.cc <= device
