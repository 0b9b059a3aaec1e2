"""NVLink and NVSwitch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import fabric
from envkit.facts.gpu_model import NvLink
from tests.doctor.cases import CONTAINER, LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.parts import gpu

UP = tuple(NvLink(link=at, active=True, replay_errors=0, crc_errors=0, recovery_errors=0) for at in range(4))
DOWN = tuple(replace(link, active=False) for link in UP)
BRIDGED = changed(
    WORKSTATION,
    "nvml.gpus",
    tuple(gpu(i, "NVIDIA GeForce RTX 3090", "8.6", 24, nvlinks=UP if i < 2 else DOWN) for i in range(3)),
)
IN_SERVER_CONTAINER = changed(CONTAINER, "driver.nvswitches", 4)
LINK = "nvml.gpus[3].nvlinks[0]."

CASES = (
    # nvlink-errors
    flip(
        fabric.nvlink_errors,
        SERVER,
        LINK + "active",
        False,
        severity="warning",
        says=("GPU 3", "17 active", "18"),
        fix=("--status -i 3",),
    ),
    ill(
        fabric.nvlink_errors,
        "recovery",
        changed(SERVER, LINK + "recovery_errors", 1),
        "NVLink 0 of GPU 3",
        severity="warning",
    ),
    ill(fabric.nvlink_errors, "replays", changed(SERVER, LINK + "replay_errors", 9), severity="warning"),
    ill(
        fabric.nvlink_errors,
        "all links of a GPU behind switches are down",
        changed(SERVER, "nvml.gpus[3].nvlinks[*].active", False),
        "0 active",
        severity="warning",
    ),
    fine(fabric.nvlink_errors, "up", SERVER),
    fine(fabric.nvlink_errors, "few replays", changed(SERVER, LINK + "replay_errors", 4)),
    fine(fabric.nvlink_errors, "two of three cards are bridged", BRIDGED),
    apart(fabric.nvlink_errors, "no NVLink", WORKSTATION),
    apart(fabric.nvlink_errors, "no GPU", LAPTOP),
    unsure(fabric.nvlink_errors, "NVML was not asked", unread(SERVER, "nvml")),
    # fabric-manager-not-running
    flip(
        fabric.fabric_manager_not_running,
        SERVER,
        "driver.fabric_manager",
        "stopped",
        says=("is not running",),
        fix=("enable --now",),
    ),
    ill(
        fabric.fabric_manager_not_running,
        "absent",
        changed(SERVER, "driver.fabric_manager", "absent"),
        "is not installed",
        fix=("apt install nvidia-fabricmanager-", "enable --now"),
    ),
    ill(
        fabric.fabric_manager_not_running,
        "absent, without apt",
        changed(SERVER, "driver.fabric_manager", "absent", "host.os_id", "rocky"),
        fix=("exactly the driver's version", "enable --now"),
    ),
    ill(
        fabric.fabric_manager_not_running,
        "of another version",
        changed(SERVER, "driver.fabric_manager_version", "580.82.07"),
        "580.82.07",
        "580.95.05",
        fix=("exactly the driver's version 580.95.05",),
    ),
    fine(fabric.fabric_manager_not_running, "runs", SERVER, "runs"),
    apart(fabric.fabric_manager_not_running, "no NVSwitch", WORKSTATION),
    apart(fabric.fabric_manager_not_running, "container", IN_SERVER_CONTAINER, "host of this container"),
    apart(
        fabric.fabric_manager_not_running,
        "driver not loaded",
        changed(SERVER, "driver.loaded", False, "driver.fabric_manager", None),
    ),
    unsure(fabric.fabric_manager_not_running, "the driver was not read", unread(SERVER, "driver")),
    unsure(
        fabric.fabric_manager_not_running,
        "processes are hidden",
        changed(SERVER, "driver.fabric_manager", None),
        "hidden",
    ),
    # fabric-not-ready
    flip(
        fabric.fabric_not_ready,
        SERVER,
        "nvml.gpus[6].fabric_state",
        "in-progress",
        says=("GPU 6", "in-progress"),
        fix=("restart nvidia-fabricmanager",),
    ),
    ill(
        fabric.fabric_not_ready,
        "completed with an error",
        changed(SERVER, "nvml.gpus[0].fabric_status", "nvlink failed"),
        "nvlink failed",
    ),
    fine(fabric.fabric_not_ready, "ready", SERVER),
    apart(
        fabric.fabric_not_ready, "no fabric", changed(SERVER, "nvml.gpus[*].fabric_state", "not-supported")
    ),
    unsure(fabric.fabric_not_ready, "NVML was not asked", unread(SERVER, "nvml")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
