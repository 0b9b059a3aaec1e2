"""A recorded host with a scenario's GPUs: everything replayed but NVML, which the real pynvml reads."""

from __future__ import annotations

import dataclasses
import functools

from envkit.compat import load_compat
from envkit.core import proc
from envkit.core.finding import Finding
from envkit.core.machine import Machine
from envkit.core.proc import Command, Result
from envkit.doctor.gather import PROBES
from envkit.doctor.judge import judge
from envkit.facts.collect import collect
from envkit.facts.model import Snapshot
from envkit.facts.probes import nvml
from envkit.facts.python_model import Distribution, TargetPython, TorchFacts
from tests.nvml import nvml_scenario
from tests.recorded import recorded

PATIENCE = 60.0
"""Seconds; a loaded machine must not look like one that hangs."""


def host_with(tree: str, scenario: str) -> Machine:
    """The recorded machine of that name, on which NVML finds the scenario."""
    machine = recorded(tree)

    def run(command: Command) -> Result:
        return proc.run(command) if command.name == "nvml" else machine.run(command)

    return dataclasses.replace(machine, env={**machine.env, **nvml_scenario(scenario)}, run=run)


def torch_build(version: str, cuda: str, archs: tuple[str, ...]) -> TargetPython:
    """A virtual environment with one torch wheel."""
    site = "/home/someone/.venv/lib/python3.12/site-packages"
    return TargetPython(
        executable="/home/someone/.venv/bin/python",
        chosen_because="VIRTUAL_ENV",
        version="3.12.4",
        kind="venv",
        prefix="/home/someone/.venv",
        base_exists=True,
        distributions=(Distribution(name="torch", version=version, location=site, installer="pip"),),
        conda_packages=(),
        torch=TorchFacts(version=version, path=f"{site}/torch", cuda=cuda, archs=archs),
        read=True,
    )


@functools.cache
def snapshot_of(tree: str, scenario: str, limit: float = PATIENCE) -> Snapshot:
    """What doctor reads there, without a target Python."""
    patient = [
        dataclasses.replace(probe, limit=PATIENCE, read=lambda machine: nvml.read_within(machine, limit))
        if probe.name == "nvml"
        else probe
        for probe in PROBES
    ]
    return collect(host_with(tree, scenario), patient, budget=PATIENCE)


def problems(snapshot: Snapshot) -> tuple[Finding, ...]:
    """What is wrong, worst first."""
    return tuple(f for f in judge(snapshot, load_compat()) if f.outcome == "problem")
