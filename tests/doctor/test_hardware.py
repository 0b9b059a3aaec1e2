"""Health of the GPUs."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import hardware
from envkit.facts.gpu_model import Nvml, RowRemap, Xid
from tests.doctor.build import healthy_hybrid
from tests.doctor.cases import LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread

HYBRID = healthy_hybrid()
HUNG = Nvml(state="hung", detail="did not answer: nvmlDeviceGetHandleByIndex")


def xid(code):
    return Xid(
        code=code,
        pci_address="0000:01:00.0",
        seconds=90.0,
        text=f"NVRM: Xid (PCI:0000:01:00): {code}, pid=99",
    )


def remap(pending=False, failed=False):
    return RowRemap(correctable=0, uncorrectable=1, pending=pending, failed=failed)


CASES = (
    # ecc-xid-hardware
    flip(
        hardware.ecc_xid_hardware,
        SERVER,
        "nvml.gpus[2].ecc.uncorrected_volatile",
        4,
        says=("GPU 2 (NVIDIA H100 80GB HBM3)", "4 uncorrectable memory errors"),
        fix=("--gpu-reset -i 2",),
    ),
    ill(
        hardware.ecc_xid_hardware,
        "SRAM",
        changed(SERVER, "nvml.gpus[1].ecc.sram_threshold_exceeded", True),
        "GPU 1",
        "SRAM",
    ),
    ill(
        hardware.ecc_xid_hardware,
        "an Xid of failing hardware",
        changed(WORKSTATION, "xids", (xid(62),)),
        "Xid 62",
        "0000:01:00.0",
        fix=("nvidia-bug-report",),
    ),
    ill(
        hardware.ecc_xid_hardware,
        "an Xid, and NVML hangs",
        changed(SERVER, "xids", (xid(119),), "nvml", HUNG),
        "Xid 119",
    ),
    ill(
        hardware.ecc_xid_hardware,
        "several GPUs",
        changed(SERVER, "nvml.gpus[*].ecc.uncorrected_volatile", 1),
        "and 7 other GPUs",
    ),
    fine(hardware.ecc_xid_hardware, "clean", SERVER),
    fine(hardware.ecc_xid_hardware, "Xids of programs", changed(SERVER, "xids", (xid(13), xid(31), xid(43)))),
    fine(hardware.ecc_xid_hardware, "a code that no table has", changed(SERVER, "xids", (xid(990),))),
    fine(
        hardware.ecc_xid_hardware,
        "corrected errors of a long life",
        changed(SERVER, "nvml.gpus[*].ecc.corrected_volatile", 12),
    ),
    fine(hardware.ecc_xid_hardware, "the kernel log may not be read", changed(SERVER, "xids", None)),
    apart(hardware.ecc_xid_hardware, "no ECC on the card", WORKSTATION, "does not offer"),
    apart(hardware.ecc_xid_hardware, "no GPU", LAPTOP),
    apart(
        hardware.ecc_xid_hardware,
        "driver not loaded",
        changed(SERVER, "nvml", Nvml(state="driver-not-loaded")),
        "driver-not-loaded",
    ),
    unsure(hardware.ecc_xid_hardware, "NVML was not asked", unread(SERVER, "nvml")),
    unsure(hardware.ecc_xid_hardware, "NVML hangs", changed(SERVER, "nvml", HUNG), "nvml"),
    # row-remap-pending
    flip(
        hardware.row_remap_pending,
        SERVER,
        "nvml.gpus[5].row_remap",
        remap(pending=True),
        says=("GPU 5", "waits for a reset"),
        fix=("--gpu-reset -i 5",),
    ),
    ill(
        hardware.row_remap_pending,
        "no spare rows",
        changed(SERVER, "nvml.gpus[5].row_remap", remap(failed=True)),
        "spare rows",
        fix=("GPU 5 has no spare",),
    ),
    ill(
        hardware.row_remap_pending,
        "page retirement of older cards",
        changed(SERVER, "nvml.gpus[0].ecc.retirement_pending", True),
        "pages",
    ),
    fine(hardware.row_remap_pending, "nothing waits", SERVER),
    apart(hardware.row_remap_pending, "no such memory", WORKSTATION),
    unsure(hardware.row_remap_pending, "NVML was not asked", unread(SERVER, "nvml")),
    # thermal-throttle
    flip(
        hardware.thermal_throttle,
        WORKSTATION,
        "nvml.gpus[0].clock_reasons",
        ("sw-thermal",),
        severity="warning",
        says=("GPU 0", "too hot"),
        fix=("-i 0 -pl",),
    ),
    ill(
        hardware.thermal_throttle,
        "by the hardware",
        changed(
            SERVER,
            "nvml.gpus[4].clock_reasons",
            ("hw-slowdown", "hw-thermal"),
            "nvml.gpus[4].temperature",
            91.0,
        ),
        "GPU 4",
    ),
    ill(
        hardware.thermal_throttle,
        "at the limit",
        changed(
            WORKSTATION, "nvml.gpus[0].clock_reasons", ("hw-slowdown",), "nvml.gpus[0].temperature", 89.0
        ),
        severity="warning",
    ),
    ill(
        hardware.thermal_throttle,
        "the worst of several",
        changed(
            SERVER,
            "nvml.gpus[0].clock_reasons",
            ("sw-thermal",),
            "nvml.gpus[7].clock_reasons",
            ("hw-thermal",),
        ),
        "GPU 7",
        "and 1 other GPU",
    ),
    fine(hardware.thermal_throttle, "idle", WORKSTATION),
    fine(
        hardware.thermal_throttle,
        "power cap under load",
        changed(WORKSTATION, "nvml.gpus[0].clock_reasons", ("sw-power-cap",)),
    ),
    apart(hardware.thermal_throttle, "not told", changed(WORKSTATION, "nvml.gpus[0].clock_reasons", None)),
    unsure(hardware.thermal_throttle, "NVML was not asked", unread(SERVER, "nvml")),
    # power-brake
    flip(
        hardware.power_brake,
        WORKSTATION,
        "nvml.gpus[0].clock_reasons",
        ("hw-power-brake", "hw-slowdown"),
        says=("GPU 0", "power brake"),
        fix=("power supplies", "PERFORMANCE -i 0"),
    ),
    ill(
        hardware.power_brake,
        "unnamed slowdown of a cool GPU",
        changed(WORKSTATION, "nvml.gpus[0].clock_reasons", ("hw-slowdown",)),
        "GPU 0",
    ),
    ill(
        hardware.power_brake,
        "a laptop on battery",
        changed(HYBRID, "nvml.gpus[0].clock_reasons", ("hw-power-brake",)),
        severity="warning",
    ),
    fine(hardware.power_brake, "idle", WORKSTATION),
    fine(hardware.power_brake, "slowdown while idle", HYBRID),
    fine(
        hardware.power_brake,
        "heat explains it",
        changed(WORKSTATION, "nvml.gpus[0].clock_reasons", ("hw-slowdown", "hw-thermal")),
    ),
    apart(hardware.power_brake, "no GPU", LAPTOP),
    unsure(hardware.power_brake, "NVML was not asked", unread(SERVER, "nvml")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
