"""What other programs print in a cell, as values; None where the cell says that there is no value.

Every number is bounded, so that hostile digits neither overflow nor take long.
"""

from __future__ import annotations

import re
from typing import TypeVar

from envkit.core.text import one_line

T = TypeVar("T")

_NOTHING = frozenset(
    {
        "", "n/a", "na", "not supported", "unknown error", "unknown", "err!", "gpu is lost",
        "could not collect",
        "insufficient permissions", "no permission", "not found", "not installed", "no cuda", "<fill in>",
        "requested functionality has been deprecated", "not available", "undefined", "not applicable",
    }
)  # fmt: skip
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?(?![\d.])")
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s?([KMGT]?)i?B\b")
_VERSION = re.compile(r"(?<![\w.])\d{1,4}(?:\.\d{1,8}){1,4}")
_PCI = re.compile(
    r"(?<![0-9a-f])(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])(?![0-9a-f])", re.IGNORECASE
)
_YES = frozenset({"yes", "enabled", "on", "active", "true", "supported"})
_NO = frozenset({"no", "disabled", "off", "not active", "false"})
_SHIFT = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def present(text: str | None) -> str | None:
    """The text on one line; None where it only says that there is nothing: `N/A`, `[Not Supported]`, ..."""
    shown = one_line(text or "", limit=500)
    return None if shown.strip("[]").lower() in _NOTHING else shown


def number(text: str | None) -> float | None:
    """The number that a text starts with: `53 C`, `-8 C`, `71.05 W`."""
    found = _NUMBER.match((text or "").strip())
    return float(found[0]) if found else None


def integer(text: str | None) -> int | None:
    """`number`, whole: `16x` -> 16."""
    found = re.match(r"\d{1,15}(?!\d)", (text or "").strip())
    return int(found[0]) if found else None


def percent(text: str | None) -> float | None:
    """`45 %` -> 0.45."""
    found = number(text)
    return None if found is None or not 0 <= found <= 100 else found / 100


def size(text: str | None) -> int | None:
    """`15360MiB`, `64.00 MB` in bytes; the programs that we read mean powers of two by both."""
    found = _SIZE.match((text or "").strip())
    return int(float(found[1]) * (1 << _SHIFT[found[2]])) if found else None


def version(text: str | None) -> str | None:
    """The first dotted number of a text."""
    found = _VERSION.search((text or "")[:200])
    return found[0] if found else None


def cuda(text: str | None) -> str | None:
    """Major and minor of a CUDA version: `12.1.105` -> `12.1`."""
    found = re.match(r"\d{1,3}\.\d{1,3}", version(text) or "")
    return found[0] if found else None


def yes(text: str | None) -> bool | None:
    """`Enabled`, `On`, `Yes`, `Active` and their opposites; None for anything else."""
    word = (text or "").strip().lower()
    return True if word in _YES else False if word in _NO else None


def word(text: str | None, words: dict[str, T]) -> T | None:
    """The value of a word of a closed list, case and punctuation aside."""
    return words.get(key(text or ""))


def key(text: str) -> str:
    """`SRAM Uncorrectable SEC-DED` -> `sram_uncorrectable_sec_ded`."""
    return re.sub(r"[^a-z0-9]+", "_", text[:200].lower()).strip("_")


def pci(text: str | None) -> str | None:
    """`00000000:01:00.0` -> `0000:01:00.0`, as the kernel writes it."""
    found = _PCI.search((text or "")[:200])
    if found is None:
        return None
    return f"{int(found[1] or '0', 16):04x}:{found[2]}:{found[3]}.{found[4]}".lower()


def wheel_cuda(torch: str) -> str | None:
    """The CUDA that a torch version names: `+cu126` -> `12.6`, `+cpu` -> an empty string."""
    local = torch.partition("+")[2]
    found = re.match(r"cu(9|1\d)(\d)\b", local)
    if found:
        return f"{found[1]}.{found[2]}"
    return "" if re.match(r"(?:cpu|rocm)", local) else None
