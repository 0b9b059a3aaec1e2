"""Doctor on every recorded machine: its expected findings, and nothing else."""

from __future__ import annotations

import pytest

from envkit.compat import load_compat
from envkit.core.finding import Finding
from envkit.doctor.gather import PROBES
from envkit.doctor.judge import judge
from envkit.facts.collect import collect
from tests.recorded import MACHINES, python_of, recorded

EXPECTED = {
    "a100-mig-pod": [],
    "alpine-musl": ["glibc-too-old", "shm-too-small"],
    "amd-rocm": [],
    "colab": [],
    "colab-gpu": [],
    "conda-pip-mix": ["mixed-conda-pip"],
    "ctr-bad-daemon-json": ["container-toolkit-misconfig"],
    "ctr-cdi-stale": ["container-toolkit-misconfig"],
    "ctr-no-cgroups": ["container-toolkit-misconfig"],
    "ctr-no-toolkit": ["container-toolkit-missing"],
    "ctr-rootless": [],
    "ctr-snap": ["docker-snap-confinement"],
    "docker-quota-v2": ["shm-too-small", "cpu-quota-below-threads", "oom-host"],
    "firecracker-hybrid": [],
    "gh200": [],
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
    "h100-8x-pcie-acs": ["nccl-p2p-acs"],
    "h100-8x-python": [],
    "jetson": [],
    "jetson-python": [],
    "k8s-pod-v1": ["shm-too-small", "oom-host"],
    "nested-v2": ["cpu-quota-below-threads", "oom-host"],
    "nfs-hung": ["slow-data-filesystem"],
    "office-proxy": [],
    "office-proxy-untold": ["tls-intercepted"],
    "reboot-pending": ["reboot-pending"],
    "slurm-2gpu": [],
    "slurm-no-gpu": [],
    "ubuntu-desktop": [],
    "wsl2": ["slow-data-filesystem"],
    "wsl2-gpu": [],
}
"""The trees with `gpu-` and `ctr-` hold what concerns GPUs and containers, and no target Python."""
UNDECIDED = {
    "a100-mig-pod": [],
    "amd-rocm": [],
    "colab-gpu": ["reboot-pending"],
    "conda-pip-mix": [],
    "gh200": [],
    "h100-8x-pcie-acs": [],
    "h100-8x-python": [],
    # The compute capability is NVML's to tell, and this one has no NVML.
    "jetson-python": ["arch-not-in-wheel", "arch-dropped-from-wheel"],
    "office-proxy": [],
    "office-proxy-untold": [],
    "wsl2-gpu": [],
}
"""What cannot be told of the machines that are recorded whole, with a target Python."""


def test_every_recorded_machine_has_an_expectation() -> None:
    recorded_here = {path.name for path in MACHINES.iterdir() if (path / "machine.json").exists()}
    assert recorded_here == set(EXPECTED)


def findings_of(name: str) -> tuple[Finding, ...]:
    return judge(collect(recorded(name), (*python_of(name), *PROBES), budget=60), load_compat())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_machine_gives_its_findings(name: str) -> None:
    found = findings_of(name)
    assert [finding.key for finding in found if finding.outcome == "problem"] == EXPECTED[name]


@pytest.mark.parametrize("name", UNDECIDED)
def test_a_machine_that_is_recorded_whole_leaves_little_undecided(name: str) -> None:
    assert python_of(name)
    assert [finding.key for finding in findings_of(name) if finding.outcome == "unknown"] == UNDECIDED[name]


def test_every_port_is_named_above_a_gpu_that_it_redirects() -> None:
    (finding,) = (f for f in findings_of("h100-8x-pcie-acs") if f.outcome == "problem")
    assert finding.severity == "warning"
    assert {fact.value for fact in finding.evidence} == {"ACS on (SrcValid+)", "translates (DMA)"}
