"""Which worker of a launch of torchrun failed first, and what it said itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ROOT = "Root Cause (first observed failure):"
_RANK = re.compile(r"rank\s*:\s*(\d+) \(local_rank: (\d+)\)")
_CODE = re.compile(r"exitcode\s*:\s*(-?\d+)")
_AGENT = re.compile(r"^\[?[WEI]\d{4} .*torch/distributed/|^W\d{4} .*run\.py:\d+\]")
"""Lines that torchrun logs, the first of them when a worker has failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """The worker that failed first; the others are ended for it."""

    rank: int
    """Over all nodes."""
    worker: int
    """Its place on this node."""
    code: int
    """Exit code; negative = ended by that signal."""


def first_failed(stderr: str) -> Fault | None:
    """As torchrun reports it at its end; None where it reports nothing."""
    _, found, report = stderr.rpartition(_ROOT)
    rank, code = _RANK.search(report), _CODE.search(report)
    if not found or rank is None or code is None:
        return None
    return Fault(rank=int(rank[1]), worker=int(rank[2]), code=int(code[1]))


def own_words(stderr: str) -> str:
    """What the workers wrote, without torchrun's log and report of the failure."""
    kept: list[str] = []
    for line in stderr.splitlines():
        if _AGENT.match(line):
            break
        kept.append(line)
    return "\n".join(kept)


def behind(told: Sequence[Sequence[object]], ended: Sequence[bool]) -> int:
    """The worker that a hung launch waits for: the one not at its end that has told least."""
    open_ones = [index for index, done in enumerate(ended) if not done]
    return min(open_ones or range(len(told)), key=lambda index: len(told[index]))
