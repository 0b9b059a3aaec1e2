"""Settings that cost time."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import tuning
from tests.doctor.build import healthy_desktop, healthy_hybrid
from tests.doctor.cases import CONTAINER, LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.further import healthy_pair, silent_gpu
from tests.doctor.machines import healthy_jetson, healthy_wsl

PAIR = healthy_pair()
OFF = "nvml.gpus[*].persistence"
VBIOS = changed(SERVER, "nvml.gpus[*].vbios", "96.00.89.00.01")

CASES = (
    # persistence-off
    flip(
        tuning.persistence_off,
        PAIR,
        OFF,
        False,
        severity="note",
        says=("GPU 0 (NVIDIA L40S)", "and 1 other GPU"),
        fix=("enable --now nvidia-persistenced",),
    ),
    ill(
        tuning.persistence_off,
        "in a container",
        changed(CONTAINER, OFF, False),
        severity="note",
        fix=("On the host of this container",),
    ),
    fine(tuning.persistence_off, "on", PAIR),
    fine(tuning.persistence_off, "the daemon runs", changed(WORKSTATION, OFF, False)),
    fine(tuning.persistence_off, "a desktop holds it", changed(healthy_desktop(), OFF, False)),
    apart(tuning.persistence_off, "a laptop", changed(healthy_hybrid(), OFF, False)),
    apart(tuning.persistence_off, "WSL", changed(healthy_wsl(), OFF, False)),
    apart(tuning.persistence_off, "a Jetson", healthy_jetson()),
    apart(tuning.persistence_off, "no GPU", LAPTOP),
    unsure(tuning.persistence_off, "NVML was not asked", unread(WORKSTATION, "nvml")),
    # application-clocks-low
    flip(
        tuning.application_clocks_low,
        PAIR,
        "nvml.gpus[1].clock_app_sm",
        1155.0,
        severity="warning",
        says=("GPU 1", "1155 MHz", "2520 MHz"),
        fix=("-i 1 -rac",),
    ),
    fine(tuning.application_clocks_low, "default", PAIR),
    fine(tuning.application_clocks_low, "above", changed(PAIR, "nvml.gpus[1].clock_app_sm", 2600.0)),
    apart(tuning.application_clocks_low, "a card without", WORKSTATION),
    unsure(tuning.application_clocks_low, "NVML was not asked", unread(PAIR, "nvml")),
    # gpus-differ
    flip(
        tuning.gpus_differ,
        VBIOS,
        "nvml.gpus[3].vbios",
        "96.00.74.00.0d",
        severity="warning",
        says=("2 different firmware versions",),
        fix=("vbios_version",),
    ),
    ill(
        tuning.gpus_differ,
        "two cards of a workstation",
        changed(PAIR, "nvml.gpus[1].vbios", "95.02.18.80.5f"),
        severity="note",
    ),
    fine(tuning.gpus_differ, "one firmware", VBIOS),
    fine(
        tuning.gpus_differ,
        "two models",
        changed(PAIR, "nvml.gpus[1].vbios", "95.02.18.80.5f", "nvml.gpus[1].name", "NVIDIA L4"),
    ),
    apart(tuning.gpus_differ, "no GPU", LAPTOP),
    unsure(tuning.gpus_differ, "NVML was not asked", unread(VBIOS, "nvml")),
    unsure(
        tuning.gpus_differ,
        "a GPU that did not answer",
        changed(VBIOS, "nvml", silent_gpu(VBIOS, 5)),
        "GPU 5 (NVIDIA H100 80GB HBM3): did not answer",
    ),
    # governor-not-performance
    flip(
        tuning.governor_not_performance,
        WORKSTATION,
        "cpu.scaling_driver",
        "acpi-cpufreq",
        severity="note",
        says=("powersave of acpi-cpufreq",),
        fix=("cpupower frequency-set -g performance",),
    ),
    ill(
        tuning.governor_not_performance,
        "in a container",
        changed(CONTAINER, "cpu.scaling_driver", "intel_cpufreq"),
        severity="note",
        fix=("On the host of this container",),
    ),
    fine(tuning.governor_not_performance, "follows the load", WORKSTATION),
    fine(tuning.governor_not_performance, "schedutil", changed(WORKSTATION, "cpu.governor", "schedutil")),
    apart(tuning.governor_not_performance, "a virtual machine", changed(WORKSTATION, "cpu.governor", None)),
    unsure(tuning.governor_not_performance, "not read", unread(WORKSTATION, "cpu")),
    unsure(
        tuning.governor_not_performance,
        "the driver was not read",
        changed(WORKSTATION, "cpu.scaling_driver", None),
        "could not be read",
    ),
    # numa-remote
    flip(
        tuning.numa_remote,
        changed(PAIR, "pci[*].numa_node", 1),
        "cpu.numa_of_affinity",
        (0,),
        severity="warning",
        says=("node 0 only", "GPU 0 hangs on node 1"),
        fix=("numactl --cpunodebind=1",),
    ),
    fine(tuning.numa_remote, "all nodes", PAIR),
    fine(tuning.numa_remote, "beside one of the GPUs", changed(PAIR, "cpu.numa_of_affinity", (0,))),
    apart(tuning.numa_remote, "one node", WORKSTATION),
    apart(tuning.numa_remote, "GPUs of no node", changed(PAIR, "pci[*].numa_node", None)),
    apart(tuning.numa_remote, "no GPU", changed(LAPTOP, "cpu.numa_nodes", 2, "cpu.numa_of_affinity", (0, 1))),
    unsure(tuning.numa_remote, "not read", unread(WORKSTATION, "cpu")),
    unsure(tuning.numa_remote, "NVML was not asked", unread(PAIR, "nvml")),
    unsure(
        tuning.numa_remote,
        "the mask was not read",
        changed(PAIR, "cpu.numa_of_affinity", None),
        "could not be read",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(case, compat):
    check(case, compat)
