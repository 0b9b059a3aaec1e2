"""CPU, memory, limits, disks and processes of the host."""

from __future__ import annotations

from envkit.compat import Compat
from envkit.core import text
from envkit.doctor import views
from envkit.doctor.outcome import Outcome, fact, not_applicable, ok, problem, unknown
from envkit.facts.host_model import Storage
from envkit.facts.model import Snapshot

_SHM_FLOOR = 512 << 20
"""DeepSpeed's ds_report warns below 512 MB of /dev/shm."""
_SHM_SHARE = 0.45
"""tmpfs has half of the memory when nobody says otherwise."""
_DISK_ERROR = 500 << 20
_DISK_WARNING = 5 << 30
_DISK_WARNING_SHARE = 0.02
"""gpud calls less than 500 MB unhealthy; a GPU build of torch alone unpacks to about 5 GB."""
_SLOW_STAT = 0.010
"""ultralytics warns when a stat takes more than 10 ms."""
_PARALLEL = frozenset({"lustre", "gpfs", "beegfs", "wekafs", "ceph"})
_MARKS_REBOOTS = frozenset(
    {"ubuntu", "debian", "linuxmint", "pop", "opensuse-leap", "opensuse-tumbleweed", "sles"}
)
_REMOTE = ("nfs", "cifs", "smb", "fuse.", "9p", "drvfs", "afs", "glusterfs")


def shm_too_small(snapshot: Snapshot, compat: Compat) -> Outcome:
    """/dev/shm too small for DataLoader workers or NCCL."""
    memory = snapshot.memory
    if memory is None or memory.shm_total is None:
        return unknown(views.because(snapshot, "memory"))
    if memory.shm_total >= _SHM_FLOOR:
        return ok(f"/dev/shm has {text.size(memory.shm_total)}")
    if memory.total and memory.shm_total >= _SHM_SHARE * memory.total:
        return ok(f"/dev/shm has {text.size(memory.shm_total)}, its usual half of a small machine's memory")
    kind = snapshot.host.container if snapshot.host is not None else None
    own = kind in ("docker", "podman", "kubernetes")
    return problem(
        f"/dev/shm has {text.size(memory.shm_total)}; DataLoader workers pass their batches through it",
        fact("/dev/shm", text.size(memory.shm_total), "statvfs"),
        fact("DeepSpeed's floor", text.size(_SHM_FLOOR), "ds_report"),
        engine=kind if own and kind != "kubernetes" else None,
        kubernetes="yes" if kind == "kubernetes" else None,
        host=None if own else "yes",
    )


def cpu_quota_below_threads(snapshot: Snapshot, compat: Compat) -> Outcome:
    """More threads than the cgroup quota gives CPUs."""
    cpu = snapshot.cpu
    if cpu is None or cpu.cgroup is None:
        return unknown(views.because(snapshot, "cpu"))
    if cpu.quota is None:
        return ok("no CPU quota")
    visible = cpu.affinity or cpu.logical
    if visible is None:
        return unknown("how many CPUs this process sees could not be read")
    # `4,2` gives the threads of nested regions too; the outermost come first.
    asked = (views.env(snapshot, "OMP_NUM_THREADS") or "").partition(",")[0].strip()
    threads = views.whole(asked) or visible
    evidence = [
        fact("CPUs that programs see", visible, "affinity"),
        fact("CPUs that the quota allows", text.count(cpu.quota), f"cgroup {cpu.cgroup}"),
    ]
    if cpu.periods and cpu.throttled_periods is not None:
        share = cpu.throttled_periods / cpu.periods
        evidence.append(fact("periods throttled", f"{share:.0%}", "cpu.stat"))
    if asked:
        evidence.append(fact("OMP_NUM_THREADS", asked, "environment"))
    # A quota of half a CPU less than the threads costs little.
    if threads <= max(1.0, cpu.quota) + 0.5:
        return ok(f"{threads} threads within a quota of {text.count(cpu.quota)} CPUs")
    return problem(
        f"frameworks start {threads} threads where the quota allows {text.count(cpu.quota)} CPUs",
        *evidence,
        threads=str(max(1, int(cpu.quota))),
    )


def oom_host(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The kernel killed a process of this control group for memory."""
    memory = snapshot.memory
    if memory is None:
        return unknown(views.because(snapshot, "memory"))
    if memory.oom_kills is None:
        return not_applicable("no memory control group to count kills")
    if not memory.oom_kills:
        return ok("no process of this control group was killed for memory")
    limit = memory.cgroup_limit
    killed = text.plural(memory.oom_kills, "process", "processes")
    return problem(
        f"the kernel has killed {killed} here for lack of memory",
        fact("oom_kill", memory.oom_kills, "memory.events"),
        fact("memory limit", text.size(limit) if limit else "none", "cgroup"),
        limit=text.size(limit) if limit else None,
    )


def swap_active(snapshot: Snapshot, compat: Compat) -> Outcome:
    """The machine swaps."""
    memory = snapshot.memory
    if memory is None or memory.swap_used is None:
        return unknown(views.because(snapshot, "memory"))
    if not memory.swap_total:
        return not_applicable("no swap")
    scarce = (
        memory.available is not None
        and memory.total is not None
        and memory.available < 0.05 * memory.total
        and memory.swap_used > 0.25 * memory.swap_total
    )
    waiting = memory.pressure is not None and memory.pressure > 0.10
    if not scarce and not waiting:
        return ok("memory is not short")
    evidence = [fact("swap in use", text.size(memory.swap_used), "/proc/meminfo")]
    if memory.available is not None:
        evidence.append(fact("memory available", text.size(memory.available), "/proc/meminfo"))
    if memory.pressure is not None:
        evidence.append(fact("time lost to memory waits", f"{memory.pressure:.0%}", "/proc/pressure/memory"))
    return problem("memory is so short that the machine swaps", *evidence)


def memlock_too_low(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Locked-memory limit too low for RDMA."""
    limits = snapshot.limits
    if limits is None or limits.rdma_devices is None:
        return unknown(views.because(snapshot, "limits"))
    if not limits.rdma_devices:
        return not_applicable("no RDMA device")
    if limits.memlock is None:
        return unknown("the locked-memory limit could not be read")
    if limits.memlock.soft is None:
        return ok("locked memory is unlimited")
    # Within one node NCCL goes over NVLink, PCIe or shared memory.
    spans = snapshot.scheduler is not None and (snapshot.scheduler.nodes or 1) > 1
    return problem(
        f"locked memory is limited to {text.size(limits.memlock.soft)}, and RDMA needs it unlimited",
        fact("memlock", text.size(limits.memlock.soft), "/proc/self/limits"),
        fact("RDMA devices", ", ".join(limits.rdma_devices), "/sys/class/infiniband"),
        severity=None if spans else "warning",
        container="yes" if views.in_container(snapshot) else None,
        host=None if views.in_container(snapshot) else "yes",
    )


def too_many_open_files(snapshot: Snapshot, compat: Compat) -> Outcome:
    """File-descriptor limit near exhaustion, or far below the usual 1024."""
    limits = snapshot.limits
    if limits is None or limits.nofile is None:
        return unknown(views.because(snapshot, "limits"))
    soft = limits.nofile.soft
    if soft is None or soft >= 1024:
        return ok(f"{'unlimited' if soft is None else soft} open files are allowed")
    return problem(
        f"only {soft} open files are allowed; DataLoader workers share tensors through file descriptors",
        fact("nofile", soft, "/proc/self/limits"),
        hard=str(limits.nofile.hard or "unlimited"),
    )


def disk_full(snapshot: Snapshot, compat: Compat) -> Outcome:
    """No space or no inodes where training writes."""
    if snapshot.storage is None:
        return unknown(views.because(snapshot, "storage"))
    read = [place for place in snapshot.storage if place.free is not None and not place.read_only]
    if not read:
        return unknown("no directory could be read")
    short = sorted((place for place in read if _shortage(place)), key=lambda place: place.free or 0)
    if not short:
        return ok("there is space where training writes")
    worst = short[0]
    inodes = _no_inodes(worst)
    what = "inodes" if inodes else f"{text.size(worst.free)} free"
    severe = inodes or (worst.free or 0) < _DISK_ERROR
    return problem(
        f"{worst.path} ({worst.role}) has {'no ' + what + ' left' if inodes else 'only ' + what}",
        *(
            fact(
                f"{p.role} {p.path}",
                f"{text.size(p.free)} of {text.size(p.total)} free",
                p.mount or "statvfs",
            )
            for p in short[:4]
        ),
        severity="error" if severe else "warning",
        path=worst.path,
    )


def _no_inodes(place: Storage) -> bool:
    # File systems without fixed inodes report a total of 0.
    return bool(place.inodes_total) and place.inodes_free is not None and place.inodes_free < 1000


def _shortage(place: Storage) -> bool:
    free, total = place.free or 0, place.total or 0
    if not total:
        return False  # some FUSE file systems do not say
    tight = free < _DISK_WARNING and free < _DISK_WARNING_SHARE * total
    # A small tmpfs that is empty is small, not full.
    return (free < _DISK_ERROR and free < total / 2) or tight or _no_inodes(place)


def slow_data_filesystem(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Data or caches on a file system that answers slowly, or not at all."""
    if snapshot.storage is None:
        return unknown(views.because(snapshot, "storage"))
    dead = [place for place in snapshot.storage if place.state == "timeout"]
    if dead:
        return problem(
            f"{dead[0].path} ({dead[0].role}) does not answer: its file system hangs",
            *(
                fact(f"{p.role} {p.path}", f"no answer ({p.fstype or 'file system'})", "statvfs")
                for p in dead[:4]
            ),
            severity="error",
            dead=dead[0].mount or dead[0].path,
        )
    for place in snapshot.storage:
        fstype = place.fstype or ""
        if place.role not in ("cwd", "hf-cache", "torch-cache", "home-cache") or fstype in _PARALLEL:
            continue
        windows = views.is_wsl(snapshot) and fstype in ("9p", "drvfs")
        slow = fstype.startswith(_REMOTE) and (place.seconds or 0) > _SLOW_STAT
        if windows or slow:
            took = f", {text.duration(place.seconds)} for one look" if place.seconds else ""
            return problem(
                f"{place.path} ({place.role}) is on {fstype}{took}",
                fact(place.role, f"{place.path} on {fstype}", place.mount or "/proc/self/mountinfo"),
                confidence=1.0 if windows else 0.7,
                path=place.path,
            )
    return ok("data and caches are on file systems that answer quickly")


def dstate_process(snapshot: Snapshot, compat: Compat) -> Outcome:
    """Processes stuck in the kernel."""
    processes = snapshot.processes
    if processes is None or processes.stuck is None:
        return unknown(views.because(snapshot, "processes"))
    if not processes.stuck:
        return ok("no process is stuck in the kernel")
    gpu = [p for p in processes.stuck if p.name.startswith(("nvidia", "nv-", "nv_", "UVM"))]
    if not gpu and (snapshot.nvml is None or snapshot.nvml.state != "hung"):
        # A disk write in flight looks the same; two looks in a row are not yet a stuck process.
        return ok(f"{text.plural(len(processes.stuck), 'process waits', 'processes wait')} for a device")
    shown = gpu or processes.stuck
    return problem(
        f"process {shown[0].pid} ({shown[0].name}) is stuck in the kernel and cannot be killed",
        *(fact(f"process {p.pid}", f"{p.name}, state D", "/proc/<pid>/stat") for p in shown[:4]),
        confidence=0.7,
        pid=str(shown[0].pid),
    )


def reboot_pending(snapshot: Snapshot, compat: Compat) -> Outcome:
    """An update waits for a reboot."""
    host = snapshot.host
    if host is None:
        return unknown(views.because(snapshot, "host"))
    if host.reboot_required is None and views.in_container(snapshot):
        return not_applicable("updates that need a reboot are those of the host of this container")
    if host.reboot_required is None and host.os_id not in _MARKS_REBOOTS:
        return not_applicable("this distribution leaves no mark of an update that waits for a reboot")
    if host.reboot_required is None:
        return unknown("whether an update waits for a reboot could not be read (/run/reboot-required)")
    if not host.reboot_required:
        return ok("no update waits for a reboot")
    packages = host.reboot_packages or ()
    touching = [p for p in packages if p.startswith(("linux-image", "linux-modules", "nvidia", "libnvidia"))]
    return problem(
        "an update waits for a reboot" + (f" ({', '.join(packages[:4])})" if packages else ""),
        fact("reboot required", ", ".join(packages) or "yes", "/run/reboot-required"),
        severity="warning" if touching else "note",
    )


RULES = (
    shm_too_small,
    cpu_quota_below_threads,
    oom_host,
    swap_active,
    memlock_too_low,
    too_many_open_files,
    disk_full,
    slow_data_filesystem,
    dstate_process,
    reboot_pending,
)
