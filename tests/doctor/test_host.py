"""CPU, memory, limits, disks and processes."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import host
from envkit.facts.gpu_model import Nvml
from envkit.facts.host_model import Limit, Scheduler, StuckProcess
from tests.doctor.cases import CONTAINER, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_env
from tests.doctor.machines import healthy_fedora, healthy_pod, healthy_wsl
from tests.doctor.parts import GIB

MIB = 1 << 20
RDMA = changed(WORKSTATION, "limits.rdma_devices", ("mlx5_0",), "limits.memlock", Limit(soft=None, hard=None))
QUOTA = changed(CONTAINER, "env", (), "cpu.affinity", 32)
HOME = "storage[2]."


def place(machine, **facts):
    return changed(machine, *(x for name, value in facts.items() for x in (f"storage[0].{name}", value)))


CASES = (
    # shm-too-small
    flip(
        host.shm_too_small,
        CONTAINER,
        "memory.shm_total",
        64 * MIB,
        severity="warning",
        says=("64.0 MiB",),
        fix=("docker run --shm-size",),
    ),
    ill(
        host.shm_too_small,
        "a pod",
        changed(healthy_pod(), "memory.shm_total", 64 * MIB),
        severity="warning",
        fix=("emptyDir",),
    ),
    ill(
        host.shm_too_small,
        "Podman",
        changed(CONTAINER, "memory.shm_total", 64 * MIB, "host.container", "podman"),
        severity="warning",
        fix=("podman run --shm-size",),
    ),
    ill(
        host.shm_too_small,
        "nobody in a container",
        changed(WORKSTATION, "memory.shm_total", 64 * MIB),
        severity="warning",
        fix=("remount",),
    ),
    ill(
        host.shm_too_small,
        "Apptainer has the host's",
        changed(CONTAINER, "memory.shm_total", 64 * MIB, "host.container", "apptainer"),
        severity="warning",
        fix=("remount",),
    ),
    fine(host.shm_too_small, "half of the memory", WORKSTATION, "62"),
    fine(
        host.shm_too_small,
        "half of a small machine's memory",
        changed(WORKSTATION, "memory.shm_total", 480 * MIB, "memory.total", 960 * MIB),
    ),
    unsure(host.shm_too_small, "not read", unread(WORKSTATION, "memory")),
    unsure(host.shm_too_small, "it hangs", unread(WORKSTATION, "memory.shm_total")),
    # cpu-quota-below-threads
    flip(
        host.cpu_quota_below_threads,
        CONTAINER,
        "env",
        (),
        severity="warning",
        says=("32 threads", "8 CPUs"),
        fix=("OMP_NUM_THREADS=8",),
    ),
    ill(
        host.cpu_quota_below_threads,
        "half a CPU",
        changed(QUOTA, "cpu.quota", 0.5),
        "0.5",
        severity="warning",
        fix=("OMP_NUM_THREADS=1 ",),
    ),
    ill(
        host.cpu_quota_below_threads,
        "throttled",
        changed(QUOTA, "cpu.periods", 100, "cpu.throttled_periods", 80),
        severity="warning",
    ),
    ill(
        host.cpu_quota_below_threads,
        "OMP_NUM_THREADS is too high",
        with_env(QUOTA, OMP_NUM_THREADS="16"),
        "16 threads",
        severity="warning",
    ),
    fine(host.cpu_quota_below_threads, "no quota (-1, max)", WORKSTATION, "no CPU quota"),
    fine(host.cpu_quota_below_threads, "OMP_NUM_THREADS fits", CONTAINER),
    fine(host.cpu_quota_below_threads, "nested threads", with_env(QUOTA, OMP_NUM_THREADS="8,1")),
    fine(host.cpu_quota_below_threads, "a quota of half a CPU less", changed(QUOTA, "cpu.quota", 31.5)),
    unsure(host.cpu_quota_below_threads, "not read", unread(CONTAINER, "cpu")),
    unsure(host.cpu_quota_below_threads, "control groups cannot be seen", unread(CONTAINER, "cpu.cgroup")),
    unsure(
        host.cpu_quota_below_threads,
        "the CPUs were not counted",
        changed(CONTAINER, "cpu.affinity", None, "cpu.logical", None),
        "how many CPUs",
    ),
    # oom-host
    flip(
        host.oom_host,
        CONTAINER,
        "memory.oom_kills",
        2,
        severity="warning",
        says=("2 processes",),
        fix=("more memory than 64.0 GiB",),
    ),
    ill(
        host.oom_host,
        "without a limit",
        changed(WORKSTATION, "memory.oom_kills", 1),
        "1 process",
        severity="warning",
        fix=("fewer DataLoader",),
    ),
    fine(host.oom_host, "none", WORKSTATION),
    fine(host.oom_host, "elsewhere on the machine", changed(WORKSTATION, "memory.oom_kills_host", 12)),
    apart(host.oom_host, "no control group", changed(WORKSTATION, "memory.oom_kills", None)),
    unsure(host.oom_host, "not read", unread(WORKSTATION, "memory")),
    # swap-active
    flip(
        host.swap_active,
        changed(WORKSTATION, "memory.swap_used", 6 * GIB),
        "memory.available",
        2 * GIB,
        severity="warning",
        says=("swaps",),
        fix=("--sort=-rss",),
    ),
    ill(host.swap_active, "waiting", changed(WORKSTATION, "memory.pressure", 0.3), severity="warning"),
    fine(host.swap_active, "not short", WORKSTATION),
    fine(host.swap_active, "old pages in swap", changed(WORKSTATION, "memory.swap_used", 7 * GIB)),
    fine(
        host.swap_active,
        "short, and hardly anything swapped",
        changed(WORKSTATION, "memory.available", 2 * GIB),
    ),
    apart(host.swap_active, "no swap", changed(WORKSTATION, "memory.swap_total", 0)),
    unsure(host.swap_active, "not read", unread(WORKSTATION, "memory")),
    # memlock-too-low
    flip(
        host.memlock_too_low,
        RDMA,
        "limits.memlock",
        Limit(soft=8 * MIB, hard=8 * MIB),
        severity="warning",
        says=("8.0 MiB",),
        fix=("/etc/security/limits.d",),
    ),
    ill(
        host.memlock_too_low,
        "a job on two nodes",
        changed(
            SERVER,
            "limits.memlock",
            Limit(soft=65536, hard=65536),
            "scheduler",
            Scheduler(name="slurm", job_id="1", gpus=("0",), nodes=2),
        ),
        "64.0 KiB",
    ),
    ill(
        host.memlock_too_low,
        "container",
        changed(CONTAINER, "limits.rdma_devices", ("mlx5_0",)),
        severity="warning",
        fix=("--ulimit memlock=-1",),
    ),
    fine(host.memlock_too_low, "unlimited", SERVER),
    apart(host.memlock_too_low, "no RDMA", WORKSTATION),
    unsure(host.memlock_too_low, "not read", unread(WORKSTATION, "limits")),
    unsure(
        host.memlock_too_low,
        "the limit was not read",
        changed(SERVER, "limits.memlock", None),
        "limit could not be read",
    ),
    # too-many-open-files
    flip(
        host.too_many_open_files,
        WORKSTATION,
        "limits.nofile",
        Limit(soft=256, hard=4096),
        severity="warning",
        says=("256",),
        fix=("ulimit -n 4096",),
    ),
    ill(
        host.too_many_open_files,
        "no hard limit",
        changed(WORKSTATION, "limits.nofile", Limit(soft=512, hard=None)),
        severity="warning",
        fix=("ulimit -n unlimited",),
    ),
    fine(host.too_many_open_files, "the usual 1024", WORKSTATION),
    fine(
        host.too_many_open_files,
        "unlimited",
        changed(WORKSTATION, "limits.nofile", Limit(soft=None, hard=None)),
    ),
    unsure(host.too_many_open_files, "not read", unread(WORKSTATION, "limits")),
    # disk-full
    flip(
        host.disk_full,
        WORKSTATION,
        "storage[0].free",
        200 * MIB,
        says=("/home/person/train (cwd)", "200 MiB"),
        fix=("du -xhd1 /home/person/train",),
    ),
    ill(host.disk_full, "nearly", place(WORKSTATION, free=4 * GIB), "4.0 GiB", severity="warning"),
    ill(host.disk_full, "no inodes", place(WORKSTATION, inodes_free=3), "no inodes"),
    fine(host.disk_full, "space", WORKSTATION),
    fine(host.disk_full, "a small disk that is half empty", place(WORKSTATION, total=8 * GIB, free=3 * GIB)),
    fine(
        host.disk_full,
        "a small tmpfs that is empty",
        place(WORKSTATION, fstype="tmpfs", total=64 * MIB, free=63 * MIB),
    ),
    fine(
        host.disk_full,
        "a full disk that is read-only",
        place(WORKSTATION, fstype="squashfs", free=0, read_only=True),
    ),
    fine(
        host.disk_full,
        "no fixed number of inodes",
        place(WORKSTATION, fstype="zfs", inodes_total=0, inodes_free=0),
    ),
    fine(
        host.disk_full,
        "a file system that does not say",
        place(WORKSTATION, fstype="fuse.s3fs", total=0, free=0),
    ),
    unsure(host.disk_full, "not read", unread(WORKSTATION, "storage")),
    unsure(
        host.disk_full,
        "no figure",
        changed(WORKSTATION, "storage[*].free", None),
        "no directory could be read",
    ),
    # slow-data-filesystem
    flip(
        host.slow_data_filesystem,
        place(WORKSTATION, fstype="nfs4"),
        "storage[0].seconds",
        0.035,
        severity="warning",
        says=("/home/person/train", "nfs4", "35 ms"),
        fix=("/home/person/train is the slow one",),
    ),
    ill(
        host.slow_data_filesystem,
        "dead",
        changed(
            WORKSTATION,
            HOME + "state",
            "timeout",
            HOME + "free",
            None,
            HOME + "mount",
            "/mnt/nas",
            HOME + "fstype",
            "nfs",
        ),
        "hangs",
        fix=("umount -l /mnt/nas",),
    ),
    ill(
        host.slow_data_filesystem,
        "a folder of Windows",
        place(healthy_wsl(), fstype="9p"),
        severity="warning",
    ),
    fine(host.slow_data_filesystem, "local", WORKSTATION),
    fine(host.slow_data_filesystem, "a fast NFS server", place(WORKSTATION, fstype="nfs4", seconds=0.0004)),
    fine(host.slow_data_filesystem, "Lustre", place(WORKSTATION, fstype="lustre", seconds=0.02)),
    fine(host.slow_data_filesystem, "a slow local disk", place(WORKSTATION, seconds=0.05)),
    unsure(host.slow_data_filesystem, "not read", unread(WORKSTATION, "storage")),
    # dstate-process
    flip(
        host.dstate_process,
        WORKSTATION,
        "processes.stuck",
        (StuckProcess(pid=812, name="nvidia-smi"),),
        severity="warning",
        says=("812", "nvidia-smi"),
        fix=("/proc/812/stack",),
    ),
    ill(
        host.dstate_process,
        "a program, while NVML hangs",
        changed(
            WORKSTATION, "processes.stuck", (StuckProcess(pid=9, name="python"),), "nvml", Nvml(state="hung")
        ),
        "python",
        severity="warning",
    ),
    fine(host.dstate_process, "none", WORKSTATION),
    fine(
        host.dstate_process,
        "a program that reads from a slow disk",
        changed(WORKSTATION, "processes.stuck", (StuckProcess(pid=9, name="python"),)),
    ),
    unsure(host.dstate_process, "not read", unread(WORKSTATION, "processes")),
    # reboot-pending
    flip(
        host.reboot_pending, WORKSTATION, "host.reboot_required", True, severity="note", fix=("sudo reboot",)
    ),
    ill(
        host.reboot_pending,
        "a kernel",
        changed(
            WORKSTATION,
            "host.reboot_required",
            True,
            "host.reboot_packages",
            ("linux-image-6.8.0-65-generic",),
        ),
        "linux-image-6.8.0-65-generic",
        severity="warning",
    ),
    fine(host.reboot_pending, "none", WORKSTATION),
    apart(host.reboot_pending, "container", CONTAINER, "host of this container"),
    apart(host.reboot_pending, "a distribution without such a mark", healthy_fedora(), "leaves no mark"),
    unsure(host.reboot_pending, "not read", unread(WORKSTATION, "host")),
    unsure(
        host.reboot_pending,
        "/run cannot be seen",
        changed(WORKSTATION, "host.reboot_required", None),
        "/run/reboot-required",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
