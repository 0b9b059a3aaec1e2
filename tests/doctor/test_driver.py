"""The kernel's half of the NVIDIA driver."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import driver
from envkit.facts.gpu_model import Nvml
from tests.doctor.build import healthy_hybrid
from tests.doctor.cases import CONTAINER, LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.machines import healthy_passthrough, healthy_wsl
from tests.doctor.parts import no_driver, pci

OLD_KERNEL = "/lib/modules/6.8.0-63-generic/updates/dkms/nvidia.ko.zst"
SILENT = Nvml(state="driver-not-loaded", detail="Driver Not Loaded")
NOT_LOADED = changed(
    WORKSTATION,
    "driver.loaded", False,
    "driver.module_version", None,
    "driver.modules", (),
    "driver.proc_gpus", None,
    "host.secure_boot", False,
    "nvml", SILENT,
    "pci[0].driver", "",
)  # fmt: skip
"""A module that is there and not in the kernel."""
NOT_BUILT = changed(
    NOT_LOADED,
    "driver.module_files", (),
    "driver.module_file_kernels", ("6.8.0-63-generic",),
    "driver.headers", False,
)  # fmt: skip
BARE = changed(
    NOT_LOADED,
    "driver", replace(no_driver(), modules=()),
    "nvml", Nvml(state="no-library"),
    "python.torch", None,
)  # fmt: skip
NOUVEAU = changed(BARE, "pci[0].driver", "nouveau", "driver.modules", ("nouveau",))
MISMATCH = Nvml(state="version-mismatch", detail="Driver/library version mismatch")
NO_CARD = changed(LAPTOP, "nvml", SILENT)
BLACKLIST = "/etc/modprobe.d/blacklist-nvidia.conf"
SIGNED = ("/lib/modules/6.8.0-64-generic/kernel/nvidia-580-open/nvidia.ko.zst",)

CASES = (
    # nouveau
    flip(driver.nouveau, WORKSTATION, "pci[0].driver", "nouveau", severity="note"),
    ill(
        driver.nouveau,
        "bound",
        NOUVEAU,
        "AD102 [GeForce RTX 4090]",
        "nouveau",
        fix=("blacklist nouveau", "ubuntu-drivers install", "Reboot"),
    ),
    ill(
        driver.nouveau, "nova", changed(NOUVEAU, "pci[0].driver", "nova"), "to nova", fix=("blacklist nova",)
    ),
    ill(
        driver.nouveau, "loaded, bound to nothing", changed(NOUVEAU, "pci[0].driver", ""), "nouveau is loaded"
    ),
    ill(
        driver.nouveau,
        "an old second card for the screen",
        changed(
            WORKSTATION,
            "pci",
            (*WORKSTATION.pci, pci("0000:05:00.0", "0x128b", "GK208B [GeForce GT 710]", driver="nouveau")),
        ),
        "GT 710",
        severity="note",
    ),
    fine(driver.nouveau, "the NVIDIA driver holds it", WORKSTATION, "no open-source driver"),
    fine(driver.nouveau, "the module is merely blacklisted", changed(WORKSTATION, "driver.blacklisted", ())),
    apart(driver.nouveau, "no GPU", LAPTOP, "no NVIDIA GPU"),
    apart(driver.nouveau, "WSL", changed(healthy_wsl(), "pci", WORKSTATION.pci), "Windows"),
    apart(driver.nouveau, "container", CONTAINER, "host of this container"),
    unsure(driver.nouveau, "the bus was not read", unread(WORKSTATION, "pci")),
    unsure(driver.nouveau, "the driver was not read", unread(WORKSTATION, "driver")),
    unsure(driver.nouveau, "modules were not read", unread(WORKSTATION, "driver.loaded")),
    # kernel-module-not-built
    ill(
        driver.kernel_module_not_built,
        "another kernel",
        NOT_BUILT,
        "6.8.0-64-generic",
        fix=("linux-headers-6.8.0-64-generic", "dkms autoinstall -k 6.8.0-64-generic", "modprobe"),
    ),
    ill(
        driver.kernel_module_not_built,
        "without DKMS",
        changed(NOT_BUILT, "driver.dkms", ()),
        fix=("ready-built module",),
    ),
    ill(
        driver.kernel_module_not_built,
        "without DKMS, Fedora",
        changed(NOT_BUILT, "driver.dkms", (), "host.os_id", "fedora"),
        fix=("akmods --force --kernels 6.8",),
    ),
    ill(
        driver.kernel_module_not_built,
        "no driver at all",
        BARE,
        "no NVIDIA driver is installed",
        fix=("ubuntu-drivers install", "Reboot"),
    ),
    ill(
        driver.kernel_module_not_built,
        "the kernel's name is not known",
        changed(NOT_BUILT, "host.kernel", None),
        fix=("$(uname -r)",),
    ),
    fine(driver.kernel_module_not_built, "loaded", WORKSTATION, "580.95.05 is loaded"),
    apart(driver.kernel_module_not_built, "it exists", NOT_LOADED, "the module file exists"),
    apart(driver.kernel_module_not_built, "nouveau", NOUVEAU, "nouveau holds"),
    apart(driver.kernel_module_not_built, "a GPU kept for a guest", healthy_passthrough(), "no NVIDIA GPU"),
    unsure(driver.kernel_module_not_built, "the driver was not read", unread(NOT_LOADED, "driver")),
    unsure(driver.kernel_module_not_built, "files were not read", unread(NOT_LOADED, "driver.module_files")),
    flip(
        driver.kernel_module_not_built,
        WORKSTATION,
        "driver.loaded",
        False,
        "driver.module_files",
        (),
        because="a module that is loaded is not missed",
    ),
    # secure-boot
    flip(driver.secure_boot, WORKSTATION, "driver.loaded", False),
    ill(
        driver.secure_boot,
        "on, and a module of DKMS",
        changed(NOT_LOADED, "host.secure_boot", True),
        "Secure Boot is on",
        fix=("mokutil --import /var/lib/shim-signed", "Enroll MOK"),
    ),
    ill(
        driver.secure_boot,
        "Fedora",
        changed(NOT_LOADED, "host.secure_boot", True, "host.os_id", "fedora"),
        fix=("/etc/pki/akmods",),
    ),
    fine(driver.secure_boot, "off", NOT_LOADED, "off"),
    fine(
        driver.secure_boot,
        "a module that the distribution has signed",
        changed(NOT_LOADED, "host.secure_boot", True, "driver.module_files", SIGNED),
        "signed",
    ),
    apart(
        driver.secure_boot,
        "blacklisted, which comes first",
        changed(NOT_LOADED, "host.secure_boot", True, "driver.blacklisted", (BLACKLIST,)),
        BLACKLIST,
    ),
    apart(driver.secure_boot, "no module", NOT_BUILT, "no module to refuse"),
    unsure(
        driver.secure_boot, "firmware not readable", changed(NOT_LOADED, "host.secure_boot", None), "efivars"
    ),
    unsure(driver.secure_boot, "the driver was not read", unread(NOT_LOADED, "driver")),
    # driver-not-loaded
    flip(driver.driver_not_loaded, changed(WORKSTATION, "host.secure_boot", False), "driver.loaded", False),
    ill(driver.driver_not_loaded, "plain", NOT_LOADED, "is not loaded", fix=("modprobe nvidia", "dmesg")),
    ill(
        driver.driver_not_loaded,
        "blacklisted",
        changed(NOT_LOADED, "driver.blacklisted", (BLACKLIST,)),
        fix=(f"nvidia/d' {BLACKLIST}",),
    ),
    ill(
        driver.driver_not_loaded,
        "blacklisted on the kernel command line",
        changed(NOT_LOADED, "driver.blacklisted", ("/proc/cmdline",)),
        fix=("GRUB_CMDLINE_LINUX",),
    ),
    ill(
        driver.driver_not_loaded,
        "libraries, and the card is gone",
        NO_CARD,
        "no NVIDIA GPU is on the PCI bus",
        severity="note",
        fix=("seat the card",),
    ),
    ill(
        driver.driver_not_loaded,
        "WSL",
        changed(healthy_wsl(), "nvml", SILENT),
        "behind this system",
        fix=("wsl --update",),
    ),
    ill(
        driver.driver_not_loaded,
        "a container with libraries of its own",
        changed(CONTAINER, "nvml", SILENT, "driver.loaded", False),
        "on the host",
        fix=("host whose driver is",),
    ),
    ill(
        driver.driver_not_loaded,
        "only NVML could say",
        changed(unread(NOT_LOADED, "driver"), "nvml", SILENT),
        "NVML finds no loaded",
        fix=("modprobe",),
    ),
    ill(
        driver.driver_not_loaded,
        "an image with libraries on a host without GPU",
        changed(CONTAINER, "nvml", SILENT, "driver.loaded", False, "pci", ()),
        severity="note",
    ),
    fine(driver.driver_not_loaded, "loaded", WORKSTATION),
    apart(driver.driver_not_loaded, "not built", NOT_BUILT, "no module to load"),
    apart(driver.driver_not_loaded, "no GPU", LAPTOP, "no NVIDIA GPU"),
    apart(
        driver.driver_not_loaded,
        "kept for a guest",
        changed(healthy_passthrough(), "nvml", SILENT),
        "virtual",
    ),
    apart(driver.driver_not_loaded, "nouveau", changed(NOUVEAU, "nvml", SILENT), "nouveau holds"),
    unsure(driver.driver_not_loaded, "the driver was not read", unread(WORKSTATION, "driver")),
    # driver-library-version-mismatch
    flip(
        driver.driver_library_version_mismatch,
        WORKSTATION,
        "nvml",
        MISMATCH,
        says=("the loaded kernel module is not the installed one",),
        fix=("sudo reboot", "apt-mark hold"),
    ),
    ill(
        driver.driver_library_version_mismatch,
        "with both versions",
        changed(WORKSTATION, "nvml", MISMATCH, "driver.library_version", "580.105.08"),
        "580.95.05",
        "580.105.08",
    ),
    ill(
        driver.driver_library_version_mismatch,
        "NVML did not answer",
        changed(unread(WORKSTATION, "nvml"), "driver.library_version", "580.105.08"),
        "580.105.08",
    ),
    ill(
        driver.driver_library_version_mismatch,
        "in a container",
        changed(CONTAINER, "nvml", MISMATCH),
        "in this container",
        fix=("baked into the image", "Start the container again"),
    ),
    fine(driver.driver_library_version_mismatch, "NVML answers", WORKSTATION),
    fine(driver.driver_library_version_mismatch, "the versions agree", unread(WORKSTATION, "nvml"), "agree"),
    apart(driver.driver_library_version_mismatch, "no GPU", LAPTOP, "no NVIDIA GPU"),
    apart(driver.driver_library_version_mismatch, "not loaded", NOT_LOADED, "no NVIDIA kernel module"),
    apart(
        driver.driver_library_version_mismatch,
        "a container without the driver's libraries",
        changed(
            CONTAINER,
            "nvml",
            Nvml(state="no-library"),
            "driver.library_version",
            None,
            "driver.library_path",
            "",
        ),
        "not here",
    ),
    unsure(
        driver.driver_library_version_mismatch,
        "no version in the library's name",
        changed(unread(WORKSTATION, "nvml"), "driver.library_version", None),
        "could not be read",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)


def test_a_sleeping_laptop_gpu_is_not_missing(compat):
    for rule in driver.RULES:
        assert rule(healthy_hybrid(), compat).status in ("ok", "not-applicable")
