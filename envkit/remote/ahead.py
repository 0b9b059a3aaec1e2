"""What the probes are known to read of a machine: fetched in one go when the connection stands.

A path that is missing here costs a journey and nothing else; one that no probe reads any more costs a moment.
Each topic is read in a thread of its own there, so that a file that hangs keeps back its topic only.
"""

from __future__ import annotations

from envkit.core.machine import Ahead

_CPU = "/sys/devices/system/cpu"
_NODE = "/sys/devices/system/node"
_PCI = "/sys/bus/pci/devices"
_KFD = "/sys/class/kfd/kfd/topology/nodes"
_DMI = "/sys/class/dmi/id"
_CUDA = ("/usr/local", "/opt", "/opt/nvidia")
_COMPAT = ("/compat", "/compat/lib", "/compat/lib.real")
_RUNTIME_FOLDERS = ("/etc/containerd/conf.d", "/etc/k0s/containerd.d", "/etc/crio/crio.conf.d")

TOPICS: tuple[Ahead, ...] = (
    Ahead(read=("/proc/[0-9]*/stat",), ls=("/proc",), limit=512),
    Ahead(
        read=(
            *(f"/proc/self/{name}" for name in ("cgroup", "mountinfo", "limits", "status")),
            *(f"/proc/sys/kernel/{name}" for name in ("osrelease", "ostype", "arch", "random/boot_id")),
            *(f"/proc/{name}" for name in ("meminfo", "vmstat", "modules", "uptime", "loadavg", "stat")),
            *("/proc/cmdline", "/proc/pressure/memory", "/proc/sys/fs/file-max", "/proc/2/comm"),
            *("/proc/device-tree/model", "/proc/device-tree/hypervisor/compatible", "/proc/1/environ"),
        ),
        ls=("/proc/self/fd",),
        stat=("/proc/self/cwd", "/proc/self/cgroup", "/proc/self/mountinfo", "/proc/device-tree/model"),
        limit=1 << 20,
    ),
    Ahead(read=("/proc/cpuinfo",), limit=1 << 14),
    Ahead(
        read=(
            *(f"{_CPU}/{name}" for name in ("online", "cpu0/cpufreq/cpuinfo_max_freq")),
            *(f"{_CPU}/cpu0/cpufreq/{name}" for name in ("scaling_governor", "scaling_driver")),
            f"{_CPU}/cpu[0-9]*/topology/thread_siblings_list",
            f"{_CPU}/cpu[0-9]*/topology/physical_package_id",
            f"{_NODE}/node[0-9]*/cpulist",
            "/sys/devices/system/clocksource/clocksource0/current_clocksource",
            "/sys/devices/system/clocksource/clocksource0/available_clocksource",
        ),
        ls=(_NODE,),
        stat=(_CPU,),
        limit=1 << 14,
    ),
    Ahead(
        read=(
            *(f"{_DMI}/{name}" for name in ("product_name", "sys_vendor", "board_vendor", "bios_vendor")),
            "/sys/kernel/mm/transparent_hugepage/enabled",
            "/sys/hypervisor/type",
            "/sys/fs/selinux/enforce",
            "/sys/firmware/acpi/tables/DSDT",
        ),
        ls=(
            *("/sys/firmware", "/sys/firmware/efi/efivars", "/sys/kernel/iommu_groups"),
            *("/sys/fs", "/sys/class"),
        ),
        stat=(
            *("/sys/fs/cgroup", "/sys/fs/cgroup/*", "/sys/class", f"{_DMI}/sys_vendor"),
            "/sys/devices/platform/AMZNC10C:00",
        ),
        limit=1 << 14,
    ),
    Ahead(
        read=(f"{_PCI}/*/class", f"{_PCI}/*/vendor", f"{_PCI}/*/device"),
        ls=("/sys/bus", _PCI, "/sys/class/infiniband", "/sys/class/drm", "/sys/class/kfd", "/sys/module"),
        limit=256,
    ),
    Ahead(
        read=("/proc/driver/nvidia/version", "/sys/module/nvidia/version", "/etc/nv_tegra_release"),
        ls=("/dev", "/dev/nvidia-caps", "/proc/driver/nvidia/gpus"),
        stat=("/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/dxg", "/dev/kfd", "/dev/dri/*"),
    ),
    Ahead(read=("/proc/[0-9]*/comm",), limit=64),
    Ahead(read=("/sys/kernel/iommu_groups/*/type", "/sys/power/suspend_stats/success"), limit=64),
    Ahead(read=(f"{_KFD}/*/properties",), ls=(_KFD,)),
    Ahead(
        read=("/proc/net/tcp", "/proc/net/tcp6", "/proc/sys/kernel/hostname", "/etc/hosts"),
        ls=(
            *("/sys/class/net", "/etc", "/usr/local/share/ca-certificates"),
            *("/etc/pki/ca-trust/source/anchors", "/etc/ca-certificates/trust-source/anchors"),
            "/etc/pki/trust/anchors",
        ),
        limit=4 << 20,
    ),
    Ahead(
        ls=("/lib/modules", "/lib/modules/*", "/run/booted-system/kernel-modules/lib/modules"),
        stat=(
            *(f"/lib/modules/*/{name}" for name in ("build", "kernel", "modules.builtin")),
            "/lib/modules/*/build/Makefile",
            *("/lib", "/lib/modules", "/lib64", "/usr", "/usr/lib", "/usr/lib64"),
            *("/usr/src/*", "/usr/src", "/usr/src/*/Makefile", "/usr/lib/modules"),
            "/usr/lib/modules/*",
        ),
        walk=(
            *((f"/lib/modules/*/{name}", 1) for name in ("kernel/drivers/video", "updates")),
            *((f"/lib/modules/*/{name}", 2) for name in ("extra", "weak-updates")),
            *((f"/lib/modules/*/{name}", 0) for name in ("extramodules", "misc")),
        ),
    ),
    Ahead(ls=("/lib/modules/*/kernel", "/lib/modules/*/kernel/nvidia-*", "/var/lib/dkms", "/var/lib/dkms/*")),
    Ahead(
        read=tuple(
            f"{folder}/modprobe.d/*.conf"
            for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
        ),
        ls=tuple(
            f"{folder}/modprobe.d" for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
        ),
        limit=1 << 18,
    ),
    Ahead(
        read=(
            *("/etc/os-release", "/usr/lib/os-release", "/etc/group", "/run/systemd/container"),
            *("/etc/docker/daemon.json", "/etc/nvidia-container-runtime/config.toml"),
            *("/etc/cdi/*", "/var/run/cdi/*", "/run/reboot-required.pkgs", "/var/run/reboot-required.pkgs"),
            *("/run/reboot-needed.pkgs", "/etc/containerd/config.toml", "/etc/crio/crio.conf"),
            *(f"{folder}/*" for folder in _RUNTIME_FOLDERS),
            *(f"/var/lib/rancher/{name}/agent/etc/containerd/config.toml" for name in ("k3s", "rke2")),
        ),
        ls=("/etc/cdi", "/var/run/cdi", *_RUNTIME_FOLDERS),
        stat=(
            *("/etc/docker/daemon.json", "/etc/nvidia-container-runtime/config.toml"),
            *("/run", "/run/reboot-required", "/var/run/reboot-required", "/run/reboot-needed"),
            *("/.dockerenv", "/run/.containerenv", "/var/run/secrets/kubernetes.io/serviceaccount"),
            *("/var/lib/kubelet", "/var/lib/rancher", "/var/lib/k0s", "/etc/kubernetes"),
            *("/run/systemd/timesync/synchronized", "/run/systemd/system"),
            *("/opt/ml/metadata/resource-metadata.json", "/var/run/docker.sock", "/usr/bin/nv-fabricmanager"),
        ),
        limit=1 << 20,
    ),
    Ahead(
        read=tuple(f"{folder}/cuda*/version.{kind}" for folder in _CUDA for kind in ("json", "txt")),
        ls=("/usr/lib", *_CUDA, *(f"{folder}/cuda*{part}" for folder in _CUDA for part in ("", *_COMPAT))),
        stat=(
            *(f"{folder}/cuda*{part}" for folder in _CUDA for part in ("/bin/nvcc", "/lib64", *_COMPAT)),
            *("/usr/bin", "/usr/local", "/usr/local/bin", "/usr/local/bin/nvcc", "/usr/bin/nvcc", "/opt"),
            *(
                f"{folder}/{name}"
                for folder in (
                    "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/lib/x86_64-linux-gnu",
                    "/lib/aarch64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib64/nvidia", "/usr/lib/wsl/lib",
                    "/run/opengl-driver/lib", "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib",
                    "/usr/lib/aarch64-linux-gnu/nvidia", "/usr/lib/aarch64-linux-gnu/tegra", "/usr/lib",
                    "/usr/lib/nvidia*",
                )
                for name in ("libnvidia-ml.so*", "libcuda.so*")
            ),
            *("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib/cuda"),
            *("/usr/local/cuda*", "/opt/cuda*", "/opt/nvidia/cuda*", "/etc/alternatives/cuda*"),
            *("/usr/bin/nvidia-*", "/usr/local/nvidia/toolkit/nvidia-*", "/etc", "/etc/alternatives"),
        ),
    ),
)  # fmt: skip


def of_target(env: dict[str, str], asked: str | None) -> Ahead:
    """Where the target Python is looked for: in the environment that is active, on PATH, where it was named.

    asked: as the person gave it; of `~` and relative paths nothing is read ahead.
    """
    folders = [folder for folder in env.get("PATH", "").split(":") if folder.startswith("/")]
    names = ["python3", "python"]
    if asked and "/" not in asked:
        names.append(asked if not asked[0].isdigit() else f"python{asked}")
    environments = [env.get(name, "") for name in ("VIRTUAL_ENV", "CONDA_PREFIX")]
    if asked and asked.startswith("/"):
        environments.append(asked.rstrip("/"))
    inside = [f"{folder}/bin/{name}" for folder in environments if folder for name in ("python", "python3")]
    literal = [
        *(f"{folder}/{name}" for folder in folders for name in names),
        *inside,
        *(folder for folder in environments if folder),
    ]
    listed = [folder for folder in environments if folder]
    return Ahead(
        stat=tuple(path for path in literal if "*" not in path and "[" not in path),
        ls=tuple(path for path in listed if "*" not in path and "[" not in path),
    )
