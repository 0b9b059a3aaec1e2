"""The table of nvidia-smi, and its messages."""

from __future__ import annotations

import pytest

from envkit.facts.gpu_model import Ecc, GpuProcess
from envkit.facts.host_model import Host
from envkit.facts.importers.detect import import_text
from tests.facts.importers.pastes import gpus, held, imported, known, text


def test_the_oldest() -> None:
    snapshot = imported("smi-331-gtx680.txt")
    assert snapshot.nvml is not None
    assert (snapshot.nvml.driver_version, snapshot.nvml.cuda_version) == ("331.62", None)
    (gpu,) = gpus(snapshot)
    assert (gpu.name, gpu.pci_address, gpu.temperature) == ("GeForce GTX 680", "0000:03:00.0", 35)
    assert gpu.power_draw is None and gpu.utilization_gpu is None and gpu.performance_state is None
    # `Not Supported` is no empty list.
    assert gpu.processes is None and gpu.ecc is None and gpu.mig_mode is None


def test_two_gpus_and_their_processes() -> None:
    snapshot = imported("smi-535-two-gpus.txt")
    assert held(snapshot) == {"nvml"}
    assert snapshot.nvml is not None
    assert (snapshot.nvml.driver_version, snapshot.nvml.cuda_version) == ("535.104.05", "12.2")
    first, second = gpus(snapshot)
    assert first.display_active is True and second.display_active is False
    assert (second.power_draw, second.power_limit) == (320, 350)
    assert (second.memory_used, second.memory_total) == (11264 << 20, 24576 << 20)
    assert second.utilization_gpu == 0.98
    assert first.processes is not None and [one.kind for one in first.processes] == ["graphics"] * 2
    # Never the folder: it names its owner.
    assert second.processes == (GpuProcess(pid=30518, name="python", memory=11254 << 20),)
    assert known(second) == {
        "index", "name", "pci_address", "compute_capability", "memory_total", "memory_used", "temperature",
        "power_draw", "power_limit", "performance_state", "utilization_gpu", "persistence", "compute_mode",
        "display_active", "processes",
    }  # fmt: skip


def test_exclusive_mode_and_errors() -> None:
    first, second = gpus(imported("smi-470-exclusive.txt"))
    assert (first.compute_mode, second.compute_mode) == ("exclusive-process", "default")
    assert second.ecc == Ecc(enabled=True, uncorrected_volatile=3)
    assert (first.mig_mode, first.mig_pending, first.mig_instances, first.processes) == (False, False, (), ())
    assert first.compute_capability == "8.0"


def test_driver_610_names_its_versions_otherwise() -> None:
    snapshot = imported("smi-610-rtx3080-laptop.txt")
    assert snapshot.nvml is not None
    assert (snapshot.nvml.driver_version, snapshot.nvml.cuda_version) == ("610.43.03", "13.3")
    assert gpus(snapshot)[0].name == "NVIDIA GeForce RTX 3080 ..."
    assert gpus(snapshot)[0].compute_capability == "8.6"


def test_mig_table() -> None:
    first, second = gpus(imported("smi-510-mig.txt"))
    assert first.mig_mode is True and first.mig_pending is True
    assert [one.memory for one in first.mig_instances or ()] == [40192 << 20] * 2
    assert first.ecc is None
    assert (second.mig_mode, second.mig_pending, second.mig_instances) == (False, True, ())
    assert [one.pid for one in first.processes or ()] == [34965]


def test_mig_without_instances() -> None:
    (gpu,) = gpus(imported("smi-550-mig-without-instances.txt"))
    assert (gpu.mig_mode, gpu.mig_instances) == (True, ())


def test_a_cut_mig_table_says_nothing_of_instances() -> None:
    table = text("smi-550-mig-without-instances.txt")
    cut = import_text(table[: table.index("| MIG devices")].encode(), "paste")
    assert gpus(cut)[0].mig_instances is None and gpus(cut)[0].processes is None


def test_wsl_has_the_driver_of_windows() -> None:
    snapshot = imported("smi-545-wsl.txt")
    assert snapshot.host == Host(system="Linux", wsl=2)
    assert snapshot.nvml is not None and snapshot.nvml.driver_version == "546.12"
    assert gpus(snapshot)[0].processes == (GpuProcess(pid=24, name="Xwayland", kind="graphics"),)


def test_windows() -> None:
    snapshot = imported("smi-551-windows.txt")
    assert snapshot.host == Host(system="Windows")
    assert gpus(snapshot)[0].persistence is None
    assert gpus(snapshot)[0].processes is None


def test_a_newer_program_than_the_driver_is_not_wsl() -> None:
    snapshot = imported("smi-colab-err-cell.txt")
    assert snapshot.host is None
    (gpu,) = gpus(snapshot)
    assert (gpu.state, gpu.mig_mode) == ("ok", None)


def test_error_cells() -> None:
    first, second = gpus(imported("smi-470-err-gpu.txt"))
    assert (first.state, second.state) == ("ok", "error")
    assert second.temperature is None and second.power_draw is None and second.utilization_gpu is None


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("smi-mismatch.txt", "version-mismatch"),
        ("smi-not-loaded.txt", "driver-not-loaded"),
        ("smi-no-devices.txt", "no-devices"),
        ("smi-lost.txt", "gpu-lost"),
        ("smi-container-unknown-error.txt", "unknown-error"),
    ],
)
def test_messages(name: str, state: str) -> None:
    snapshot = imported(name)
    assert snapshot.nvml is not None and snapshot.nvml.state == state
    assert snapshot.driver is None and snapshot.host is None and snapshot.pci is None


def test_a_lost_gpu_has_its_address() -> None:
    (gpu,) = gpus(imported("smi-lost.txt"))
    assert (gpu.state, gpu.pci_address) == ("lost", "0000:02:00.0")
    assert gpu.error is not None and "GPU is lost" in gpu.error


def test_a_lost_gpu_beside_a_table() -> None:
    snapshot = imported("smi-550-one-of-two-lost.txt")
    assert snapshot.nvml is not None
    assert (snapshot.nvml.state, snapshot.nvml.device_count) == ("ok", 2)
    assert [(gpu.index, gpu.state) for gpu in gpus(snapshot)] == [(0, "ok"), (1, "lost")]


def test_only_no_devices_is_an_answer_to_how_many() -> None:
    none = imported("smi-no-devices.txt").nvml
    mismatch = imported("smi-mismatch.txt").nvml
    assert none is not None and none.gpus == () and none.device_count == 0
    assert mismatch is not None and mismatch.gpus is None and mismatch.device_count is None
    assert mismatch.nvml_version == "535.161"


def test_the_later_of_two_outputs_counts() -> None:
    mended = text("smi-mismatch.txt") + "\nafter a reboot:\n" + text("smi-550-h100-healthy.txt")
    snapshot = import_text(mended.encode(), "paste")
    assert snapshot.nvml is not None and snapshot.nvml.state == "ok"
    status = next(one for one in snapshot.probes if one.name == "nvml")
    assert "version-mismatch" in status.detail
    container = imported("smi-container-unknown-error.txt")
    assert "contradiction" in next(one.detail for one in container.probes if one.name == "nvml")


def test_collapsed_blanks() -> None:
    table = " ".join(text("smi-535-two-gpus.txt").split(" "))
    squeezed = "\n".join(" ".join(line.split()) for line in table.splitlines())
    assert gpus(import_text(squeezed.encode(), "paste")) == gpus(imported("smi-535-two-gpus.txt"))


def test_a_banner_alone_names_the_driver_only() -> None:
    table = text("smi-550-h100-healthy.txt")
    snapshot = import_text(table[: table.index("|   0")].encode(), "paste")
    assert held(snapshot) == {"driver"}
    assert snapshot.driver is not None and snapshot.driver.module_version == "550.54.15"
