"""What a run reached outside of itself, and whether it may be run again. Pure."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from envkit.diagnose.trace import Reach, Trace

_TRACKERS = ("wandb.ai", "comet.com", "comet.ml", "neptune.ai", "clear.ml")
"""Hosts of services that are told to stay offline in a repetition."""
_TRACKER_PROGRAMS = ("wandb-core", "gpu_stats", "wandb-service", "apple_gpu_stats")
_LOOKS = (
    *("git", "nvidia-smi", "rocm-smi", "lscpu", "uname", "hostname", "which", "file", "ldconfig"),
    "lsb_release",
    *("gcc", "g++", "cc", "c++", "clang", "ld", "nvcc", "ptxas", "ninja", "cmake", "getconf", "stty"),
)
"""Programs that look or compile, and change nothing outside of the folders they are given."""
_MOST = 3
"""Things named in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a run took place."""

    cwd: str
    caches: tuple[str, ...] = ()
    """Folders whose content may be lost."""
    left: frozenset[str] = frozenset()
    """Paths that the run wrote outside of `cwd` and that are there after it."""


def written(traces: Sequence[Trace]) -> tuple[Reach, ...]:
    """All paths that were written or removed."""
    return tuple(one for trace in traces for one in trace.reach if one.what in ("write", "remove"))


def below(path: str, folders: Collection[str]) -> bool:
    """Whether a path is one of the folders or lies in one."""
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def elsewhere(traces: Sequence[Trace], place: Place) -> tuple[str, ...]:
    """Paths outside of the working directory that the run wrote for good, or removed."""
    found = {
        one.name: None
        for one in written(traces)
        if not below(one.name, (place.cwd, *place.caches)) and (one.name in place.left)
    }
    return tuple(found)


def refusals(traces: Sequence[Trace], place: Place) -> tuple[str, ...]:
    """Why a second run could do harm, each reason in some words; () when it may be run again."""
    return tuple(_refusals(traces, place))


def _refusals(traces: Sequence[Trace], place: Place) -> Iterator[str]:
    paths = elsewhere(traces, place)
    if paths:
        yield f"it wrote outside of its working directory ({_some(paths)})"
    hosts = tuple(dict.fromkeys(one.name for trace in traces for one in trace.reach if _is_remote(one)))
    if hosts:
        yield f"it opened connections ({_some(hosts)})"
    children = tuple(dict.fromkeys(one.name for trace in traces for one in trace.reach if _is_foreign(one)))
    if children:
        yield f"it started other programs ({_some(children)})"


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _is_remote(reach: Reach) -> bool:
    """Whether it left this machine, to something that a repetition would talk to again."""
    if reach.what != "connect":
        return False
    host = reach.name.rpartition(":")[0]
    if any(host == one or host.endswith("." + one) for one in _TRACKERS):
        return False
    address = reach.address or host
    return not (address.startswith("127.") or address in ("::1", "localhost", "0.0.0.0", "::"))


def _is_foreign(reach: Reach) -> bool:
    """Whether it is a program of which nothing is known; a Python is watched itself."""
    if reach.what != "child":
        return False
    program = os.path.basename(reach.program or reach.name.split(" ", 1)[0])
    if program in _LOOKS or program in _TRACKER_PROGRAMS or program.startswith("python"):
        return False
    return not (program in ("sh", "bash") and reach.name.split(" ")[-1] in _LOOKS)
