"""The batch scheduler's job that this process runs in, from the variables that the scheduler sets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from envkit.core.machine import Machine
from envkit.core.text import one_line
from envkit.facts.host_model import Scheduler
from envkit.facts.probe import Probe
from envkit.facts.procfs import number

_MIB = 1 << 20
_UNITS = {"K": 1 << 10, "M": _MIB, "G": 1 << 30, "T": 1 << 40}
_NO_GPUS = ("", "-1", "NoDevFiles")
"""CUDA_VISIBLE_DEVICES of a job that was granted none; NoDevFiles is Slurm's before 21.08."""
_SLURM_GROUP = re.compile(r"/job_(\d+)(?:/|$)")


def read(machine: Machine) -> Scheduler | None:
    """The job, or None outside of any."""
    env = machine.env
    if job := env.get("SLURM_JOB_ID") or env.get("SLURM_JOBID"):
        return _slurm(env, job)
    if job := env.get("PBS_JOBID"):
        return _pbs(env, job)
    if job := env.get("LSB_JOBID"):
        return _lsf(env, job)
    if (job := env.get("JOB_ID")) and any(name in env for name in ("SGE_TASK_ID", "SGE_O_WORKDIR")):
        return _sge(env, job)
    return _adopted(machine)


def _slurm(env: Mapping[str, str], job: str) -> Scheduler:
    """Variables of srun(1) and sbatch(1)."""
    cpus = number(env.get("SLURM_CPUS_ON_NODE")) or _leading(env.get("SLURM_JOB_CPUS_PER_NODE"))
    cpus = cpus or number(env.get("SLURM_CPUS_PER_TASK"))
    per_cpu = _memory(env.get("SLURM_MEM_PER_CPU"))
    memory = _memory(env.get("SLURM_MEM_PER_NODE")) or (per_cpu * cpus if per_cpu and cpus else None)
    return Scheduler(
        name="slurm",
        job_id=one_line(job),
        gpus=_slurm_gpus(env),
        cpus=cpus,
        memory=memory,
        tasks=number(env.get("SLURM_NTASKS") or env.get("SLURM_NPROCS")),
        nodes=number(env.get("SLURM_NNODES") or env.get("SLURM_JOB_NUM_NODES")),
    )


def _slurm_gpus(env: Mapping[str, str]) -> tuple[str, ...] | None:
    # The step's own grant is within the job's; a person may have changed CUDA_VISIBLE_DEVICES afterwards.
    for name in ("SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "GPU_DEVICE_ORDINAL", "CUDA_VISIBLE_DEVICES"):
        if name in env:
            return _devices(env[name])
    count = number(env.get("SLURM_GPUS_ON_NODE"))
    if count is not None:
        return tuple(str(index) for index in range(min(count, 64)))
    # salloc leaves a shell on the login node, inside the job but not on the node that has its GPUs.
    return () if "SLURMD_NODENAME" in env else None


def _pbs(env: Mapping[str, str], job: str) -> Scheduler:
    """Variables of PBS Professional and Torque."""
    return Scheduler(
        name="pbs",
        job_id=one_line(job.partition(".")[0]),  # the rest is the server's host name
        gpus=_visible(env),
        cpus=number(env.get("NCPUS")) or number(env.get("PBS_NUM_PPN")),
        nodes=number(env.get("PBS_NUM_NODES")),
    )


def _lsf(env: Mapping[str, str], job: str) -> Scheduler:
    """LSB_MCPU_HOSTS is `host1 slots1 host2 slots2 ...`; the first host is the one the job starts on."""
    hosts = env.get("LSB_MCPU_HOSTS", "").split()
    return Scheduler(
        name="lsf",
        job_id=one_line(job),
        gpus=_visible(env),
        cpus=number(hosts[1]) if len(hosts) > 1 else number(env.get("LSB_DJOB_NUMPROC")),
        tasks=number(env.get("LSB_DJOB_NUMPROC")),
        nodes=len(hosts) // 2 or None,
    )


def _sge(env: Mapping[str, str], job: str) -> Scheduler:
    granted = env.get("SGE_HGR_gpu")
    return Scheduler(
        name="sge",
        job_id=one_line(job),
        gpus=_visible(env) if granted is None else _devices(granted.replace(" ", ",")),
        cpus=number(env.get("NSLOTS")),
        nodes=number(env.get("NHOSTS")),
    )


def _adopted(machine: Machine) -> Scheduler | None:
    """A login into a job's node (pam_slurm_adopt) has the job's control group but not its variables."""
    text = machine.read("/proc/self/cgroup") or ""
    found = _SLURM_GROUP.search(text) if "slurm" in text else None
    return Scheduler(name="slurm", job_id=found[1]) if found else None


def _visible(env: Mapping[str, str]) -> tuple[str, ...] | None:
    return _devices(env["CUDA_VISIBLE_DEVICES"]) if "CUDA_VISIBLE_DEVICES" in env else None


def _devices(text: str) -> tuple[str, ...]:
    """Names in a list; Slurm may write a range as `0-3`."""
    names: list[str] = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        first, last = number(low), number(high)
        if first is not None and last is not None and first <= last < first + 64:
            names.extend(str(index) for index in range(first, last + 1))
        elif part.strip() not in _NO_GPUS:
            names.append(one_line(part))
    return tuple(names)


def _leading(text: str | None) -> int | None:
    """The first node's count of `72(x2),36`; the nodes are sorted, and ours need not be the first."""
    counts = re.findall(r"(?:^|,)(\d{1,6})", text or "")
    return int(counts[0]) if counts and len(set(counts)) == 1 else None


def _memory(text: str | None) -> int | None:
    """Bytes of `64000` (MiB) or `64G`; Slurm's 0 is the whole node, which is no limit known here."""
    found = re.fullmatch(r"(\d{1,12})([KMGT]?)", (text or "").strip().upper())
    return int(found[1]) * _UNITS.get(found[2], _MIB) or None if found else None


PROBE = Probe(name="scheduler", field="scheduler", limit=1.0, read=read)
