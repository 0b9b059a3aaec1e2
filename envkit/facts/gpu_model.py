"""GPUs: on the bus, through the driver, through NVML; CUDA on the machine; the kernel log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NvmlState = Literal[
    "ok",
    "no-library",
    "driver-not-loaded",
    "version-mismatch",
    "no-devices",
    "gpu-lost",
    "no-permission",
    "unknown-error",
    "hung",
    "failed",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class PciGpu:
    """A display or accelerator controller on the PCI bus."""

    address: str
    """`0000:01:00.0`."""
    vendor: Literal["nvidia", "amd", "intel", "other"]
    vendor_id: str
    """`0x10de`."""
    device_id: str
    pci_class: str
    """`0x030000`."""
    name: str | None = None
    driver: str | None = None
    """Kernel driver bound: `nvidia`, `nouveau`, `nova`, `vfio-pci`, `amdgpu`, `i915`, `xe`; an empty string
    when none is; None when it could not be read."""
    numa_node: int | None = None
    link_width: int | None = None
    max_link_width: int | None = None
    link_speed: float | None = None
    """GT/s now; lower at idle."""
    max_link_speed: float | None = None
    enabled: bool | None = None
    is_vf: bool | None = None
    """An SR-IOV virtual function (vGPU)."""
    boot_vga: bool | None = None
    iommu: str | None = None
    """How the IOMMU treats its transfers: `DMA`, `DMA-FQ` (translated), `identity` (passed through); an empty
    string when it is in no group."""
    acs: bool | None = None
    """A PCIe port above it redirects what it sends to its peers (ACS); only root may read that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Amd:
    """AMD's GPUs as its compute driver (KFD) shows them."""

    targets: tuple[str, ...] | None = None
    """What compilers call each GPU, in the driver's order: `gfx942`, `gfx1100`."""
    kfd_accessible: bool | None = None
    """Whether this user may open /dev/kfd; None when it is not there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceNode:
    """One file below /dev."""

    path: str
    accessible: bool | None
    """Whether this user may read and write it (only read, for nvidia-caps). The device cgroup of a container
    can forbid it all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DkmsModule:
    """A line of DKMS's own tree."""

    name: str
    version: str
    kernel: str | None
    """None when added and built for no kernel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NvidiaDriver:
    """The NVIDIA driver as the kernel and the file system show it, without NVML."""

    module_version: str | None = None
    """Version of the loaded kernel module; None when none is loaded (see `loaded`)."""
    loaded: bool | None = None
    """Whether a kernel module `nvidia` is loaded."""
    open_module: bool | None = None
    """The open kernel module flavour is loaded."""
    modules: tuple[str, ...] | None = None
    """Loaded modules that matter: nvidia, nvidia_uvm, nvidia_modeset, nvidia_drm, nvidia_peermem,
    nouveau, nova_core, nova, vfio_pci."""
    module_files: tuple[str, ...] | None = None
    """Files of an `nvidia` module below /lib/modules/<running kernel>."""
    module_file_kernels: tuple[str, ...] | None = None
    """Kernels for which an `nvidia` module file exists."""
    dkms: tuple[DkmsModule, ...] | None = None
    headers: bool | None = None
    """Headers of the running kernel are installed."""
    library_version: str | None = None
    """Version in the file name of libnvidia-ml.so.X.Y.Z that the loader finds first; None also where the name
    has none, as on WSL."""
    library_path: str | None = None
    """An empty string when no folder of the loader has it."""
    libcuda_version: str | None = None
    libcuda_path: str | None = None
    """An empty string when no folder of the loader has it."""
    blacklisted: tuple[str, ...] | None = None
    """Files below modprobe.d that keep `nvidia` from loading; `/proc/cmdline` when the kernel command line
    does."""
    nodes: tuple[DeviceNode, ...] | None = None
    """/dev/nvidia*, /dev/nvidia-uvm, /dev/nvidia-caps/*, /dev/dxg."""
    nvswitches: int | None = None
    """On the PCI bus; those of HGX B200 and later are not there."""
    fabric_manager: Literal["running", "stopped", "absent"] | None = None
    """None when the module is not loaded, or when other processes cannot be seen (a container, hidepid)."""
    fabric_manager_version: str | None = None
    persistenced: bool | None = None
    """nvidia-persistenced runs; None as for `fabric_manager`."""
    packages: tuple[str, ...] | None = None
    """Installed distribution packages of the driver, `name=version`."""
    smi_path: str | None = None
    """nvidia-smi on PATH; an empty string when there is none. It is never run."""
    proc_gpus: int | None = None
    """Entries of /proc/driver/nvidia/gpus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuProcess:
    """A process that holds memory on a GPU."""

    pid: int
    name: str | None = None
    memory: int | None = None
    kind: Literal["compute", "graphics", "mps"] = "compute"
    own: bool = False
    """It is envkit itself or one of its children."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ecc:
    """ECC state. Counters: volatile since the last driver load, aggregate for life."""

    enabled: bool | None = None
    pending: bool | None = None
    corrected_volatile: int | None = None
    uncorrected_volatile: int | None = None
    corrected_aggregate: int | None = None
    uncorrected_aggregate: int | None = None
    sram_threshold_exceeded: bool | None = None
    retired_pages: int | None = None
    retirement_pending: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RowRemap:
    """Row remapping of HBM (Ampere and later)."""

    correctable: int
    uncorrectable: int
    pending: bool
    failed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class NvLink:
    """One NVLink of a GPU."""

    link: int
    active: bool | None
    crc_errors: int | None = None
    replay_errors: int | None = None
    recovery_errors: int | None = None
    peer: str | None = None
    """PCI address of the other end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MigInstance:
    """One MIG device."""

    uuid: str | None
    name: str | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One NVIDIA GPU through NVML. None = the driver does not offer it or the call failed."""

    index: int
    state: Literal["ok", "lost", "no-permission", "error"] = "ok"
    error: str | None = None
    name: str | None = None
    uuid: str | None = None
    pci_address: str | None = None
    """`0000:01:00.0`, lower case."""
    compute_capability: str | None = None
    """`8.6`."""
    brand: str | None = None
    vbios: str | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    memory_reserved: int | None = None
    ecc: Ecc | None = None
    row_remap: RowRemap | None = None
    temperature: float | None = None
    temperature_slowdown: float | None = None
    temperature_max_operating: float | None = None
    memory_temperature: float | None = None
    power_draw: float | None = None
    power_limit: float | None = None
    """The limit in force (enforced), the lowest of all limiters."""
    power_limit_set: float | None = None
    """The management limit that was asked for."""
    power_default: float | None = None
    power_min: float | None = None
    power_max: float | None = None
    clock_sm: float | None = None
    clock_sm_max: float | None = None
    clock_memory: float | None = None
    clock_memory_max: float | None = None
    clock_app_sm: float | None = None
    clock_app_sm_default: float | None = None
    clock_reasons: tuple[str, ...] | None = None
    """Active clock-event reasons: gpu-idle, applications-clocks, sw-power-cap, hw-slowdown, sync-boost,
    sw-thermal, hw-thermal, hw-power-brake, display-clocks, board-limit, reliability; `bit-11` and so on for
    newer ones."""
    clock_reasons_supported: tuple[str, ...] | None = None
    violation_thermal: float | None = None
    violation_power: float | None = None
    """Seconds that the clocks were held down since the driver was loaded."""
    performance_state: int | None = None
    utilization_gpu: float | None = None
    utilization_memory: float | None = None
    """0..1."""
    pcie_gen: int | None = None
    pcie_gen_max: int | None = None
    """The most that GPU and slot agree on."""
    pcie_gen_device_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    pcie_replays: int | None = None
    persistence: bool | None = None
    compute_mode: Literal["default", "exclusive-thread", "prohibited", "exclusive-process"] | None = None
    display_active: bool | None = None
    mig_mode: bool | None = None
    mig_pending: bool | None = None
    mig_instances: tuple[MigInstance, ...] | None = None
    nvlinks: tuple[NvLink, ...] | None = None
    fabric_state: Literal["not-supported", "not-started", "in-progress", "completed"] | None = None
    fabric_status: str | None = None
    """Empty when completed without error."""
    numa_node: int | None = None
    cpu_affinity: tuple[int, ...] | None = None
    processes: tuple[GpuProcess, ...] | None = None
    virtualization: Literal["none", "passthrough", "vgpu", "host-vgpu", "host-vsga"] | None = None
    recovery_action: str | None = None
    """What the driver asks for: none, reset, reboot, drain-p2p, drain-reset, recover-imex-domain, bus-reset,
    system-reboot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class P2p:
    """Whether two GPUs can copy to each other."""

    a: int
    b: int
    read: str | None
    """ok, chipset-not-supported, gpu-not-supported, topology-not-supported, disabled-by-regkey,
    not-supported, unknown."""
    level: str | None = None
    """Topology: internal, single-switch, multi-switch, host-bridge, node, system."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Nvml:
    """What NVML says."""

    state: NvmlState
    detail: str = ""
    """NVML's own error text, or the signal or limit that ended the child."""
    library: str | None = None
    """Path of the libnvidia-ml.so.1 that answered."""
    driver_version: str | None = None
    nvml_version: str | None = None
    cuda_version: str | None = None
    """Newest CUDA that the user-space driver offers, `12.8`."""
    device_count: int | None = None
    gpus: tuple[Gpu, ...] | None = None
    p2p: tuple[P2p, ...] | None = None
    unread: tuple[str, ...] = ()
    """NVML functions that this driver lacks or that failed, `function: error`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Xid:
    """One `NVRM: Xid` line of the kernel log."""

    code: int
    pci_address: str | None
    seconds: float | None
    """Since boot."""
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KernelNote:
    """A line of the kernel log, other than an Xid, that says why the driver does not work."""

    kind: str
    """fallen-off-bus, api-mismatch, unsupported-gpu, legacy-gpu, bar-unassigned, bound-elsewhere,
    init-failed, firmware-missing, probe-failed, module-rejected, module-unverified (harmless alone),
    module-wrong-kernel, switch-error."""
    text: str
    seconds: float | None
    """Since boot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Toolkit:
    """A CUDA toolkit on the machine."""

    path: str
    version: str | None
    has_nvcc: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CudaOnMachine:
    """CUDA outside of Python environments."""

    toolkits: tuple[Toolkit, ...] | None = None
    nvcc: str | None = None
    """First nvcc on PATH; an empty string when there is none."""
    nvcc_version: str | None = None
    cuda_home: str | None = None
    """CUDA_HOME or CUDA_PATH; an empty string when unset."""
    cuda_home_exists: bool | None = None
    compat_dirs: tuple[str, ...] | None = None
    """Directories with a forward-compatibility libcuda."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """One provider of a CUDA library."""

    family: str
    """`cudart`, `cublas`, `cublasLt`, `cudnn`, `nccl`, `nvJitLink`, `cusparse`, `nvrtc`, `cuda`,
    `nvidia-ml`."""
    soname: str
    path: str
    version: str | None = None
    via: Literal["rpath", "ld-library-path", "runpath", "conda", "ld-cache", "default", "wheel"] = "default"
    """How the loader comes to it."""
    order: int = 0
    """0 is what the loader takes first for this SONAME."""
