import os
import platform
import shutil

import pytest

from envkit.core.machine import Machine
from envkit.core.proc import Result
from envkit.facts import programs
from envkit.facts.probes import host
from envkit.facts.probes.libc import architecture, libc
from envkit.facts.probes.surroundings import container, virtualization, wsl
from tests.facts.trees import tree
from tests.recorded import recorded

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
OVERLAY = "700 600 0:62 / / rw - overlay overlay rw,lowerdir={}\n"


def test_desktop():
    found = host.read(recorded("ubuntu-desktop"))
    assert (found.os_id, found.os_name, found.os_version) == ("ubuntu", "Ubuntu 24.04.1 LTS", "24.04")
    assert (found.system, found.kernel, found.machine) == ("Linux", "6.8.0-45-generic", "x86_64")
    assert (found.libc, found.libc_version) == ("glibc", "2.39")
    assert (found.virtualization, found.container, found.container_read) == ("none", None, True)
    assert (found.secure_boot, found.iommu_groups, found.cmdline) == (True, 3, "intel_iommu=on")
    assert (found.reboot_required, found.reboot_packages) == (False, ())
    # 6.8.0-38 has only a module that DKMS built and nobody removed.
    assert found.kernels_installed == ("6.8.0-41-generic", "6.8.0-45-generic")
    assert (found.compiler, found.compiler_version, found.uptime) == ("cc", "13.2.0", 91211.42)
    assert (found.wsl, found.board, found.l4t, found.hosted_notebook) == (None, None, None, None)


def test_reboot_pending():
    found = host.read(recorded("reboot-pending"))
    assert found.reboot_required is True
    assert found.reboot_packages == ("libssl3", "linux-base", "linux-image-5.15.0-122-generic")
    # By version, not by letters.
    assert found.kernels_installed == ("5.15.0-97-generic", "5.15.0-119-generic", "5.15.0-122-generic")
    assert found.cmdline == "iommu=pt modprobe.blacklist=nouveau pci=realloc"
    assert (found.virtualization, found.secure_boot, found.compiler) == ("amazon-ec2", False, "")


@pytest.mark.parametrize(
    "name, kind, hypervisor, notebook",
    [
        ("docker-quota-v2", "docker", "vmware", None),
        ("k8s-pod-v1", "kubernetes", "amazon-ec2", None),
        ("alpine-musl", "podman", "none", None),
        ("colab", "notebook", "google-compute-engine", "colab"),
        ("wsl2", "wsl", "wsl", None),
        # A root disk made from an image: its /.dockerenv says nothing.
        ("firecracker-hybrid", None, "firecracker", None),
        ("jetson", None, "none", None),
        ("slurm-2gpu", None, "none", None),
    ],
)
def test_surroundings(name, kind, hypervisor, notebook):
    found = host.read(recorded(name))
    assert (found.container, found.virtualization, found.hosted_notebook) == (kind, hypervisor, notebook)
    # What is the image's own says nothing of the machine.
    if kind in ("docker", "kubernetes", "podman", "notebook"):
        assert (found.reboot_required, found.reboot_packages, found.kernels_installed) == (None, None, None)


def test_wsl():
    found = host.read(recorded("wsl2"))
    assert (found.wsl, found.kernel) == (2, "5.15.153.1-microsoft-standard-WSL2")


@pytest.mark.parametrize(
    "release, expected",
    [
        ("4.4.0-19041-Microsoft", 1),
        ("6.6.36.3-microsoft-standard-WSL2+", 2),
        ("6.8.0-1015-azure", None),
        ("6.8.0-45-generic", None),
    ],
)
def test_wsl_generations(tmp_path, release, expected):
    assert wsl(tree(tmp_path, {"/proc/sys/kernel/osrelease": release + "\n"})) == expected


def test_jetson():
    found = host.read(recorded("jetson"))
    assert (found.board, found.l4t) == ("NVIDIA Jetson AGX Orin Developer Kit", "R36.4.0")
    assert (found.machine, found.libc_version) == ("aarch64", "2.35")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("alpine-musl", ("musl", "1.2.5")),
        ("k8s-pod-v1", ("glibc", "2.31")),
        ("slurm-2gpu", ("glibc", "2.28")),
        ("nested-v2", ("glibc", "2.39")),
    ],
)
def test_libc(name, expected):
    machine = recorded(name)
    assert libc(machine, architecture(machine)) == expected


def test_musl_beside_glibc_is_glibc(tmp_path):
    files = {
        "/lib/ld-musl-x86_64.so.1": "",
        "/lib64/libc.so.6": "GNU C Library (x) stable release version 2.40.\n",
    }
    assert libc(tree(tmp_path, files), "x86_64") == ("glibc", "2.40")


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"/proc/sys/kernel/arch": "riscv64\n"}, "riscv64"),
        ({"/lib/ld-musl-aarch64.so.1": ""}, "aarch64"),
        ({"/proc/cpuinfo": "Features\t: fp asimd\nCPU implementer\t: 0x41\n"}, "aarch64"),
        ({"/proc/cpuinfo": "flags\t\t: fpu vme lm\n"}, "x86_64"),
        ({}, None),
    ],
)
def test_architecture(tmp_path, files, expected):
    assert architecture(tree(tmp_path, files)) == expected


@pytest.mark.parametrize(
    "files, expected",
    [
        ({"/sys/firmware/acpi/pm_profile": "", SECURE_BOOT: b"\x06\0\0\0\x01"}, True),
        ({"/sys/firmware/acpi/pm_profile": "", SECURE_BOOT: b"\x06\0\0\0\x00"}, False),
        ({SECURE_BOOT: b""}, None),
        ({"/sys/firmware/efi/efivars/Boot0000-8be4df61-93ca-11d2-aa0d-00e098032b8c": b"x"}, False),
        ({"/sys/firmware/efi/efivars/": ""}, None),  # efivarfs is not mounted
        ({"/sys/firmware/acpi/pm_profile": ""}, False),  # no EFI
        ({"/sys/firmware/": ""}, None),  # masked by a container engine
        ({}, None),
    ],
)
def test_secure_boot(tmp_path, files, expected):
    assert host.read(tree(tmp_path, files)).secure_boot is expected


@pytest.mark.parametrize(
    "files, env, expected",
    [
        ({"/run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({"/run/systemd/container": "systemd-nspawn\n"}, {}, "other"),
        ({"/proc/1/environ": "PATH=/bin\0container=podman\0"}, {}, "podman"),
        ({}, {"APPTAINER_CONTAINER": "/x.sif"}, "apptainer"),
        ({}, {"SINGULARITY_CONTAINER": "/x.sif"}, "apptainer"),
        ({"/proc/self/cgroup": "4:memory:/docker/0f1e\n"}, {}, "docker"),
        ({"/proc/self/cgroup": "0::/lxc.payload.web/init.scope\n"}, {}, "lxc"),
        ({"/proc/self/cgroup": "0::/kubepods.slice/x\n"}, {}, "kubernetes"),
        ({"/proc/self/mountinfo": OVERLAY.format("/var/lib/docker/overlay2/l/A")}, {}, "docker"),
        ({"/proc/self/mountinfo": OVERLAY.format("/var/lib/containers/storage/overlay/l/A")}, {}, "podman"),
        ({"/proc/self/mountinfo": OVERLAY.format("/run/containerd/x")}, {}, "other"),
        # Docker with the host's PID namespace, and with a storage driver that is not layered.
        (
            {"/.dockerenv": "", "/proc/2/comm": "kthreadd\n", "/proc/self/mountinfo": OVERLAY.format("/x")},
            {},
            "docker",
        ),
        ({"/.dockerenv": "", "/proc/self/mountinfo": "7 6 0:2 / / rw - zfs a/b rw\n"}, {}, "docker"),
        # A live system's root is layered too.
        ({"/proc/2/comm": "kthreadd\n", "/proc/self/mountinfo": OVERLAY.format("/cow")}, {}, None),
        ({}, {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, "notebook"),
        # A notebook instance of SageMaker is a machine of its own.
        ({"/opt/ml/metadata/resource-metadata.json": "{}", "/proc/2/comm": "kthreadd\n"}, {}, None),
        ({}, {}, None),
    ],
)
def test_containers(tmp_path, files, env, expected):
    assert container(tree(tmp_path, files, env)) == expected


def firmware(vendor, product):
    return {
        "/sys/class/dmi/id/sys_vendor": vendor + "\n",
        "/sys/class/dmi/id/product_name": product + "\n",
    }


def dmi(vendor, product="x", flags="hypervisor"):
    return {**firmware(vendor, product), "/proc/cpuinfo": f"flags\t\t: fpu {flags}\n"}


GUEST = {"/proc/cpuinfo": "flags\t\t: fpu hypervisor\n"}


CLOCKS = "/sys/devices/system/clocksource/clocksource0/available_clocksource"


@pytest.mark.parametrize(
    "files, expected",
    [
        (dmi("QEMU", "Standard PC (Q35 + ICH9, 2009)"), "kvm"),
        (dmi("Xen", "HVM domU"), "xen"),
        (dmi("Microsoft Corporation", "Virtual Machine"), "hyper-v"),
        (dmi("Microsoft Corporation", "Surface Book 3", flags=""), "none"),
        (dmi("innotek GmbH", "VirtualBox"), "virtualbox"),
        (dmi("OpenStack Foundation", "OpenStack Nova"), "openstack"),
        (dmi("Amazon EC2", "p4d.24xlarge"), "amazon-ec2"),
        (dmi("Amazon EC2", "p5.metal", flags=""), "none"),
        (dmi("Supermicro", "SYS-420GP", flags=""), "none"),
        ({**GUEST, CLOCKS: "tsc kvm-clock \n"}, "kvm"),
        (GUEST, "other"),
        ({**GUEST, "/sys/devices/platform/AMZNC10C:00/uevent": ""}, "firecracker"),
        ({"/sys/hypervisor/type": "xen\n"}, "xen"),
        ({"/proc/device-tree/hypervisor/compatible": "linux,kvm\0"}, "kvm"),
        (firmware("Amazon EC2", "c7g.metal"), "none"),
        (firmware("Amazon EC2", "g5g.xlarge"), "amazon-ec2"),
        ({}, None),
    ],
)
def test_virtualization(tmp_path, files, expected):
    assert virtualization(tree(tmp_path, files)) == expected


def test_reboot_is_unknown_where_the_distribution_leaves_no_flag():
    assert host.read(recorded("nested-v2")).reboot_required is None


def test_a_kernel_without_modules(tmp_path):
    assert host.read(tree(tmp_path, {"/lib/": ""})).kernels_installed == ()
    assert host.read(tree(tmp_path / "other", {"/proc/": ""})).kernels_installed is None


def test_a_compiler_that_does_not_answer(tmp_path):
    which = Result(state="done", code=0, stdout='{"which": "gcc", "found": "/nfs/bin/gcc"}\n')
    found = host.read(tree(tmp_path, {}, commands={"which": which, "cc-version": Result(state="timeout")}))
    assert (found.compiler, found.compiler_version) == ("gcc", None)


def test_an_unknown_part_of_path_leaves_the_compiler_unknown():
    found = host.read(recorded("nfs-hung"))
    assert (found.compiler, found.compiler_version) == (None, None)


def test_odd_os_release(tmp_path):
    text = 'ID=\'arch\'\nPRETTY_NAME="A \\"B\\" \x1b[31mC"\n# comment\nBROKEN\nNAME=\n'
    found = host.read(tree(tmp_path, {"/etc/os-release": text}))
    assert (found.os_id, found.os_name, found.os_version) == ("arch", 'A "B" C', None)


def test_here(monkeypatch):
    monkeypatch.setattr(programs, "LIMIT", 60.0)  # a busy machine is not what this is about
    found = host.read(Machine.here())
    assert (found.system, found.kernel, found.machine) == (
        platform.system(),
        platform.release(),
        os.uname().machine,
    )
    assert found.libc in ("glibc", "musl") and found.libc_version
    assert found.container_read and found.virtualization
    assert found.uptime is not None and found.uptime > 0
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), "")
    assert found.compiler == compiler
