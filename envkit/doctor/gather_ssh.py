"""Doctor's Snapshot of a machine that ssh reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from envkit.doctor.gather import gather
from envkit.facts.collect import BUDGET
from envkit.facts.model import Snapshot
from envkit.remote import connect


def gather_over_ssh(
    host: str,
    *,
    python: str | None = None,
    deep: bool = False,
    budget: float = BUDGET,
    config: Path | None = None,
    interactive: bool | None = None,
    meanwhile: Callable[[], object] | None = None,
    waiting: Callable[[tuple[str, ...]], None] | None = None,
) -> Snapshot:
    """`gather` on the machine that ssh reaches by that name. Nothing of ours stays there.

    The names of the machine, of its user and of its home are taken out of what is saved from now on.

    Args:
        host: a destination as ssh takes it.
        python, deep, budget, waiting: as for `gather`; the budget counts from when the machine answers.
        config: a configuration of ssh instead of the person's own.
        interactive: whether ssh may ask at the terminal; None = where there is one.
        meanwhile: work of the caller's for the time that ssh takes to connect.

    Raises:
        UsageError, NetworkError, TargetAbsentError, DiskError: as `envkit.remote.connect` says.
    """
    connection = connect(
        host,
        python=python,
        config=config,
        interactive=interactive,
        meanwhile=meanwhile,
        waiting=None if waiting is None else lambda: waiting((f"{host} to answer",)),
    )
    with connection as remote:
        snapshot = gather(remote.machine, python=python, deep=deep, budget=budget, waiting=waiting)
    return replace(snapshot, over="ssh")
