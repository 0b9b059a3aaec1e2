"""GPU names, as NVML, lspci and people write them."""

from __future__ import annotations

import functools
import re

from envkit.compat.model import Compat, GpuModel

_NOISE = re.compile(r"\(r\)|\(tm\)|[®™]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]]+)\]")
_PCI_ID = re.compile(r"[0-9a-f]{4}(?::[0-9a-f]{4})?", re.IGNORECASE)
_LONGEST = 200
_BRAND = re.compile(r"^(?:nvidia corporation|nvidia|amd|advanced micro devices|geforce|tesla|grid)\b[\s\-]*")
# What may follow a product name without changing the chip; taken off the end one by one.
_SUFFIX = re.compile(
    r"[\s\-/,]*(?:\b(?:\d+\s*g(?:i?b)?|hbm\d\w?|gddr\d\w?|sxm\d?|pci[\- ]?e|nvl|oam|ac|lhr|gpu|sse\d?"
    r"|with max-q design|max-q|mig.*|graphics|generation|\d+[qcab])|\(rev \w+\))\s*$"
)


def name_key(text: str) -> str:
    """A GPU name without what writers vary: case, brand words, spaces, dashes and other punctuation."""
    text = _NOISE.sub("", text).strip().lower()
    while (shorter := _BRAND.sub("", text)) != text:
        text = shorter
    return re.sub(r"[^a-z0-9]", "", text)


def find_gpu(compat: Compat, text: str) -> tuple[GpuModel, ...]:
    """The GPUs that a name can mean: one, several when the name is ambiguous, none when it is not known.

    Takes what NVML prints ("Tesla V100-SXM2-16GB", "NVIDIA H100 80GB HBM3"), what lspci prints
    ("GA102 [GeForce RTX 3090]") and what people type ("4090", "gtx 1080 ti", "a100 80gb").
    """
    index = _index(compat)
    text = text[:_LONGEST]
    bracketed = [part for part in _BRACKETS.findall(text) if not _PCI_ID.fullmatch(part)]
    name = _NOISE.sub("", bracketed[-1] if bracketed else text).strip().lower()
    name = re.sub(r"\bmobile\b", "laptop gpu", name)
    while name:
        key = name_key(name)
        # People leave the class out: "4070 ti super", "1080ti".
        keys = (key, f"rtx{key}", f"gtx{key}") if key[:3].isdigit() else (key,)
        for each in keys:
            if found := index.get(each):
                return found
        shorter = _SUFFIX.sub("", name)
        if shorter == name:
            return ()
        name = shorter
    return ()


@functools.lru_cache(maxsize=4)
def _index(compat: Compat) -> dict[str, tuple[GpuModel, ...]]:
    by_name = {gpu.name: gpu for gpu in compat.gpus}
    index: dict[str, tuple[GpuModel, ...]] = {}
    for gpu in compat.gpus:
        index.update((name_key(text), (gpu,)) for text in (gpu.name, *gpu.aliases))
    index.update({name_key(row.alias): tuple(by_name[name] for name in row.gpus) for row in compat.ambiguous})
    return index
