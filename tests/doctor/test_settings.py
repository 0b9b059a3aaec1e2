"""Settings of the GPUs, and what others do with them."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import settings
from envkit.facts.gpu_model import GpuProcess
from tests.doctor.build import healthy_desktop, healthy_hybrid, healthy_slurm
from tests.doctor.cases import LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.machines import healthy_pod, healthy_vgpu, healthy_wsl
from tests.doctor.parts import GIB

HYBRID, DESKTOP, SLURM, WSL, POD = (
    healthy_hybrid(),
    healthy_desktop(),
    healthy_slurm(),
    healthy_wsl(),
    healthy_pod(),
)
NOTEBOOK = GpuProcess(pid=4242, name="python", memory=10 * GIB, kind="compute")
OWN = GpuProcess(pid=77, name="python", memory=10 * GIB, kind="compute", own=True)
SMALL = GpuProcess(pid=4343, name="python", memory=300 << 20, kind="compute")
CARD = "nvml.gpus[0]."


def memory(snapshot, gib, *processes):
    return changed(snapshot, CARD + "memory_used", int(gib * GIB), CARD + "processes", processes)


CASES = (
    # power-cap-low
    flip(
        settings.power_cap_low,
        WORKSTATION,
        CARD + "power_limit_set",
        250.0,
        severity="warning",
        says=("250 W", "450 W"),
        fix=("-i 0 -pl 450",),
    ),
    fine(settings.power_cap_low, "default", WORKSTATION),
    fine(settings.power_cap_low, "a watt of rounding", changed(WORKSTATION, CARD + "power_limit_set", 449.6)),
    fine(settings.power_cap_low, "above the default", changed(WORKSTATION, CARD + "power_limit_set", 600.0)),
    apart(settings.power_cap_low, "a laptop, where battery and firmware decide", HYBRID),
    apart(settings.power_cap_low, "no GPU", LAPTOP),
    unsure(settings.power_cap_low, "NVML was not asked", unread(WORKSTATION, "nvml")),
    # pcie-link-narrow
    flip(
        settings.pcie_link_narrow,
        WORKSTATION,
        CARD + "pcie_width",
        4,
        severity="warning",
        says=("4 of 16",),
        fix=("lspci -vv -s 0000:01",),
    ),
    ill(
        settings.pcie_link_narrow,
        "a laptop that is wired so",
        changed(HYBRID, CARD + "pcie_width_max", 16),
        "8 of 16",
        severity="note",
    ),
    fine(
        settings.pcie_link_narrow, "the generation drops at idle", changed(WORKSTATION, CARD + "pcie_gen", 1)
    ),
    apart(settings.pcie_link_narrow, "a vGPU", healthy_vgpu()),
    unsure(settings.pcie_link_narrow, "NVML was not asked", unread(WORKSTATION, "nvml")),
    # compute-mode-exclusive
    flip(
        settings.compute_mode_exclusive,
        WORKSTATION,
        CARD + "compute_mode",
        "exclusive-process",
        severity="warning",
        says=("GPU 0", "one program at a time"),
        fix=("-i 0 -c DEFAULT",),
    ),
    ill(
        settings.compute_mode_exclusive,
        "prohibited",
        changed(WORKSTATION, CARD + "compute_mode", "prohibited"),
        "refuses every",
    ),
    ill(
        settings.compute_mode_exclusive,
        "as the cluster wants it",
        changed(SLURM, "nvml.gpus[*].compute_mode", "exclusive-process"),
        severity="note",
    ),
    ill(
        settings.compute_mode_exclusive,
        "prohibited on one of eight",
        changed(
            SERVER, CARD + "compute_mode", "exclusive-process", "nvml.gpus[6].compute_mode", "prohibited"
        ),
        "GPU 6",
    ),
    fine(settings.compute_mode_exclusive, "default", WORKSTATION),
    apart(settings.compute_mode_exclusive, "not told", changed(WORKSTATION, CARD + "compute_mode", None)),
    unsure(settings.compute_mode_exclusive, "NVML was not asked", unread(WORKSTATION, "nvml")),
    # mig-no-instances
    flip(
        settings.mig_no_instances,
        changed(SERVER, "nvml.gpus[1].mig_instances", (), "nvml.gpus[1].mig_pending", None),
        "nvml.gpus[1].mig_mode",
        True,
        says=("GPU 1", "no instance"),
        fix=("mig -i 1 -cgi", "-i 1 -mig 0"),
    ),
    fine(settings.mig_no_instances, "off", SERVER),
    fine(settings.mig_no_instances, "a slice in a pod", POD),
    fine(
        settings.mig_no_instances,
        "instances that may not be seen",
        changed(POD, CARD + "mig_instances", None),
    ),
    apart(settings.mig_no_instances, "no MIG on this card", WORKSTATION),
    unsure(settings.mig_no_instances, "NVML was not asked", unread(SERVER, "nvml")),
    # mig-misconfig
    flip(
        settings.mig_misconfig,
        SERVER,
        "nvml.gpus[7].mig_pending",
        True,
        severity="warning",
        says=("GPU 7", "disabled", "enabled"),
        fix=("--gpu-reset -i 7",),
    ),
    fine(settings.mig_misconfig, "settled", SERVER),
    apart(settings.mig_misconfig, "no MIG on this card", WORKSTATION),
    unsure(settings.mig_misconfig, "NVML was not asked", unread(SERVER, "nvml")),
    # gpu-memory-held-by-other-process
    flip(
        settings.gpu_memory_held_by_other_process,
        changed(WORKSTATION, CARD + "processes", (NOTEBOOK,)),
        CARD + "memory_used",
        11 * GIB,
        severity="warning",
        says=("process 4242", "46%", "RTX 4090"),
        fix=("ps -fp 4242", "kill 4242"),
    ),
    ill(
        settings.gpu_memory_held_by_other_process,
        "no room",
        memory(WORKSTATION, 22, NOTEBOOK, SMALL),
        "2 processes hold 92%",
        fix=("kill 4242",),
    ),
    ill(
        settings.gpu_memory_held_by_other_process,
        "another GPU is free",
        memory(SERVER, 70, NOTEBOOK),
        "88%",
        fix=("GPU 1, which is free",),
    ),
    ill(
        settings.gpu_memory_held_by_other_process,
        "nobody to be seen",
        memory(WORKSTATION, 11),
        "cannot be seen",
        severity="warning",
        fix=("look on the host",),
    ),
    ill(
        settings.gpu_memory_held_by_other_process,
        "Windows holds more than a desktop does",
        memory(WSL, 7.5),
        severity="warning",
    ),
    fine(settings.gpu_memory_held_by_other_process, "free", WORKSTATION),
    fine(settings.gpu_memory_held_by_other_process, "Xorg and a browser hold a quarter", DESKTOP),
    fine(
        settings.gpu_memory_held_by_other_process,
        "a desktop that tells no figures",
        changed(DESKTOP, CARD + "processes[*].memory", None),
    ),
    fine(settings.gpu_memory_held_by_other_process, "Windows' desktop", WSL),
    fine(settings.gpu_memory_held_by_other_process, "our own", memory(WORKSTATION, 10.2, OWN)),
    apart(settings.gpu_memory_held_by_other_process, "MIG, where others' instances count too", POD),
    apart(settings.gpu_memory_held_by_other_process, "no GPU", LAPTOP),
    unsure(settings.gpu_memory_held_by_other_process, "NVML was not asked", unread(WORKSTATION, "nvml")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
