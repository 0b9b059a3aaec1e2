"""Versions and capabilities that are compared as numbers: what is none was not read."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, TypeVar

from envkit.facts.gpu_model import Gpu
from envkit.facts.model import Snapshot

T = TypeVar("T")

_NUMBER = re.compile(r"[rR]?[0-9]{1,9}(?:\.[0-9]{1,9}){0,9}(?:[^0-9.].{0,100})?")
_CAPABILITY = re.compile(r"[0-9]{1,2}\.[0-9]")
_COMPARED = {
    "host": ("libc_version",),
    "driver": ("module_version", "library_version", "libcuda_version"),
    "nvml": ("driver_version", "nvml_version", "cuda_version"),
    "python": ("libstdcxx", "glibcxx_needed"),
}


def is_number(version: str) -> bool:
    """Whether a text begins as `550.54.14`, `R550` or `2.39` do, with numbers that a version can have."""
    return _NUMBER.fullmatch(version) is not None


def readable(snapshot: Snapshot) -> Snapshot:
    """The snapshot without texts in the places of such numbers that are none: rules and the resolver compare
    them. They come from a file that somebody gave, or from a driver that answers nonsense.
    """
    changes: dict[str, Any] = {}
    for name, fields in _COMPARED.items():
        group = getattr(snapshot, name)
        if group is not None and (cleared := _cleared(group, fields)) is not group:
            changes[name] = cleared
    nvml = changes.get("nvml", snapshot.nvml)
    if nvml is not None and nvml.gpus and (gpus := _capable(nvml.gpus)) is not nvml.gpus:
        changes["nvml"] = dataclasses.replace(nvml, gpus=gpus)
    libraries = snapshot.libraries
    if libraries is not None:
        cleaned = tuple(_cleared(one, ("version",)) if one.family == "cuda" else one for one in libraries)
        if any(new is not old for new, old in zip(cleaned, libraries, strict=True)):
            changes["libraries"] = cleaned
    return dataclasses.replace(snapshot, **changes) if changes else snapshot


def _capable(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """The GPUs, those with a compute capability that is none without it."""
    if all(gpu.compute_capability is None or _CAPABILITY.fullmatch(gpu.compute_capability) for gpu in gpus):
        return gpus
    return tuple(
        gpu
        if _CAPABILITY.fullmatch(gpu.compute_capability or "")
        else dataclasses.replace(gpu, compute_capability=None)
        for gpu in gpus
    )


def _cleared(group: T, fields: tuple[str, ...]) -> T:
    """The group with None in those of the fields that hold a text and no number; itself where all do."""
    texts = {name: getattr(group, name) for name in fields}
    wrong = [name for name, text in texts.items() if text is not None and not _says(name, text)]
    return dataclasses.replace(group, **dict.fromkeys(wrong)) if wrong else group  # type: ignore[type-var]


def _says(name: str, text: str) -> bool:
    """Whether the text says something: `glibcxx_needed` does with an empty one, namely that none is."""
    return is_number(text) or (name == "glibcxx_needed" and not text)
