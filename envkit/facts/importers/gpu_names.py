"""What a GPU's name tells where no report says it: its maker and its compute capability."""

from __future__ import annotations

import functools
import re

from envkit.compat import find_gpu, load_compat
from envkit.compat.names import name_key

_CUT = re.compile(r"\s*(?:\.{2,}|…)$")
_NVIDIA = re.compile(r"\b(?:nvidia|geforce|tesla|quadro|titan|grid|rtx|gtx)\b", re.IGNORECASE)
_OTHERS = re.compile(r"\b(?:amd|radeon|instinct|intel|arc|gfx\d\w+|apple|ascend)\b", re.IGNORECASE)
_SHORTEST = 4
"""Characters of a name that was cut; fewer could be anything."""


def is_cut(name: str) -> bool:
    """Whether a table had no room for the whole name: `NVIDIA GeForce RTX 308...`."""
    return _CUT.search(name) is not None


def uncut(name: str) -> str:
    """The part of a name that was printed."""
    return _CUT.sub("", name)


def is_nvidia(name: str) -> bool:
    """Whether a device's name is that of an NVIDIA GPU."""
    if _OTHERS.search(name):
        return False
    return bool(_NVIDIA.search(name)) or compute_capability(name) is not None


@functools.lru_cache(maxsize=256)
def compute_capability(name: str) -> str | None:
    """The compute capability that a name means in the tables; None where it could mean several."""
    compat = load_compat()
    if is_cut(name):
        start = name_key(uncut(name))
        named = (gpu for gpu in compat.gpus for text in (gpu.name, *gpu.aliases) if _starts(text, start))
        found = {gpu.cc for gpu in named}
    else:
        found = {gpu.cc for gpu in find_gpu(compat, name)}
    return found.pop() if len(found) == 1 else None


def _starts(text: str, start: str) -> bool:
    return len(start) >= _SHORTEST and name_key(text).startswith(start)
