"""Host, scheduler, CPU, memory, limits, processes, storage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ContainerKind = Literal["docker", "podman", "kubernetes", "lxc", "apptainer", "wsl", "notebook", "other"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """The operating system and what it runs in."""

    os_id: str | None = None
    """`ID` of os-release, as `ubuntu`."""
    os_name: str | None = None
    """`PRETTY_NAME` of os-release."""
    os_version: str | None = None
    system: str | None = None
    """`Linux`, `Darwin`."""
    kernel: str | None = None
    machine: str | None = None
    """`x86_64`, `aarch64`."""
    libc: str | None = None
    """`glibc` or `musl`."""
    libc_version: str | None = None
    virtualization: str | None = None
    """Hypervisor as the firmware or CPU names it; `none` on bare metal."""
    container: ContainerKind | None = None
    container_read: bool = False
    """Whether `container=None` means "looked, and not in one"."""
    hosted_notebook: str | None = None
    """`colab`, `kaggle`, `sagemaker`, ... when inside one."""
    wsl: Literal[1, 2] | None = None
    board: str | None = None
    """Device-tree model, as on a Jetson."""
    l4t: str | None = None
    """Jetson Linux release, as `R36.4.0`."""
    secure_boot: bool | None = None
    uptime: float | None = None
    reboot_required: bool | None = None
    reboot_packages: tuple[str, ...] | None = None
    kernels_installed: tuple[str, ...] | None = None
    """Names of /lib/modules, sorted."""
    boot_id: str | None = None
    clock: int | None = None
    """The machine's own time at the look, in seconds since 1970 (UTC)."""
    clock_synchronized: bool | None = None
    """Whether a time service keeps the clock right; None where nothing here keeps account of that."""
    suspends: int | None = None
    """How often the machine slept since boot."""
    cmdline: str | None = None
    """Kernel command line, only the words that concern GPUs and IOMMU."""
    iommu_groups: int | None = None
    compiler: str | None = None
    """`gcc`, `cc` or `clang` on PATH, or an empty string when there is none."""
    compiler_version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Scheduler:
    """A batch scheduler's job that we run inside."""

    name: Literal["slurm", "pbs", "lsf", "sge"]
    job_id: str | None = None
    gpus: tuple[str, ...] | None = None
    """GPUs granted, as the scheduler names them; () when the job has none."""
    cpus: int | None = None
    """CPUs granted on this node."""
    memory: int | None = None
    tasks: int | None = None
    nodes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cpu:
    """Processors, and how many of them this process can really use."""

    model: str | None = None
    vendor: str | None = None
    logical: int | None = None
    """Online logical CPUs."""
    physical: int | None = None
    sockets: int | None = None
    threads_per_core: int | None = None
    numa_nodes: int | None = None
    """Nodes that have CPUs; the memory of a GPU may be a node without."""
    flags: tuple[str, ...] | None = None
    """Only those that matter for numeric code: avx, avx2, fma, avx512f, amx_bf16, asimd, sve, ..."""
    governor: str | None = None
    """cpufreq governor of the first CPU; None when the kernel offers none."""
    scaling_driver: str | None = None
    """cpufreq driver of the first CPU: `intel_pstate`, `amd-pstate-epp`, `acpi-cpufreq`, ..."""
    max_mhz: float | None = None
    clocksource: str | None = None
    affinity: int | None = None
    """CPUs in this process's affinity mask."""
    cpuset: int | None = None
    """CPUs in the cgroup's effective cpuset."""
    quota: float | None = None
    """CPUs that the cgroup's bandwidth limit amounts to, the tightest of all ancestors; None = unlimited
    when `cgroup` is set."""
    cgroup: Literal["v1", "v2", "hybrid"] | None = None
    """None when the group's files cannot be seen."""
    effective: float | None = None
    """min(affinity, cpuset, quota)."""
    throttled_periods: int | None = None
    periods: int | None = None
    """`nr_throttled` and `nr_periods` of cpu.stat since the cgroup was made, of the group with the quota."""
    throttled_seconds: float | None = None
    steal_share: float | None = None
    """Share of CPU time that the hypervisor took, since boot, 0..1."""
    load1: float | None = None
    numa_of_affinity: tuple[int, ...] | None = None
    """NUMA nodes that the affinity mask touches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Host memory, in bytes."""

    total: int | None = None
    available: int | None = None
    swap_total: int | None = None
    swap_used: int | None = None
    cgroup_limit: int | None = None
    """The tightest of all ancestors; None = unlimited when `cgroup_read`."""
    cgroup_used: int | None = None
    """Usage less inactive page cache, of the group that has the limit, or of the process's own."""
    cgroup_read: bool = False
    oom_kills: int | None = None
    """`oom_kill` events of the group that has the limit, or of the process's own."""
    oom_kills_host: int | None = None
    """`oom_kill` of /proc/vmstat, since boot."""
    shm_total: int | None = None
    shm_free: int | None = None
    """Of /dev/shm."""
    thp: str | None = None
    """Transparent huge pages: `always`, `madvise`, `never`."""
    pressure: float | None = None
    """Share of the last 60 s in which all tasks waited for memory, 0..1 (`full avg60` of PSI); the worse of
    the machine's and the cgroup's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A resource limit; None = unlimited."""

    soft: int | None
    hard: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Resource limits of this process."""

    memlock: Limit | None = None
    nofile: Limit | None = None
    nproc: Limit | None = None
    open_files: int | None = None
    """File descriptors that this process has open."""
    file_max: int | None = None
    rdma_devices: tuple[str, ...] | None = None
    """Names of /sys/class/infiniband."""
    groups: tuple[str, ...] | None = None
    """Names of the groups of this process."""
    uid: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StuckProcess:
    """A process in uninterruptible sleep."""

    pid: int
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """The process table, counted."""

    total: int | None = None
    zombies: int | None = None
    stuck: tuple[StuckProcess, ...] | None = None
    """In state D at two looks a moment apart, without a context switch between; kernel threads left out."""
    hidden: bool | None = None
    """/proc is mounted with hidepid, or another PID namespace: others' processes cannot be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """One directory that training writes to or reads from."""

    role: str
    """`cwd`, `tmp`, `home-cache`, `hf-cache`, `torch-cache`, `docker-root`, `python`."""
    path: str
    mount: str | None = None
    fstype: str | None = None
    device: str | None = None
    """Source of the mount, a file server's name replaced by `<server>`."""
    total: int | None = None
    free: int | None = None
    inodes_total: int | None = None
    inodes_free: int | None = None
    read_only: bool | None = None
    writable: bool | None = None
    state: Literal["ok", "absent", "timeout", "denied", "failed"] = "ok"
    """`absent` = the directory is not there yet; the figures are those of its nearest parent that is."""
    seconds: float | None = None
    """How long statvfs took."""
