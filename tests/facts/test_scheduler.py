from pathlib import Path

import pytest

from envkit.core.machine import Machine
from envkit.facts.probes import scheduler
from tests.facts.trees import tree
from tests.recorded import recorded


def of(env):
    return scheduler.read(Machine(root=Path("/nonexistent"), env=env, run=lambda _: None))


def test_outside_of_a_job():
    assert scheduler.read(recorded("ubuntu-desktop")) is None


def test_slurm_job_without_gpus():
    found = scheduler.read(recorded("slurm-no-gpu"))
    assert (found.name, found.job_id, found.gpus) == ("slurm", "4711", ())
    assert (found.cpus, found.memory, found.tasks, found.nodes) == (4, 16 << 30, 1, 1)


def test_slurm_job_with_two_gpus():
    found = scheduler.read(recorded("slurm-2gpu"))
    assert (found.job_id, found.gpus) == ("815", ("2", "3"))
    assert (found.cpus, found.memory, found.tasks) == (4, 64 << 30, 2)


@pytest.mark.parametrize(
    "env, gpus",
    [
        ({"SLURM_JOB_GPUS": "0-3"}, ("0", "1", "2", "3")),
        ({"SLURM_JOB_GPUS": "0,1", "SLURM_STEP_GPUS": "1"}, ("1",)),
        ({"SLURM_GPUS_ON_NODE": "2"}, ("0", "1")),
        ({"SLURM_GPUS_ON_NODE": "0", "SLURMD_NODENAME": "n1"}, ()),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ()),
        ({"CUDA_VISIBLE_DEVICES": ""}, ()),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1c9b6f0e,MIG-2d43"}, ("GPU-1c9b6f0e", "MIG-2d43")),
        ({"SLURMD_NODENAME": "n1"}, ()),
        # A shell of salloc on the login node: nobody has said what the job has.
        ({}, None),
    ],
)
def test_slurm_gpus(env, gpus):
    assert of({"SLURM_JOB_ID": "1", **env}).gpus == gpus


@pytest.mark.parametrize(
    "env, memory",
    [
        ({"SLURM_MEM_PER_NODE": "64G"}, 64 << 30),
        ({"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_ON_NODE": "4"}, 8 << 30),
        ({"SLURM_MEM_PER_NODE": "0"}, None),
        ({"SLURM_MEM_PER_NODE": "much"}, None),
    ],
)
def test_slurm_memory(env, memory):
    assert of({"SLURM_JOB_ID": "1", **env}).memory == memory


def test_slurm_cpus_per_node():
    assert of({"SLURM_JOB_ID": "1", "SLURM_JOB_CPUS_PER_NODE": "72(x2)"}).cpus == 72
    # Which of the nodes is ours is not said.
    assert of({"SLURM_JOB_ID": "1", "SLURM_JOB_CPUS_PER_NODE": "72(x2),36"}).cpus is None


def test_pbs():
    found = of({"PBS_JOBID": "123.server.example.org", "NCPUS": "8", "CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"})
    assert (found.name, found.job_id, found.cpus, found.gpus) == ("pbs", "123", 8, ("GPU-a", "GPU-b"))
    assert of({"PBS_JOBID": "1", "PBS_NUM_PPN": "4", "PBS_NUM_NODES": "2"}).nodes == 2


def test_lsf():
    found = of({"LSB_JOBID": "9", "LSB_MCPU_HOSTS": "h1 16 h2 8", "LSB_DJOB_NUMPROC": "24"})
    assert (found.name, found.cpus, found.tasks, found.nodes, found.gpus) == ("lsf", 16, 24, 2, None)


def test_sge():
    found = of(
        {"JOB_ID": "7", "SGE_TASK_ID": "undefined", "NSLOTS": "4", "NHOSTS": "1", "SGE_HGR_gpu": "gpu0 gpu2"}
    )
    assert (found.name, found.cpus, found.nodes, found.gpus) == ("sge", 4, 1, ("gpu0", "gpu2"))
    assert of({"JOB_ID": "7"}) is None


def test_a_login_adopted_by_a_job(tmp_path):
    group = "0::/system.slice/slurmstepd.scope/job_55/step_extern/user/task_0\n"
    found = scheduler.read(tree(tmp_path, {"/proc/self/cgroup": group}))
    assert (found.name, found.job_id, found.gpus) == ("slurm", "55", None)


def test_here():
    scheduler.read(Machine.here())
