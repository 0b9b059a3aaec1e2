"""torch as its files describe it; nothing is imported."""

import os
import re

from . import fatbin
from .elf import Elf, search_path

_ASSIGNED = re.compile(r"^(__version__|cuda|hip)\b[^=\n]*=\s*(?:(['\"])(.*?)\2|None)", re.M)
_ARCHS = rb"(?:sm|compute)_\d+[af]?"
_FLAGS = re.compile(_ARCHS + rb"(?: " + _ARCHS + rb")*\0")
_GFX_FLAGS = re.compile(rb"gfx[0-9a-f]{3,4}(?:[ ;]gfx[0-9a-f]{3,4})*\0")
_BUNDLE = b"__CLANG_OFFLOAD_BUNDLE__"
BUDGET = 0.25
"""Seconds for the walk over the device code: 0.015 s from the page cache for torch 2.15.0."""

_DEVICE_LIBRARIES = ("libtorch_cuda.so", "libtorch_cuda_cu.so", "libtorch_hip.so")
_CHECK_FAIL = b"_ZN3c106detail14torchCheckFailEPKcS2_jRK"
"""Mangled c10::detail::torchCheckFail(char const*, char const*, unsigned, string const&) up to the string."""


def read(folder, prefix):
    """Fields of TorchFacts, or None when the folder has no version.py."""
    try:
        with open(os.path.join(folder, "version.py"), encoding="utf-8", errors="replace") as file:
            assigned = {match[1]: match[3] or "" for match in _ASSIGNED.finditer(file.read(1 << 16))}
    except OSError:
        return None
    facts = {
        "version": assigned.get("__version__", ""),
        "path": folder,
        "cuda": assigned.get("cuda"),
        "hip": assigned.get("hip"),
        "cxx11_abi": _cxx11_abi(library(folder, prefix, "libc10.so")),
    }
    if not facts["cuda"] and not facts["hip"]:
        facts.update(archs=[])
    return facts


def library(folder, prefix, name):
    """Where a library of torch lies: in torch/lib, or (conda-forge) in the environment's lib; or None."""
    for candidate in (os.path.join(folder, "lib", name), os.path.join(prefix, "lib", name)):
        if os.path.exists(candidate):
            return candidate
    return None


def device_library(folder, prefix):
    """The library with torch's device code, else the one that every build has, else None."""
    for name in (*_DEVICE_LIBRARIES, "libtorch.so"):
        found = library(folder, prefix, name)
        if found is not None:
            return found
    return None


def read_archs(folder, prefix, build):
    """`archs`, `archs_from`, `rpath`, `rpath_kind`; what could not be read is left out.

    build: what `read` returned.
    """
    hip = bool(build["hip"])
    found = {}
    path = device_library(folder, prefix)
    if path is None:
        return found
    try:
        kind, entries = search_path(path)
        found.update(rpath=entries, rpath_kind=kind)
    except (OSError, ValueError):
        pass
    if not hip and not build["cuda"]:
        return found
    archs = _gfx(path) if hip else _walked(path)
    how, where = "bundle" if hip else "fatbin", path
    if not archs:
        where = library(folder, prefix, "libtorch_python.so")
        archs, how = (_flags(where, _GFX_FLAGS if hip else _FLAGS), "flags") if where else ([], how)
    if archs:
        found.update(archs=archs, archs_from="{}: {}".format(how, os.path.basename(where)))
    return found


def _walked(path):
    try:
        with Elf(path) as elf:
            return fatbin.common(fatbin.counts(elf, BUDGET))
    except (OSError, ValueError, fatbin.OutOfTimeError):
        return []


def _flags(path, pattern):
    """The build's own list, the string behind torch.cuda.get_arch_list(): the longest that there is."""
    lead = b"gfx" if pattern is _GFX_FLAGS else b"sm_"
    best = b""
    try:
        with Elf(path) as elf:
            offset, size = elf.sections().get(".rodata", (0, len(elf.data)))
            data = elf.data[offset : offset + size]
    except (OSError, ValueError):
        return []
    at = data.find(lead)
    while at >= 0:
        match = pattern.match(data, at)
        if match is not None and len(match[0]) > len(best):
            best = match[0]
        at = data.find(lead, match.end() if match else at + 1)
    return best.rstrip(b"\0").decode().replace(";", " ").split()


def _gfx(path):
    """Targets of the first clang offload bundle: {u64 count, {u64 offset, u64 size, u64 length, id}...}."""
    archs = set()
    try:
        with Elf(path) as elf:
            offset, _ = elf.sections().get(".hip_fatbin", (0, 0))
            if elf.data[offset : offset + len(_BUNDLE)] != _BUNDLE:
                return []  # compressed bundles do not name their targets in the clear
            (count,) = elf.unpack("<Q", offset + len(_BUNDLE))
            at = offset + len(_BUNDLE) + 8
            for _ in range(min(count, 256)):
                (length,) = elf.unpack("<Q", at + 16)
                target = elf.data[at + 24 : at + 24 + min(length, 200)].decode("ascii", "replace")
                if "--gfx" in target:
                    archs.add(target.rpartition("--")[2].partition(":")[0])
                at += 24 + length
    except (OSError, ValueError):
        return []
    return sorted(archs)


def _cxx11_abi(path):
    """Whether std::string in torch's interfaces is the C++11 one; None when not read."""
    try:
        with Elf(path) as elf:
            offset, size = elf.sections().get(".dynstr", (0, 0))
            names = elf.data[offset : offset + size]
    except (OSError, ValueError, TypeError):
        return None
    at = names.find(_CHECK_FAIL)
    if at < 0:
        return None
    rest = names[at + len(_CHECK_FAIL) : at + len(_CHECK_FAIL) + 16]
    return True if rest.startswith(b"NSt7__cxx11") else False if rest.startswith(b"Ss") else None
