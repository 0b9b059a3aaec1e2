"""The NVIDIA driver without NVML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envkit.core.codec import dumps
from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts.collect import collect
from envkit.facts.gpu_model import DeviceNode, DkmsModule
from envkit.facts.probes import (
    containers,
    cuda,
    dpkg,
    driver,
    driver_library,
    driver_modules,
    kernel_log,
    pci,
)
from tests.recorded import MACHINES, recorded


def bare(root, **env) -> Machine:
    return Machine(root=root, env=env, run=lambda command: Result(state="absent"))


def write(root, path, text="x"):
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


GPU_PROBES = (pci.PROBE, driver.PROBE, kernel_log.PROBE, cuda.PROBE, containers.PROBE)
TREES = sorted(folder.name for folder in MACHINES.iterdir() if folder.name.startswith(("gpu-", "ctr-")))


@pytest.mark.parametrize("name", TREES)
def test_every_recorded_machine_is_read_whole(name):
    snapshot = collect(recorded(name), GPU_PROBES, budget=60)
    not_read = {status.name for status in snapshot.probes if status.state != "ok"}
    assert not_read == ({"kernel-log"} if name == "gpu-in-container-no-nodes" else set())
    assert snapshot.driver is not None and snapshot.containers is not None
    assert dumps(snapshot)


def test_a_healthy_desktop():
    found = driver.read(recorded("gpu-healthy-desktop"))
    assert found.module_version == found.library_version == found.libcuda_version == "550.54.14"
    assert (found.loaded, found.open_module) == (True, False)
    assert found.modules == ("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm")
    assert found.module_files == ("/lib/modules/6.5.0-35-generic/updates/dkms/nvidia.ko",)
    assert found.module_file_kernels == ("6.5.0-35-generic",)
    assert found.dkms == (DkmsModule(name="nvidia", version="550.54.14", kernel="6.5.0-35-generic"),)
    assert found.headers is True
    assert found.library_path == "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.14"
    assert found.blacklisted == (), "files that blacklist nouveau are right"
    assert DeviceNode(path="/dev/nvidia0", accessible=True) in (found.nodes or ())
    assert (found.nvswitches, found.fabric_manager, found.persistenced) == (0, "absent", True)
    assert (found.smi_path, found.proc_gpus) == ("/usr/bin/nvidia-smi", 1)


def test_installed_packages_are_those_of_the_driver():
    packages = driver.read(recorded("gpu-healthy-desktop")).packages or ()
    assert "nvidia-driver-550=550.54.14-0ubuntu0.22.04.1" in packages
    assert "xserver-xorg-video-nvidia-550=550.54.14-0ubuntu0.22.04.1" in packages
    names = [package.partition("=")[0] for package in packages]
    assert "libnvidia-compute-535" not in names, "removed, its configuration left"
    assert not [name for name in names if "container" in name]
    assert "bash" not in names


@pytest.mark.parametrize(
    "name, modules",
    [
        ("gpu-nouveau", ("nouveau",)),
        ("gpu-nova", ("nova_core",)),
        ("gpu-vfio", ("vfio_pci",)),
        ("gpu-no-driver", ()),
        ("gpu-amd", ()),
        ("gpu-intel-arc", ()),
    ],
)
def test_machines_without_a_trace_of_the_driver(name, modules):
    found = driver.read(recorded(name))
    assert found.modules == modules
    assert (found.loaded, found.module_version, found.open_module) == (False, None, None)
    assert (found.module_files, found.module_file_kernels, found.dkms) == ((), (), ())
    assert (found.library_path, found.library_version) == ("", None)
    assert (found.nodes, found.smi_path, found.proc_gpus) == ((), "", None)
    assert (found.fabric_manager, found.persistenced) == (None, None)
    assert found.blacklisted == ()


def test_dkms_built_for_another_kernel_and_no_headers_for_this_one():
    found = driver.read(recorded("gpu-dkms-other-kernel"))
    assert found.loaded is False
    assert found.module_files == ()
    assert found.module_file_kernels == ("6.5.0-35-generic",)
    assert found.dkms == (DkmsModule(name="nvidia", version="550.54.14", kernel="6.5.0-35-generic"),)
    assert found.headers is False


def test_a_module_that_is_there_and_not_loaded():
    found = driver.read(recorded("gpu-secure-boot-unsigned"))
    assert found.loaded is False
    assert found.module_files == ("/lib/modules/6.8.0-31-generic/updates/dkms/nvidia.ko.zst",)
    assert found.headers is True


def test_module_and_library_of_different_versions():
    found = driver.read(recorded("gpu-mismatch"))
    assert (found.module_version, found.library_version) == ("550.54.14", "550.90.07")
    assert found.libcuda_version == "550.90.07"


def test_without_nvidia_uvm():
    found = driver.read(recorded("gpu-uvm-missing"))
    assert "nvidia_uvm" not in (found.modules or ())
    assert not [node for node in found.nodes or () if "uvm" in node.path]


@pytest.mark.parametrize("name, state", [("gpu-8x-nvswitch", "stopped"), ("gpu-8x-healthy", "running")])
def test_the_fabric_manager(name, state):
    found = driver.read(recorded(name))
    assert (found.nvswitches, found.fabric_manager) == (4, state)
    assert found.fabric_manager_version == found.module_version == "550.54.15"
    assert found.open_module is True
    assert found.proc_gpus == 8
    assert found.module_files == ("/lib/modules/5.15.0-105-generic/kernel/nvidia-550-server-open/nvidia.ko",)
    paths = [node.path for node in found.nodes or ()]
    assert paths.count("/dev/nvidia7") == 1
    assert "/dev/nvidia-caps/nvidia-cap1" in paths


def test_in_a_container_only_proc_is_the_hosts():
    found = driver.read(recorded("gpu-in-container-no-nodes"))
    assert (found.loaded, found.module_version) == (True, "550.54.14")
    assert found.nodes == ()
    assert (found.library_path, found.libcuda_path) == ("", "")
    assert (found.module_files, found.module_file_kernels, found.headers) == (None, None, None)
    assert (found.fabric_manager, found.persistenced) == (None, None), "the host's processes are not seen"


def test_blacklisted():
    found = driver.read(recorded("gpu-blacklisted"))
    assert found.blacklisted == ("/etc/modprobe.d/blacklist-nvidia.conf",)
    assert found.loaded is False
    assert found.module_files


@pytest.mark.parametrize(
    "text, bars",
    [
        ("blacklist nvidia\n", True),
        ("blacklist nvidia-current\n", True),
        ("alias nvidia off", True),
        ("install nvidia /bin/false", True),
        ("install nvidia \\\n  /bin/true", True),
        ("install nvidia /sbin/modprobe -i nvidia-current $CMDLINE_OPTS", False),
        ("blacklist nouveau\noptions nouveau modeset=0\n", False),
        ("blacklist nvidiafb\nblacklist nvidia-drm\n", False),
        ("# blacklist nvidia\n", False),
        ("blacklist\nblacklist \n", False),
        ("alias nvidia nvidia-current", False),
    ],
)
def test_what_keeps_the_module_from_loading(text, bars):
    assert driver_modules.bars_nvidia(text) is bars


def test_a_file_in_etc_hides_its_namesake_and_the_command_line_counts(tmp_path):
    write(tmp_path, "/usr/lib/modprobe.d/a.conf", "blacklist nvidia\n")
    assert driver_modules.blacklisted(bare(tmp_path)) == ("/usr/lib/modprobe.d/a.conf",)
    write(tmp_path, "/etc/modprobe.d/a.conf", "# empty\n")
    assert driver_modules.blacklisted(bare(tmp_path)) == ()
    write(tmp_path, "/proc/cmdline", "quiet modprobe.blacklist=nouveau,nvidia nvidia.NVreg_x=1\n")
    assert driver_modules.blacklisted(bare(tmp_path)) == ("/proc/cmdline",)


def test_nothing_to_look_at_is_not_none_found(tmp_path):
    found = driver.read(bare(tmp_path))
    assert found.loaded is None
    assert found.modules is None
    assert found.blacklisted is None
    assert found.nodes is None
    assert found.packages is None
    assert found.smi_path is None
    assert found.nvswitches is None


@pytest.mark.parametrize(
    "file",
    [
        "updates/dkms/nvidia-current.ko",
        "updates/dkms/nvidia.ko.xz",
        "updates/nvidia.ko",
        "extra/nvidia/nvidia.ko.gz",
        "extra/nvidia.ko.zst",
        "weak-updates/nvidia/nvidia.ko",
        "extramodules/nvidia.ko.zst",
        "kernel/drivers/video/nvidia.ko",
        "kernel/nvidia-535/nvidia.ko",
    ],
)
def test_module_files_of_the_distributions(tmp_path, file):
    write(tmp_path, "/proc/sys/kernel/osrelease", "6.1.0\n")
    write(tmp_path, f"/lib/modules/6.1.0/{file}")
    write(tmp_path, "/lib/modules/6.1.0/updates/dkms/nvidia-uvm.ko")
    write(tmp_path, "/lib/modules/6.1.0/kernel/drivers/video/nvidiafb.ko")
    expected = ((f"/lib/modules/6.1.0/{file}",), ("6.1.0",))
    assert driver_modules.module_files(bare(tmp_path)) == expected


def test_a_running_kernel_whose_modules_are_gone(tmp_path):
    write(tmp_path, "/proc/sys/kernel/osrelease", "6.1.0\n")
    write(tmp_path, "/lib/modules/6.2.0/updates/dkms/nvidia.ko")
    assert driver_modules.module_files(bare(tmp_path)) == ((), ("6.2.0",))
    assert driver_modules.headers(bare(tmp_path)) is False


def test_dkms_that_was_added_and_not_built(tmp_path):
    (tmp_path / "var/lib/dkms/nvidia/550.54.14").mkdir(parents=True)
    write(tmp_path, "/var/lib/dkms/nvidia-fs/2.19.7/6.1.0/x86_64/module/nvidia-fs.ko")
    write(tmp_path, "/var/lib/dkms/mok.key")
    expected = (DkmsModule(name="nvidia", version="550.54.14", kernel=None),)
    assert driver_modules.dkms(bare(tmp_path)) == expected


def test_the_first_library_that_is_really_there(tmp_path):
    lib = tmp_path / "usr/lib/x86_64-linux-gnu"
    lib.mkdir(parents=True)
    (lib / "libcuda.so.1").symlink_to("libcuda.so.535.171.04")
    write(tmp_path, "/usr/lib64/libcuda.so.550.54.14")
    (tmp_path / "usr/lib64/libcuda.so.1").symlink_to("libcuda.so.550.54.14")
    write(tmp_path, "/usr/local/cuda-12.8/compat/libcuda.so.570.124.06")
    (tmp_path / "usr/local/cuda-12.8/compat/libcuda.so.1").symlink_to("libcuda.so.570.124.06")
    write(tmp_path, "/usr/lib/wsl/lib/libnvidia-ml.so.1")
    find = driver_library.find
    assert find(bare(tmp_path), "libcuda.so.1") == ("/usr/lib64/libcuda.so.550.54.14", "550.54.14")
    path = {"LD_LIBRARY_PATH": "/home/ada/lib::/usr/local/cuda-12.8/compat"}
    assert find(bare(tmp_path, **path), "libcuda.so.1")[1] == "570.124.06"
    assert find(bare(tmp_path), "libnvidia-ml.so.1") == ("/usr/lib/wsl/lib/libnvidia-ml.so.1", None)
    assert find(bare(tmp_path), "libnccl.so.2") == ("", None)


def test_debians_alternatives_are_followed(tmp_path):
    write(tmp_path, "/usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.535.183.01")
    lib = tmp_path / "usr/lib/x86_64-linux-gnu"
    (lib / "nvidia/current/libcuda.so.1").symlink_to("libcuda.so.535.183.01")
    (tmp_path / "etc/alternatives").mkdir(parents=True)
    (lib / "libcuda.so.1").symlink_to("/etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu")
    (tmp_path / "etc/alternatives/nvidia--libcuda.so.1-x86_64-linux-gnu").symlink_to(
        "/usr/lib/x86_64-linux-gnu/nvidia/current/libcuda.so.1"
    )
    assert driver_library.find(bare(tmp_path), "libcuda.so.1")[1] == "535.183.01"


@pytest.mark.parametrize(
    "text, version, is_open",
    [
        (
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  384.130  Wed Mar 21 03:37:26 PDT 2018",
            "384.130",
            False,
        ),
        ("NVRM version: NVIDIA UNIX aarch64 Kernel Module  470.82.01  Wed Oct 27", "470.82.01", False),
        (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.06  Release Build  (x@y)  Wed",
            "570.124.06",
            True,
        ),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  540.4.0  Release Build", "540.4.0", True),
        ("GCC version:  gcc version 12.3.0", None, None),
        ("", None, None),
    ],
)
def test_both_flavours_and_ages_of_the_version_file(text, version, is_open):
    assert driver.parse_version(text + "\nGCC version:  gcc version 12.3.0\n") == (version, is_open)


@pytest.mark.parametrize(
    "version, upstream",
    [
        ("550.54.14-1", "550.54.14"),
        ("1:550.54.14-0ubuntu1", "550.54.14"),
        ("550.54.14", "550.54.14"),
        ("1:550.54.14", "550.54.14"),
    ],
)
def test_upstream_version_of_a_package(version, upstream):
    assert dpkg.upstream(version) == upstream


@given(st.text(max_size=300))
def test_any_version_file_is_read(text):
    driver.parse_version(text)
    driver.parse_version("NVRM version: Kernel Module  " + text)


@given(st.text(max_size=300))
def test_any_modprobe_file_is_read(text):
    driver_modules.bars_nvidia(text)


@given(st.binary(max_size=400))
def test_any_package_status_is_read(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("dpkg")
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_bytes(b"Package: nvidia-" + data)
    assert dpkg.installed(bare(root), ("nvidia-",)) is not None
