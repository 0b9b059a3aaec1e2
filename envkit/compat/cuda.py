"""CUDA and driver numbers: how people and programs write them, and how they compare."""

from __future__ import annotations

import re
from functools import lru_cache

_TAG = re.compile(r"\+?cu(?P<major>9|1\d)(?P<minor>\d)")
_DOTTED = re.compile(r"(?:cuda\s*)?v?(?P<major>\d{1,2})\.(?P<minor>\d{1,2})(?:\.\d+)*", re.IGNORECASE)
_DRIVER = re.compile(r"\s*[rR]?(\d+(?:\.\d+)*)")


@lru_cache(maxsize=4096)  # tables are gone through again for every question
def parse_cuda(text: str | None) -> tuple[int, int] | None:
    """(major, minor) of a CUDA version: "12.6", "12.6.3", "cu126", "+cu130", "CUDA 11.8"; else None.

    A bare major ("12") is None: it says nothing of the minor.
    """
    if text is None:
        return None
    text = text.strip()
    found = _TAG.fullmatch(text.lower()) or _DOTTED.fullmatch(text)
    return None if found is None else (int(found["major"]), int(found["minor"]))


@lru_cache(maxsize=4096)
def version_key(driver: str) -> tuple[int, ...]:
    """A driver version as numbers that compare: "535.104.05" -> (535, 104, 5), "R615" -> (615,).

    Text after the numbers is dropped. Raises ValueError when there is no number in front.
    """
    found = _DRIVER.match(driver)
    if found is None:
        raise ValueError(f"not a driver version: {driver!r}")
    return tuple(int(part) for part in found[1].split("."))


def driver_meets(driver: str, floor: str) -> bool:
    """Whether a driver is at least `floor`.

    A driver given only as a branch ("R525") counts as the newest build of that branch.
    Raises ValueError when either is not a driver version.
    """
    have, need = version_key(driver), version_key(floor)
    return have[0] >= need[0] if len(have) == 1 else have >= need
