"""`nvidia-smi -q` as text and as XML."""

from __future__ import annotations

import pytest

from envkit.core.errors import BadInputError
from envkit.facts.gpu_model import Ecc, GpuProcess, MigInstance, RowRemap
from envkit.facts.importers.detect import import_text
from tests.facts.importers.pastes import gpus, held, imported, known, text


def test_a_whole_report() -> None:
    snapshot = imported("q-535-h100.txt")
    assert held(snapshot) == {"nvml"}
    assert snapshot.nvml is not None
    assert (snapshot.nvml.driver_version, snapshot.nvml.cuda_version) == ("535.129.03", "12.2")
    (gpu,) = gpus(snapshot)
    assert (gpu.name, gpu.brand, gpu.vbios) == ("NVIDIA H100 80GB HBM3", "nvidia", "96.00.74.00.01")
    assert (gpu.uuid, gpu.pci_address) == ("GPU-00000000-1111-2222-3333-444444444444", "0000:1b:00.0")
    assert (gpu.memory_total, gpu.memory_used, gpu.memory_reserved) == (81559 << 20, 4 << 20, 551 << 20)
    assert (gpu.pcie_gen, gpu.pcie_gen_max, gpu.pcie_gen_device_max) == (5, 5, 5)
    assert (gpu.pcie_width, gpu.pcie_width_max, gpu.pcie_replays) == (16, 16, 0)
    assert (gpu.clock_sm, gpu.clock_sm_max, gpu.clock_app_sm) == (345, 1980, 1980)
    assert gpu.clock_reasons == ("gpu-idle",)
    assert gpu.ecc == Ecc(
        enabled=True,
        pending=True,
        corrected_volatile=0,
        uncorrected_volatile=0,
        corrected_aggregate=3,
        uncorrected_aggregate=0,
        sram_threshold_exceeded=False,
    )
    assert gpu.row_remap == RowRemap(correctable=0, uncorrectable=0, pending=False, failed=False)
    assert (gpu.temperature, gpu.memory_temperature) == (31, 41)
    # The limits of Hopper count from the temperature at which it slows down, not from zero.
    assert gpu.temperature_slowdown is None and gpu.temperature_max_operating is None
    assert (gpu.power_draw, gpu.power_limit, gpu.power_limit_set, gpu.power_default) == (69.91, 700, 700, 700)
    assert (gpu.fabric_state, gpu.fabric_status, gpu.virtualization) == ("completed", "", "none")
    assert (gpu.mig_mode, gpu.mig_pending, gpu.mig_instances) == (False, False, ())
    assert gpu.processes == (
        GpuProcess(pid=4021, name="python3", memory=1 << 30),
        GpuProcess(pid=4100, name="ray::worker"),
    )
    assert not known(gpu) & {"nvlinks", "numa_node", "cpu_affinity", "violation_power", "recovery_action"}


def test_driver_610() -> None:
    snapshot = imported("q-610-umd.txt")
    assert snapshot.nvml is not None
    assert (snapshot.nvml.driver_version, snapshot.nvml.cuda_version) == ("610.43.02", "13.3")
    (gpu,) = gpus(snapshot)
    assert gpu.clock_app_sm is None and gpu.clock_app_sm_default == 1980
    assert gpu.power_draw == 69.91 and gpu.recovery_action == "none"
    assert (gpu.violation_power, gpu.violation_thermal) == (2.5, 1.5)


def test_the_layout_before_ampere_and_a_lost_gpu() -> None:
    first, second = gpus(imported("q-418-v100-retirement.txt"))
    assert first.ecc == Ecc(
        enabled=True,
        pending=True,
        corrected_volatile=4,
        uncorrected_volatile=0,
        corrected_aggregate=9,
        uncorrected_aggregate=2,
        retired_pages=2,
        retirement_pending=True,
    )
    assert first.row_remap is None and first.mig_mode is None and first.fabric_state is None
    assert (first.temperature_slowdown, first.temperature_max_operating) == (87, 83)
    assert (first.power_limit, first.power_limit_set) == (250, 250)
    assert first.clock_reasons == ("sw-power-cap",) and first.processes == ()
    assert (second.state, second.pci_address, second.name) == ("lost", "0000:af:00.0", None)


def test_xml() -> None:
    (gpu,) = gpus(imported("qx-550-a100.xml"))
    assert (gpu.index, gpu.name, gpu.pci_address) == (3, "NVIDIA A100-SXM4-40GB", "0000:c1:00.0")
    assert gpu.ecc == Ecc(
        enabled=True,
        pending=False,
        corrected_volatile=7,
        uncorrected_volatile=1,
        corrected_aggregate=9,
        uncorrected_aggregate=3,
        sram_threshold_exceeded=False,
    )
    assert gpu.row_remap == RowRemap(correctable=0, uncorrectable=3, pending=False, failed=True)
    assert gpu.clock_reasons == ("sw-power-cap", "sw-thermal")
    assert (gpu.temperature, gpu.temperature_slowdown, gpu.temperature_max_operating) == (83, 89, 85)
    assert (gpu.pcie_gen, gpu.pcie_gen_max, gpu.pcie_width, gpu.pcie_width_max) == (1, 4, 8, 16)
    assert gpu.mig_instances == (MigInstance(uuid=None, memory=19968 << 20),)
    assert gpu.processes == (GpuProcess(pid=77123, name="python", memory=12 << 20),)
    assert (gpu.virtualization, gpu.recovery_action, gpu.utilization_gpu) == ("passthrough", "reset", None)


def test_xml_and_text_agree() -> None:
    report = text("q-535-h100.txt")
    paste = f"Before:\n```\n{report}```\n"
    assert gpus(import_text(paste.encode(), "paste")) == gpus(imported("q-535-h100.txt"))


def test_serial_numbers_are_not_taken() -> None:
    for name in ("q-535-h100.txt", "qx-550-a100.xml"):
        shown = repr(imported(name))
        assert "1650000000001" not in shown and "1560000000002" not in shown


def test_a_cut_report_keeps_what_came_before() -> None:
    for name in ("q-535-h100.txt", "qx-550-a100.xml"):
        whole = text(name)
        for mark in ("FB Memory Usage", "</ecc_errors>"):
            if mark in whole:
                (gpu,) = gpus(import_text(whole[: whole.index(mark)].encode(), "paste"))
                assert gpu.name is not None and gpu.processes is None and gpu.row_remap is None


def test_lost_indentation_misreads_nothing() -> None:
    flat = "\n".join(line.strip() for line in text("q-535-h100.txt").splitlines())
    (gpu,) = gpus(import_text(flat.encode(), "paste"))
    assert (gpu.name, gpu.compute_mode, gpu.persistence) == ("NVIDIA H100 80GB HBM3", "default", True)
    assert gpu.mig_mode is None and gpu.pcie_width is None and gpu.ecc is None


BOMB = """<?xml version="1.0"?>
<!DOCTYPE nvidia_smi_log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<nvidia_smi_log><driver_version>&b;</driver_version></nvidia_smi_log>"""


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        BOMB.replace("nvidia_smi_log [", 'nvidia_smi_log SYSTEM "file:///etc/passwd" ['),
        '<!DOCTYPE nvidia_smi_log SYSTEM "http://example.org/x.dtd"><nvidia_smi_log></nvidia_smi_log>',
        "<nvidia_smi_log>" + "<a>" * 100_000,
        "<nvidia_smi_log>" + "<a/>" * 600_000 + "</nvidia_smi_log>",
        "<nvidia_smi_log><driver_version>&undefined;</driver_version></nvidia_smi_log>",
        "<nvidia_smi_log><gpu></nvidia_smi_log>",
        "<nvidia_smi_log></nvidia_smi_log>",
    ],
)
def test_hostile_xml_is_refused(xml: str) -> None:
    with pytest.raises(BadInputError):
        import_text(xml.encode(), "paste")
