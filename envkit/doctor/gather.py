"""Which probes a doctor run starts, and what it makes of them: a Snapshot."""

from __future__ import annotations

from collections.abc import Callable

from envkit.core.machine import Machine
from envkit.facts.collect import BUDGET, collect
from envkit.facts.model import Snapshot
from envkit.facts.probe import Probe
from envkit.facts.probes import (
    amd,
    containers,
    cpu,
    cuda,
    driver,
    environment,
    host,
    kernel_log,
    limits,
    memory,
    network,
    nvml,
    pci,
    processes,
    scheduler,
    storage,
)
from envkit.target import deep_probe, locate, python_probe

PROBES: tuple[Probe, ...] = (
    # Those that start children come first, so that the children run while the others read.
    nvml.PROBE,
    storage.PROBE,
    containers.PROBE,
    driver.PROBE,
    cuda.PROBE,
    host.PROBE,
    processes.PROBE,
    scheduler.PROBE,
    cpu.PROBE,
    memory.PROBE,
    limits.PROBE,
    pci.PROBE,
    amd.PROBE,
    network.PROBE,
    kernel_log.PROBE,
    environment.PROBE,
)


def gather(
    machine: Machine,
    *,
    python: str | None = None,
    deep: bool = False,
    budget: float = BUDGET,
    meanwhile: Callable[[], object] | None = None,
    waiting: Callable[[tuple[str, ...]], None] | None = None,
) -> Snapshot:
    """Read a machine and its target Python.

    Args:
        machine: where to look.
        python: what `--python` named; None = the one that a person's shell would train with.
        deep: also import each framework and compute with it, in children of their own.
        budget: seconds for all probes together.
        meanwhile: work of the caller's for the time that the probes wait.
        waiting: told once what is still awaited after a second.

    Raises:
        TargetAbsentError: the Python that was named does not exist.
    """
    target = locate(machine, python)
    probes = [python_probe(target.executable, target.why, limit=budget), *PROBES]
    if deep:
        probes.append(deep_probe(target.executable))
    return collect(machine, probes, budget=budget, meanwhile=meanwhile, waiting=waiting)
