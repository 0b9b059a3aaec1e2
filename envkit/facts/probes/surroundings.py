"""What a machine is inside of: hypervisor, WSL, container, hosted notebook.

Sources: systemd-detect-virt (src/basic/virt.c of systemd) for the firmware's names and for the marks that
container engines leave; the services' own documentation for hosted notebooks.
"""

from __future__ import annotations

from typing import Literal

from envkit.core.machine import Machine
from envkit.facts.host_model import ContainerKind
from envkit.facts.procfs import kernel_threads_visible, mount_of, read_mounts

_DMI = "/sys/class/dmi/id"
_DMI_VENDORS = (
    # In this order: an instance of a cloud names the cloud before the hypervisor below it.
    ("Amazon EC2", "amazon-ec2"),
    ("Google Compute Engine", "google-compute-engine"),
    ("Google", "google-compute-engine"),
    ("Alibaba Cloud", "alibaba"),
    ("OpenStack", "openstack"),
    ("KubeVirt", "kubevirt"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "virtualbox"),
    ("VirtualBox", "virtualbox"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Xen", "xen"),
    ("Apple Virtualization", "apple"),
    ("Microsoft Corporation", "hyper-v"),
    ("KVM", "kvm"),
    ("QEMU", "kvm"),
    ("Bochs", "kvm"),
)
_ENV_NOTEBOOKS = (
    ("COLAB_RELEASE_TAG", "colab"),
    ("COLAB_GPU", "colab"),
    ("COLAB_BACKEND_VERSION", "colab"),
    ("KAGGLE_KERNEL_RUN_TYPE", "kaggle"),
    ("KAGGLE_URL_BASE", "kaggle"),
    ("SAGEMAKER_INTERNAL_IMAGE_URI", "sagemaker"),
    ("SAGEMAKER_APP_TYPE", "sagemaker"),
    ("SAGEMAKER_SPACE_NAME", "sagemaker"),
    ("PAPERSPACE_NOTEBOOK_REPO_ID", "paperspace"),
    ("PAPERSPACE_CLUSTER_ID", "paperspace"),
    ("DATABRICKS_RUNTIME_VERSION", "databricks"),
    ("DEEPNOTE_PROJECT_ID", "deepnote"),
    ("LIGHTNING_CLOUD_SPACE_ID", "lightning"),
)
_SAGEMAKER_FILE = "/opt/ml/metadata/resource-metadata.json"
_CONTAINER_WORDS: dict[str, ContainerKind] = {
    "docker": "docker", "podman": "podman", "kubernetes": "kubernetes", "kube": "kubernetes",
    "lxc": "lxc", "lxc-libvirt": "lxc", "lxd": "lxc", "apptainer": "apptainer", "singularity": "apptainer",
    "wsl": "wsl",
}  # fmt: skip
"""Values of `container=`, which engines give to PID 1 and systemd writes to /run/systemd/container."""
_CGROUP_PARTS: tuple[tuple[str, ContainerKind], ...] = (
    ("/kubepods", "kubernetes"),
    ("/libpod-", "podman"),
    ("/libpod_parent", "podman"),
    ("/docker/", "docker"),
    ("/docker-", "docker"),
    ("/lxc/", "lxc"),
    ("/lxc.payload", "lxc"),
)


def wsl(machine: Machine) -> Literal[1, 2] | None:
    """Windows Subsystem for Linux and its generation, by the kernel's name or the session's variables."""
    release = machine.line("/proc/sys/kernel/osrelease") or ""
    if "microsoft-standard" in release.lower() or "WSL2" in release:
        return 2
    if release.endswith("-Microsoft"):
        return 1
    # A kernel that a person built for WSL 2 may have any name.
    return 2 if "WSL_INTEROP" in machine.env or machine.exists("/dev/dxg") else None


def hosted_notebook(machine: Machine) -> str | None:
    """The hosted notebook service, or None."""
    for variable, name in _ENV_NOTEBOOKS:
        if variable in machine.env:
            return name
    # /opt of the image; the file is there on SageMaker notebook instances and in its images only.
    return "sagemaker" if machine.exists(_SAGEMAKER_FILE) else None


def virtualization(machine: Machine) -> str | None:
    """The hypervisor's name, `none` on bare metal, None when nothing tells."""
    if wsl(machine):
        return "wsl"
    if (machine.line("/sys/hypervisor/type") or "") == "xen":
        return "xen"
    firmware = _firmware(machine)
    cpuinfo = machine.read("/proc/cpuinfo", 1 << 14) or ""
    flags = next((line.split() for line in cpuinfo.splitlines() if line.startswith("flags")), None)
    if flags is not None:
        # Bare-metal instances of a cloud have the cloud's firmware and no hypervisor.
        return (firmware or _unnamed(machine)) if "hypervisor" in flags else "none"
    # Other architectures have no such flag.
    if (node := machine.line("/proc/device-tree/hypervisor/compatible")) is not None:
        return "xen" if "xen" in node else "kvm"
    if firmware is not None:
        metal = (machine.line(f"{_DMI}/product_name") or "").endswith((".metal", "-metal"))
        return "none" if metal else firmware
    known_hardware = machine.exists(f"{_DMI}/sys_vendor") or machine.exists("/proc/device-tree/model")
    return "none" if known_hardware else None


def _firmware(machine: Machine) -> str | None:
    for name in ("product_name", "sys_vendor", "board_vendor", "bios_vendor"):
        text = machine.line(f"{_DMI}/{name}") or ""
        for start, kind in _DMI_VENDORS:
            # Microsoft also makes computers: only its virtual machine is one.
            if text.startswith(start) and (kind != "hyper-v" or _is_hyper_v(machine)):
                return kind
    return None


def _is_hyper_v(machine: Machine) -> bool:
    return (machine.line(f"{_DMI}/product_name") or "").startswith("Virtual Machine")


def _unnamed(machine: Machine) -> str:
    """The hypervisor of a guest without DMI, or with one that names none."""
    clocks = machine.line("/sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    for clock, kind in (("hyperv", "hyper-v"), ("xen", "xen")):
        if clock in clocks:
            return kind
    if not machine.exists(f"{_DMI}/sys_vendor") and _has_firecracker_devices(machine):
        return "firecracker"
    return "kvm" if "kvm-clock" in clocks else "other"


def _has_firecracker_devices(machine: Machine) -> bool:
    """Its ACPI tables name their maker, but only root may read them; its VMClock device has a fixed id."""
    try:
        if machine.read_bytes("/sys/firmware/acpi/tables/DSDT", 16)[10:16] == b"FIRECK":
            return True
    except OSError:
        pass
    if machine.exists("/sys/devices/platform/AMZNC10C:00"):
        return True
    words = (machine.line("/proc/cmdline") or "").split()
    return "pci=off" in words and any(word.startswith("virtio_mmio.device=") for word in words)


def container(machine: Machine) -> ContainerKind | None:
    """The kind of container that this process is in, most specific first; None when in none."""
    kind = _container(machine)
    notebook = hosted_notebook(machine)
    if notebook in ("colab", "kaggle") or (notebook and kind):
        return "notebook"
    return kind or ("wsl" if wsl(machine) else None)


def _container(machine: Machine) -> ContainerKind | None:
    env = machine.env
    if "KUBERNETES_SERVICE_HOST" in env or machine.exists("/var/run/secrets/kubernetes.io/serviceaccount"):
        return "kubernetes"
    if any(name in env for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SINGULARITY_NAME")):
        return "apptainer"
    groups = machine.read("/proc/self/cgroup") or ""
    of_group = next((kind for part, kind in _CGROUP_PARTS if part in groups), None)
    if of_group is not None:
        return of_group
    if machine.exists("/run/.containerenv"):
        return "podman"
    named = _named(machine)
    if named is not None:
        return named
    root = mount_of(read_mounts(machine) or (), "/")
    layered = root is not None and root.fstype in ("overlay", "fuse.fuse-overlayfs")
    # The root disk of a virtual machine may be made from an image that still has the file.
    if machine.exists("/.dockerenv") and (layered or not kernel_threads_visible(machine)):
        return "docker"
    if root is not None and layered and not kernel_threads_visible(machine):
        return _of_layers(" ".join(root.super_options))
    return None


def _named(machine: Machine) -> ContainerKind | None:
    """What the engine told PID 1 (only its owner may read that), or what systemd passed on to everybody."""
    words = [machine.env.get("container"), machine.line("/run/systemd/container")]
    variables = (machine.read("/proc/1/environ", 1 << 16) or "").split("\0")
    words += [word.removeprefix("container=") for word in variables if word.startswith("container=")]
    word = next((word for word in words if word), None)
    return None if word is None else _CONTAINER_WORDS.get(word.lower(), "other")


def _of_layers(options: str) -> ContainerKind:
    if "/containers/storage/" in options:
        return "podman"
    return "docker" if "/docker/" in options else "other"
