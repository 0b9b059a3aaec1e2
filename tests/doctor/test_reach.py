"""From a loaded driver to the GPUs."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import reach
from envkit.facts.gpu_model import DeviceNode, Gpu, Nvml, Xid
from envkit.facts.host_model import Scheduler
from tests.doctor.cases import CONTAINER, LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.further import silent_gpu
from tests.doctor.machines import healthy_jetson, healthy_passthrough, healthy_wsl
from tests.doctor.parts import nodes

NONE = Nvml(state="no-devices", driver_version="580.95.05", device_count=0, gpus=())
NO_JOB_GPU = Scheduler(name="slurm", job_id="4711", gpus=())
LOST = Gpu(index=3, state="lost", error="GPU is lost", pci_address="0000:04:00.0")
XID_79 = Xid(
    code=79,
    pci_address="0000:01:00.0",
    seconds=80.0,
    text="Xid (PCI:0000:01:00): 79, pid=12, GPU has fallen off",
)
CLOSED = DeviceNode(path="/dev/nvidia-uvm", accessible=False)
HUNG = Nvml(state="hung", detail="NVML did not answer in 1.6 s")
WITHOUT_UVM = tuple(n for n in nodes("nvidia0", "nvidiactl", "nvidia-modeset"))
SHUT = tuple(DeviceNode(path=f"/dev/nvidia{i}", accessible=i < 2) for i in range(8))
OPEN = nodes("nvidiactl", "nvidia-uvm")

CASES = (
    # nvml-no-devices
    flip(
        reach.nvml_no_devices,
        WORKSTATION,
        "nvml",
        NONE,
        says=("has no GPU to offer",),
        fix=("lspci -d 10de:", "seat the card"),
    ),
    fine(reach.nvml_no_devices, "listed", WORKSTATION),
    apart(reach.nvml_no_devices, "no library", LAPTOP, "no-library"),
    apart(reach.nvml_no_devices, "kept for a virtual machine", healthy_passthrough(), "virtual machines"),
    apart(
        reach.nvml_no_devices,
        "a job without GPU",
        changed(SERVER, "nvml", NONE, "scheduler", NO_JOB_GPU),
        "scheduler",
    ),
    apart(
        reach.nvml_no_devices,
        "a container without GPU",
        changed(CONTAINER, "nvml", NONE, "driver.nodes", ()),
        "container",
    ),
    unsure(reach.nvml_no_devices, "NVML was not asked", unread(WORKSTATION, "nvml")),
    unsure(
        reach.nvml_no_devices, "NVML hangs", changed(WORKSTATION, "nvml", HUNG), "did not answer in 1.6 s"
    ),
    # gpu-fell-off-bus
    flip(
        reach.gpu_fell_off_bus,
        SERVER,
        "nvml.gpus[3]",
        LOST,
        says=("1 of 8 GPU",),
        fix=("nvidia-bug-report", "poweroff"),
    ),
    ill(
        reach.gpu_fell_off_bus,
        "NVML cannot start",
        changed(WORKSTATION, "nvml", Nvml(state="gpu-lost"), "xids", (XID_79,)),
        "1 GPU no longer",
    ),
    ill(
        reach.gpu_fell_off_bus,
        "not listed after an Xid 79",
        changed(WORKSTATION, "nvml.gpus", (), "xids", (XID_79,)),
        "0000:01:00.0",
        "Xid 79",
    ),
    fine(reach.gpu_fell_off_bus, "all answer", SERVER, "every GPU answers"),
    fine(reach.gpu_fell_off_bus, "an old Xid 79, and it is back", changed(WORKSTATION, "xids", (XID_79,))),
    apart(reach.gpu_fell_off_bus, "no GPU", LAPTOP, "no NVIDIA GPU"),
    apart(
        reach.gpu_fell_off_bus,
        "driver not loaded",
        changed(WORKSTATION, "nvml", Nvml(state="driver-not-loaded")),
    ),
    unsure(reach.gpu_fell_off_bus, "NVML was not asked", unread(WORKSTATION, "nvml")),
    flip(
        reach.gpu_fell_off_bus,
        SERVER,
        "nvml",
        silent_gpu(SERVER, 3),
        says=("GPU 3 (NVIDIA H100 80GB HBM3) did not answer", "7 of 8 GPUs did"),
        fix=("nvidia-smi -i 3",),
    ),
    unsure(
        reach.gpu_fell_off_bus,
        "the library crashed at one of them",
        changed(
            SERVER,
            "nvml.gpus[4].state",
            "error",
            "nvml.gpus[4].error",
            "not read to its end",
            "nvml.state",
            "failed",
        ),
        "GPU 4 (NVIDIA H100 80GB HBM3): not read to its end",
    ),
    # uvm-node-missing
    flip(
        reach.uvm_node_missing,
        WORKSTATION,
        "driver.nodes",
        WITHOUT_UVM,
        says=("/dev/nvidia-uvm is missing",),
        severity="warning",
        fix=("nvidia-modprobe -u",),
    ),
    ill(
        reach.uvm_node_missing,
        "in a container",
        changed(CONTAINER, "driver.nodes", WITHOUT_UVM),
        "/dev/nvidia-uvm",
        fix=("NVIDIA runtime",),
    ),
    ill(
        reach.uvm_node_missing,
        "closed",
        changed(WORKSTATION, "driver.nodes", (*nodes("nvidia0", "nvidiactl"), CLOSED)),
        "may not open /dev/nvidia-uvm",
        fix=("usermod -aG $(stat -c %G /dev/nvidia-uvm)",),
    ),
    ill(
        reach.uvm_node_missing,
        "every GPU closed",
        changed(SERVER, "driver.nodes", (*SHUT[2:], *OPEN)),
        "/dev/nvidia2",
    ),
    fine(reach.uvm_node_missing, "all there", WORKSTATION),
    fine(
        reach.uvm_node_missing, "GPUs of others are closed", changed(SERVER, "driver.nodes", (*SHUT, *OPEN))
    ),
    fine(
        reach.uvm_node_missing,
        "nodes that CUDA does not open are closed",
        changed(
            SERVER,
            "driver.nodes",
            (
                *nodes("nvidia0"),
                *OPEN,
                DeviceNode(path="/dev/nvidia-nvswitchctl", accessible=False),
                DeviceNode(path="/dev/nvidia-caps/nvidia-cap1", accessible=False),
            ),
        ),
    ),
    apart(reach.uvm_node_missing, "no GPU", LAPTOP, "no NVIDIA GPU"),
    apart(reach.uvm_node_missing, "WSL", healthy_wsl(), "/dev/dxg"),
    apart(reach.uvm_node_missing, "Jetson", healthy_jetson(), "Jetson"),
    apart(reach.uvm_node_missing, "not loaded", changed(WORKSTATION, "driver.loaded", False)),
    apart(reach.uvm_node_missing, "no GPU node either", changed(CONTAINER, "driver.nodes", ())),
    unsure(reach.uvm_node_missing, "the driver was not read", unread(WORKSTATION, "driver")),
    unsure(reach.uvm_node_missing, "nodes were not read", unread(WORKSTATION, "driver.nodes")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
