"""Doctor on every recorded machine: its expected findings, and nothing else."""

from __future__ import annotations

import pytest

from envkit.compat import load_compat
from envkit.doctor.gather import PROBES
from envkit.doctor.judge import judge
from envkit.facts.collect import collect
from tests.recorded import MACHINES, recorded

EXPECTED = {
    "alpine-musl": ["glibc-too-old", "shm-too-small"],
    "colab": [],
    "ctr-bad-daemon-json": ["container-toolkit-misconfig"],
    "ctr-cdi-stale": ["container-toolkit-misconfig"],
    "ctr-no-cgroups": ["container-toolkit-misconfig"],
    "ctr-no-toolkit": ["container-toolkit-missing"],
    "ctr-rootless": [],
    "ctr-snap": ["docker-snap-confinement"],
    "docker-quota-v2": ["shm-too-small", "cpu-quota-below-threads", "oom-host"],
    "firecracker-hybrid": [],
    "gpu-8x-healthy": [],
    "gpu-8x-nvswitch": ["fabric-manager-not-running"],
    "gpu-amd": [],
    "gpu-blacklisted": ["driver-not-loaded"],
    "gpu-dkms-other-kernel": ["kernel-module-not-built"],
    "gpu-healthy-desktop": [],
    "gpu-in-container-no-nodes": ["container-no-gpus-flag"],
    "gpu-intel-arc": [],
    "gpu-mismatch": ["driver-library-version-mismatch"],
    "gpu-no-driver": ["kernel-module-not-built"],
    "gpu-nouveau": ["nouveau"],
    "gpu-nova": ["nouveau"],
    "gpu-secure-boot-unsigned": ["secure-boot"],
    "gpu-uvm-missing": ["uvm-node-missing"],
    "gpu-vfio": [],
    "jetson": [],
    "k8s-pod-v1": ["shm-too-small", "oom-host"],
    "nested-v2": ["cpu-quota-below-threads", "oom-host"],
    "nfs-hung": ["slow-data-filesystem"],
    "reboot-pending": ["reboot-pending"],
    "slurm-2gpu": [],
    "slurm-no-gpu": [],
    "ubuntu-desktop": [],
    "wsl2": ["slow-data-filesystem"],
}
"""Without a target Python; the trees with `gpu-` and `ctr-` hold what concerns GPUs and containers."""


def test_every_recorded_machine_has_an_expectation() -> None:
    recorded_here = {path.name for path in MACHINES.iterdir() if (path / "machine.json").exists()}
    assert recorded_here == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_machine_gives_its_findings(name: str) -> None:
    findings = judge(collect(recorded(name), PROBES, budget=60), load_compat())
    assert [finding.key for finding in findings if finding.outcome == "problem"] == EXPECTED[name]
