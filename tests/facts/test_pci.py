"""GPUs on the PCI bus."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.machine import Machine
from envkit.core.proc import run
from envkit.facts.probe import ProbeStop
from envkit.facts.probes import links, pci
from tests.recorded import recorded


@pytest.mark.parametrize(
    "name, vendor, device, driver",
    [
        ("gpu-healthy-desktop", "nvidia", "0x2684", "nvidia"),
        ("gpu-nouveau", "nvidia", "0x2484", "nouveau"),
        ("gpu-nova", "nvidia", "0x2882", "nova"),
        ("gpu-vfio", "nvidia", "0x2204", "vfio-pci"),
        ("gpu-no-driver", "nvidia", "0x1eb8", ""),
    ],
)
def test_the_gpu_and_the_driver_that_it_is_bound_to(name, vendor, device, driver):
    (gpu,) = pci.read(recorded(name))
    assert (gpu.vendor, gpu.device_id, gpu.driver) == (vendor, device, driver)
    assert gpu.is_vf is False


def test_the_audio_function_of_a_card_is_no_gpu_and_names_come_from_the_machines_database():
    (gpu,) = pci.read(recorded("gpu-healthy-desktop"))
    assert gpu.address == "0000:01:00.0"
    assert gpu.name == "AD102 [GeForce RTX 4090]"
    assert gpu.boot_vga is True
    assert gpu.enabled is True
    assert gpu.numa_node is None, "-1 is no node"


def test_without_a_database_there_is_no_name():
    (gpu,) = pci.read(recorded("gpu-nouveau"))
    assert gpu.name is None


def test_link_width_and_speed():
    (gpu,) = pci.read(recorded("gpu-no-driver"))
    assert (gpu.link_width, gpu.max_link_width) == (8, 16)
    assert (gpu.link_speed, gpu.max_link_speed) == (8.0, 8.0)


def test_other_vendors_are_told_apart_and_management_graphics_are_not_accelerators_of_theirs():
    bmc, *accelerators = pci.read(recorded("gpu-amd"))
    assert (bmc.vendor, bmc.driver) == ("other", "ast")
    assert [(gpu.vendor, gpu.pci_class, gpu.driver, gpu.numa_node) for gpu in accelerators] == [
        ("amd", "0x120000", "amdgpu", 0),
        ("amd", "0x120000", "amdgpu", 1),
    ]


def test_an_integrated_gpu_without_a_link_of_its_own():
    integrated, arc = pci.read(recorded("gpu-intel-arc"))
    assert (integrated.driver, integrated.link_width) == ("i915", None)
    assert (arc.vendor, arc.driver, arc.link_width) == ("intel", "xe", 1)


def test_switches_are_counted_and_are_no_gpus():
    machine = recorded("gpu-8x-nvswitch")
    assert pci.nvswitches(machine) == 4
    assert [gpu.numa_node for gpu in pci.read(machine) if gpu.vendor == "nvidia"] == [0] * 4 + [1] * 4
    assert pci.nvswitches(recorded("gpu-healthy-desktop")) == 0


def bare(root) -> Machine:
    return Machine(root=root, env={}, run=run)


def test_no_sysfs_is_not_read_and_a_kernel_without_pci_has_none(tmp_path):
    with pytest.raises(ProbeStop):
        pci.read(bare(tmp_path))
    assert pci.nvswitches(bare(tmp_path)) is None
    (tmp_path / "sys/bus/platform").mkdir(parents=True)
    assert pci.read(bare(tmp_path)) == ()
    assert pci.nvswitches(bare(tmp_path)) == 0


def test_a_gpu_that_has_fallen_off_the_bus_has_no_width_and_a_virtual_function_says_so(tmp_path):
    folder = tmp_path / "sys/bus/pci/devices/0000:41:00.4"
    folder.mkdir(parents=True)
    values = {
        "class": "0x030200",
        "vendor": "0x10DE",
        "device": "0x20b5",
        "current_link_width": "63",
        "max_link_width": "255",
        "current_link_speed": "Unknown",
        "max_link_speed": "8 GT/s",
        "numa_node": "1",
        "enable": "0",
    }
    for name, text in values.items():
        (folder / name).write_text(text + "\n")
    (folder / "physfn").symlink_to("../0000:41:00.0")
    (gpu,) = pci.read(bare(tmp_path))
    assert (gpu.vendor, gpu.driver) == ("nvidia", "")
    assert (gpu.link_width, gpu.max_link_width, gpu.link_speed, gpu.max_link_speed) == (None, None, None, 8.0)
    assert (gpu.is_vf, gpu.enabled, gpu.boot_vga) == (True, False, None)


def test_links_of_a_recorded_tree_stay_inside_it(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/real").write_text("x")
    (tmp_path / "abs").symlink_to("/etc/link")
    (tmp_path / "etc/link").symlink_to("../etc/./real")
    (tmp_path / "loop").symlink_to("/loop")
    (tmp_path / "dangling").symlink_to("/etc/gone")
    machine = bare(tmp_path)
    assert links.resolve(machine, "/abs") == "/etc/real"
    assert links.target(machine, "/abs") == "/etc/real"
    assert links.resolve(machine, "/loop") is None
    assert links.target(machine, "/loop") is None
    assert links.resolve(machine, "/dangling") == "/etc/gone"
    assert links.target(machine, "/dangling") is None
    assert links.resolve(machine, "/..") == "/"


DATABASE = b"""1002  AMD
	744c  Navi 31
	2684  not this
10de  NVIDIA
	2684  AD102
		10de 167c  a board
C 03  Display
	00  VGA
"""


def test_names_are_looked_for_in_the_vendors_own_block():
    found = dict(pci.names_in(DATABASE, [("0x10de", "0x2684"), ("0x10de", "0x744c"), ("0x9999", "0x0001")]))
    assert found == {("0x10de", "0x2684"): "AD102"}


@given(st.binary(max_size=400), st.sampled_from(["0x10de", "0x1002", "", "0x"]), st.text(max_size=8))
def test_any_database_is_read(database, vendor, device):
    dict(pci.names_in(database, [(vendor, device)]))


@given(st.text(max_size=40))
def test_any_speed_is_read(text):
    speed = pci.link_speed(text)
    assert speed is None or 0 < speed < 1000
