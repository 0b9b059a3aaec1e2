"""Makes the snapshots of machines that are put together from recorded parts.

    python -m tests.snapshots.make

Snapshots of real machines come from `make record-gpu` and are never edited.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from envkit.core.codec import dumps, to_json
from envkit.core.redact import Identity, saved
from envkit.doctor.gather import PROBES
from envkit.facts.collect import collect
from envkit.facts.model import EnvVar, ProbeStatus, Snapshot
from envkit.facts.python_model import Distribution
from tests.doctor_scenarios import PATIENCE, snapshot_of, torch_build
from tests.recorded import recorded

HERE = Path(__file__).parent
_ARCHS = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")


def faulty_workstation() -> Snapshot:
    """A lab machine with two A100 after a `pip install -U torch`: the driver is too old for it, torchvision
    stayed behind, a debugging variable was forgotten, and the disk is nearly full."""
    host = collect(recorded("ubuntu-desktop"), PROBES, budget=PATIENCE)
    gpus = snapshot_of("gpu-healthy-desktop", "driver-535-a100")
    python = torch_build("2.15.0+cu132", "13.2", _ARCHS)
    site = (python.distributions or ())[0].location
    vision = Distribution(
        name="torchvision", version="0.19.1", location=site, installer="pip", requires=("torch==2.4.1",)
    )
    storage = tuple(
        dataclasses.replace(place, free=1_900 << 20) if place.role == "cwd" else place
        for place in host.storage or ()
    )
    return dataclasses.replace(
        host,
        taken="2026-11-22T00:00:00+00:00",
        probes=tuple(ProbeStatus(name=probe.name, state="ok") for probe in PROBES),
        pci=gpus.pci,
        driver=gpus.driver,
        nvml=gpus.nvml,
        cuda=gpus.cuda,
        containers=gpus.containers,
        libraries=(),
        python=dataclasses.replace(python, distributions=((python.distributions or ())[0], vision)),
        storage=storage,
        env=(EnvVar(name="CUDA_LAUNCH_BLOCKING", value="1"),),
    )


MADE = {"faulty-workstation": faulty_workstation}


def main() -> None:
    """Write every made snapshot."""
    for name, make in MADE.items():
        text = dumps(saved(to_json(make()), Identity(home="/home/someone", user="someone", host="")))
        (HERE / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
