"""Ranks of a distributed run: which one holds back the others. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from envkit.diagnose.model import RankPace
from envkit.diagnose.trace import Trace


def ranks(traces: Sequence[Trace]) -> tuple[RankPace, ...]:
    """What each rank's steps are made of; () for a process alone."""
    return ()


def culprit(traces: Sequence[Trace]) -> Trace | None:
    """The rank that the others wait for, or None."""
    return None
