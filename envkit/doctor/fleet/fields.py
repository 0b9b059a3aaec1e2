"""Which facts tell nodes apart: each field of the model is compared, compared nearly, or a node's own.

A test demands that each field of each class of the model stands in exactly one of the three.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from envkit.facts import container_model as containers
from envkit.facts import gpu_model as gpu
from envkit.facts import host_model as host
from envkit.facts import model, network_model
from envkit.facts import python_model as python

_NOW = "the state of one moment"
_COUNTER = "counts since boot or for life; what is too much is a finding"
_IDENTITY = "names one node or one device"
_ORDER = "follows the order of the bus, which differs between like machines"
_FOLLOWS = "follows from another fact that is compared"
_NUMA = "follows from the firmware's NUMA setting, which cpu.numa_nodes shows"
_PATH = "a path of one person or one job"
_LOG = "the kernel log is each node's history; what is wrong in it is a finding"
_ABOUT = "says how the snapshot was taken, not what the node is"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """The fields of one class of the model."""

    compared: str = ""
    """Names, between spaces."""
    near: dict[str, float] = field(default_factory=dict)
    """Numbers that are equal within this share, as the size of memory after the firmware took its part."""
    own: dict[str, str] = field(default_factory=dict)
    """Fields that are not compared, and why."""
    key: str = ""
    """For what stands in lists: the fields that say which element of another node is the same thing. Elements
    with the same key are taken together, as like GPUs are; without a key, all are."""
    shown: str = ""
    """For what stands in lists: the field that stands for the element; empty = how many there are."""
    counted: bool = True
    """For what stands in lists without a key: how many there are is a fact, too."""
    none: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Fields whose None is an answer: its word, and the field that must be set for it (empty: always)."""

    def names(self) -> frozenset[str]:
        """The fields that are looked at."""
        return frozenset(self.compared.split()) | self.near.keys()


def _own(reason: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


def _near(share: float, names: str) -> dict[str, float]:
    return dict.fromkeys(names.split(), share)


FIELDS: dict[type[Any], Fields] = {
    model.Snapshot: Fields(
        compared="envkit host scheduler cpu memory limits processes storage pci driver nvml cuda libraries"
        " python deep containers env amd network",
        own=_own(_ABOUT, "schema taken probes over") | _own(_LOG, "xids kernel_notes"),
    ),
    model.ProbeStatus: Fields(own=_own(_ABOUT, "name state seconds detail")),
    model.EnvVar: Fields(compared="value", own=_own(_IDENTITY, "name"), key="name", shown="value"),
    host.Host: Fields(
        compared="os_id os_name os_version system kernel machine libc libc_version virtualization container"
        " hosted_notebook wsl board l4t secure_boot reboot_required kernels_installed cmdline iommu_groups"
        " compiler compiler_version clock_synchronized",
        own=_own(_NOW, "uptime clock")
        | _own(_COUNTER, "suspends")
        | _own(_IDENTITY, "boot_id")
        | _own(_FOLLOWS, "container_read reboot_packages"),
        none={
            "container": ("none", "container_read"),
            "hosted_notebook": ("none", ""),
            "wsl": ("no", ""),
            "board": ("none", ""),
            "l4t": ("none", ""),
        },
    ),
    host.Scheduler: Fields(
        compared="name cpus memory tasks nodes",
        own=_own(_IDENTITY, "job_id") | _own("which GPUs a job was given is chance", "gpus"),
    ),
    host.Cpu: Fields(
        compared="model vendor logical physical sockets threads_per_core numa_nodes flags governor"
        " scaling_driver clocksource affinity cpuset quota cgroup",
        near={"max_mhz": 0.01},
        own=_own(_COUNTER, "throttled_periods periods throttled_seconds steal_share")
        | _own(_NOW, "load1")
        | _own(_FOLLOWS, "effective")
        | _own("which CPUs a job was given is chance", "numa_of_affinity"),
        none={"quota": ("unlimited", "cgroup"), "governor": ("none", "logical")},
    ),
    host.Memory: Fields(
        compared="thp",
        near=_near(0.02, "total swap_total cgroup_limit shm_total"),
        own=_own(_NOW, "available swap_used cgroup_used shm_free pressure")
        | _own(_COUNTER, "oom_kills oom_kills_host")
        | _own(_ABOUT, "cgroup_read"),
        none={"cgroup_limit": ("unlimited", "cgroup_read")},
    ),
    host.Limit: Fields(compared="soft hard", none={"soft": ("unlimited", ""), "hard": ("unlimited", "")}),
    host.Limits: Fields(
        compared="memlock nofile rdma_devices groups",
        near={"nproc": 0.02, "file_max": 0.02},
        own=_own(_NOW, "open_files") | _own(_IDENTITY, "uid"),
    ),
    host.StuckProcess: Fields(own=_own(_NOW, "pid name"), key="name"),
    host.Processes: Fields(compared="hidden", own=_own(_NOW, "total zombies stuck")),
    host.Storage: Fields(
        compared="fstype read_only writable state",
        near={"total": 0.02},
        own=_own(_NOW, "free inodes_free seconds")
        | _own(_PATH, "path mount device")
        | _own(_FOLLOWS, "inodes_total")
        | _own(_IDENTITY, "role"),
        key="role",
        shown="state",
    ),
    gpu.PciGpu: Fields(
        compared="name driver max_link_width link_width max_link_speed enabled is_vf iommu acs",
        own=_own(_ORDER, "address boot_vga")
        | _own(_NUMA, "numa_node")
        | _own(_NOW, "link_speed")
        | _own(_IDENTITY, "vendor vendor_id device_id")
        | _own(_FOLLOWS, "pci_class"),
        key="vendor_id device_id",
    ),
    gpu.DeviceNode: Fields(compared="accessible", own=_own(_IDENTITY, "path"), key="path"),
    gpu.DkmsModule: Fields(
        compared="version kernel", own=_own(_IDENTITY, "name"), key="name", shown="version"
    ),
    gpu.NvidiaDriver: Fields(
        compared="module_version loaded open_module modules module_files module_file_kernels dkms headers"
        " library_version library_path libcuda_version libcuda_path blacklisted nodes nvswitches"
        " fabric_manager fabric_manager_version persistenced packages smi_path",
        own=_own(_FOLLOWS, "proc_gpus"),
    ),
    gpu.GpuProcess: Fields(own=_own(_NOW, "pid name memory kind own"), key="name"),
    gpu.Ecc: Fields(
        compared="enabled pending",
        own=_own(
            _COUNTER,
            "corrected_volatile uncorrected_volatile corrected_aggregate uncorrected_aggregate"
            " sram_threshold_exceeded retired_pages retirement_pending",
        ),
    ),
    gpu.RowRemap: Fields(own=_own(_COUNTER, "correctable uncorrectable pending failed")),
    gpu.NvLink: Fields(
        compared="active",
        own=_own(_COUNTER, "crc_errors replay_errors recovery_errors")
        | _own(_ORDER, "peer")
        | _own(_IDENTITY, "link"),
    ),
    gpu.MigInstance: Fields(compared="memory", own=_own(_IDENTITY, "uuid name"), key="name"),
    gpu.Gpu: Fields(
        compared="state compute_capability brand vbios memory_total ecc temperature_slowdown"
        " temperature_max_operating power_limit_set clock_app_sm clock_app_sm_default"
        " clock_reasons_supported pcie_gen_max pcie_gen_device_max pcie_width pcie_width_max persistence"
        " compute_mode display_active mig_mode mig_pending mig_instances nvlinks fabric_state fabric_status"
        " virtualization recovery_action",
        near=_near(0.01, "power_limit power_default power_min power_max clock_sm_max clock_memory_max"),
        own=_own(_ORDER, "index pci_address")
        | _own(_NUMA, "numa_node cpu_affinity")
        | _own(_IDENTITY, "uuid name")
        | _own(_COUNTER, "row_remap violation_thermal violation_power pcie_replays")
        | _own(
            _NOW,
            "memory_used memory_reserved temperature memory_temperature power_draw clock_sm clock_memory"
            " clock_reasons performance_state utilization_gpu utilization_memory pcie_gen processes",
        )
        | _own(_FOLLOWS, "error"),
        key="name",
    ),
    gpu.P2p: Fields(compared="read level", own=_own(_ORDER, "a b"), counted=False),
    gpu.Nvml: Fields(
        compared="state library driver_version nvml_version cuda_version gpus p2p",
        own=_own(_FOLLOWS, "detail device_count unread"),
    ),
    gpu.Xid: Fields(own=_own(_LOG, "code pci_address seconds text")),
    gpu.KernelNote: Fields(own=_own(_LOG, "kind text seconds")),
    gpu.Toolkit: Fields(
        compared="version has_nvcc", own=_own(_IDENTITY, "path"), key="path", shown="version"
    ),
    gpu.CudaOnMachine: Fields(compared="toolkits nvcc nvcc_version cuda_home cuda_home_exists compat_dirs"),
    gpu.Amd: Fields(compared="targets kfd_accessible"),
    gpu.Library: Fields(
        compared="version via",
        own=_own(_FOLLOWS, "family order") | _own(_IDENTITY, "soname") | _own(_PATH, "path"),
        key="soname",
    ),
    python.Distribution: Fields(
        compared="version installer editable broken",
        own=_own(_PATH, "location") | _own(_FOLLOWS, "requires") | _own(_IDENTITY, "name"),
        key="name",
        shown="version",
        none={"broken": ("no", "")},
    ),
    python.TorchFacts: Fields(
        compared="version cuda hip archs cxx11_abi",
        own=_own(_PATH, "path rpath") | _own(_ABOUT, "archs_from") | _own(_FOLLOWS, "rpath_kind"),
    ),
    python.TensorflowFacts: Fields(
        compared="version is_cuda is_rocm cuda cudnn archs cpu_flags", own=_own(_PATH, "path")
    ),
    python.PipConfig: Fields(
        compared="index_url extra_index_url find_links cert proxy no_index", own=_own(_PATH, "files")
    ),
    python.TargetPython: Fields(
        compared="version implementation free_threaded bits platform_tag base_exists kind"
        " system_site_packages externally_managed user_site_enabled pip_version pip distributions"
        " conda_packages torch tensorflow libstdcxx glibcxx_needed read",
        own=_own(
            _PATH,
            "executable prefix base_prefix user_site paths pythonpath pythonhome shadows openmp",
        )
        | _own(_ABOUT, "chosen_because glibcxx_needed_by"),
        none={"torch": ("not installed", "distributions"), "tensorflow": ("not installed", "distributions")},
    ),
    python.SmokeResult: Fields(
        compared="ok",
        own=_own(_IDENTITY, "device op dtype")
        | _own(_NOW, "error tolerance seconds")
        | _own(_FOLLOWS, "detail"),
        key="op dtype",
        shown="ok",
    ),
    python.OtherFile: Fields(own=_own(_PATH, "path via shipped"), key="path"),
    python.LoadedLibrary: Fields(
        own=_own(_PATH, "path family soname version asked needed_by via entry entry_of others shipped"),
        key="path",
    ),
    python.DeepCheck: Fields(
        compared="state version cudnn_version threads error_type smoke",
        own=_own(_NOW, "seconds import_seconds")
        | _own(_FOLLOWS, "devices error traceback libraries")
        | _own(_IDENTITY, "framework"),
        key="framework",
        shown="state",
    ),
    containers.CdiSpec: Fields(
        compared="kind driver_version error",
        own=_own(_IDENTITY, "path") | _own("may hold UUIDs of GPUs", "devices"),
        key="path",
    ),
    containers.Docker: Fields(
        compared="state version api_version runtimes default_runtime cdi_dirs storage_driver root_dir"
        " cgroup_driver cgroup_version rootless snap operating_system security",
        own=_own(_FOLLOWS, "detail")
        | _own(_PATH, "endpoint client_path")
        | _own("may hold UUIDs of GPUs", "discovered_devices"),
    ),
    containers.Toolkit: Fields(compared="installed path version config_path no_cgroups mode config_error"),
    containers.Containers: Fields(
        compared="docker podman_path podman_version toolkit cdi daemon_json_runtimes daemon_json_error"
        " selinux kubelet containerd_nvidia",
        none={"daemon_json_error": ("none", "daemon_json_runtimes")},
    ),
    network_model.AuthorityFile: Fields(
        compared="there", own=_own(_PATH, "path") | _own(_IDENTITY, "setting"), key="setting"
    ),
    network_model.Network: Fields(
        compared="own_name_is_loopback local_authorities authority_files",
        own=_own("virtual interfaces come and go with containers", "interfaces")
        | _own(_NOW, "master_port_taken"),
    ),
}

PROBES = {"env": "environment", "pci": "pci", "libraries": "python"}
"""Probes that are not called as the field of the Snapshot that they fill."""
