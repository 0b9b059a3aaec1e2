"""What a scheduler, a variable or a library lets a program see."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import selection
from envkit.facts.gpu_model import Nvml
from envkit.facts.host_model import Scheduler
from envkit.facts.model import EnvVar
from tests.doctor.build import cpu_python, healthy_slurm
from tests.doctor.cases import CONTAINER, LAPTOP, SERVER, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_env
from tests.doctor.machines import healthy_colab, healthy_cpu_job, healthy_ngc, healthy_pod
from tests.doctor.parts import library, nvml_facts

COLAB, NGC, POD, SLURM = healthy_colab(), healthy_ngc(), healthy_pod(), healthy_slurm()
CUDA_LAPTOP = changed(LAPTOP, "python", WORKSTATION.python)
JOB = Scheduler(name="slurm", job_id="4711", gpus=())
PBS = Scheduler(name="pbs", job_id="12", gpus=())
COMPAT_PATH = "/usr/local/cuda/compat/libcuda.so.1"
HUNG = Nvml(state="hung", detail="did not answer")
COLAB_CPU = changed(COLAB, "nvml", Nvml(state="no-library"), "pci", (), "driver", LAPTOP.driver)
UUID = SERVER.nvml.gpus[2].uuid


def visible(value, machine=SERVER):
    return with_env(machine, CUDA_VISIBLE_DEVICES=value)


def compat_library(version, machine=WORKSTATION):
    own = library("cuda", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "580.95.05", "ld-cache", 1)
    return changed(machine, "libraries", (library("cuda", COMPAT_PATH, version, "ld-library-path"), own))


INVALID = selection.cuda_visible_devices_invalid
CASES = (
    flip(
        INVALID,
        WORKSTATION,
        "env",
        (EnvVar(name="CUDA_VISIBLE_DEVICES", value="3"),),
        says=("'3'",),
        fix=("unset CUDA_VISIBLE_DEVICES",),
    ),
    *(
        ill(INVALID, f"hides all: {value!r}", visible(value), "hides every GPU", severity="warning")
        for value in ("", "-1", "NoDevFiles", " ")
    ),
    ill(
        INVALID,
        "0,1 with one GPU: the first is still seen",
        visible("0,1", WORKSTATION),
        "'1'",
        severity="warning",
    ),
    ill(INVALID, "ends early", visible("0,9,1,2"), "'9'", "the 2 after it", severity="warning"),
    ill(INVALID, "first is wrong", visible("8,0"), "'8'", "the 1 after it"),
    ill(INVALID, "a UUID of another machine", visible("GPU-deadbeef-0000"), "GPU-deadbeef-0000"),
    ill(INVALID, "a UUID that fits several", visible("GPU-", SERVER), "GPU-"),
    ill(INVALID, "words", visible("all"), "'all'"),
    ill(INVALID, "twice", visible("0,0"), "twice"),
    ill(
        INVALID,
        "a MIG device that is gone",
        visible("MIG-00000000-1111-2222-3333-444444444444", POD),
        "MIG-0000",
    ),
    fine(INVALID, "not set", WORKSTATION),
    *(
        fine(INVALID, f"valid: {value}", visible(value))
        for value in ("0", "7,6,5", "0, 1", "0,1,", "+1", UUID, UUID[:12], UUID.upper())
    ),
    fine(INVALID, "a MIG device", POD),
    fine(
        INVALID,
        "a MIG device in the old form",
        visible("MIG-GPU-1a2b3c4d-0000-4000-8000-000000000000/7/0", POD),
    ),
    fine(INVALID, "a job's own numbering", SLURM),
    apart(INVALID, "no GPU to hide", visible("", LAPTOP)),
    apart(INVALID, "a job without GPU", visible("", changed(SERVER, "scheduler", JOB)), "scheduler"),
    unsure(INVALID, "the environment was not read", unread(SERVER, "env", probe="environment")),
    unsure(INVALID, "NVML hangs", changed(unread(visible("0"), "nvml"), "nvml", HUNG)),
    # bad-env-var
    flip(
        selection.bad_env_var,
        WORKSTATION,
        "env",
        (EnvVar(name="CUDA_LAUNCH_BLOCKING", value="1"),),
        severity="warning",
        says=("CUDA_LAUNCH_BLOCKING=1",),
        fix=("unset CUDA_LAUNCH_BLOCKING",),
    ),
    ill(
        selection.bad_env_var,
        "two",
        with_env(SERVER, COMPUTE_PROFILE="1", NCCL_P2P_DISABLE="1"),
        severity="warning",
        fix=("unset COMPUTE_PROFILE NCCL_P2P_DISABLE",),
    ),
    fine(selection.bad_env_var, "none", WORKSTATION),
    fine(selection.bad_env_var, "off", with_env(WORKSTATION, CUDA_LAUNCH_BLOCKING="0", CUDA_PROFILE="")),
    fine(
        selection.bad_env_var,
        "no peer-to-peer to lose on one GPU",
        with_env(WORKSTATION, NCCL_P2P_DISABLE="1"),
    ),
    fine(
        selection.bad_env_var,
        "GPUs that cannot copy to each other",
        with_env(
            changed(
                SERVER,
                "nvml",
                nvml_facts("580.95.05", "13.0", *SERVER.nvml.gpus[:2], p2p="chipset-not-supported"),
            ),
            NCCL_P2P_DISABLE="1",
        ),
    ),
    apart(selection.bad_env_var, "no GPU", with_env(LAPTOP, CUDA_LAUNCH_BLOCKING="1")),
    unsure(selection.bad_env_var, "the environment was not read", unread(SERVER, "env", probe="environment")),
    ill(
        selection.bad_env_var,
        "no number of threads, and no GPU",
        with_env(LAPTOP, OMP_NUM_THREADS="abc"),
        "OMP_NUM_THREADS=abc",
        severity="warning",
        fix=("unset OMP_NUM_THREADS",),
    ),
    ill(
        selection.bad_env_var,
        "no threads at all",
        with_env(WORKSTATION, OMP_NUM_THREADS="0"),
        "OMP_NUM_THREADS=0",
        severity="warning",
    ),
    fine(selection.bad_env_var, "threads of nested regions", with_env(WORKSTATION, OMP_NUM_THREADS="8, 2")),
    # slurm-no-gpu-allocated
    flip(
        selection.slurm_no_gpu_allocated,
        SLURM,
        "scheduler.gpus",
        (),
        says=("SLURM job was given no GPU",),
        fix=("--gres=gpu:1",),
    ),
    ill(selection.slurm_no_gpu_allocated, "PBS", changed(SERVER, "scheduler", PBS), "PBS", fix=("Ask PBS",)),
    ill(
        selection.slurm_no_gpu_allocated,
        "a node without GPU",
        changed(CUDA_LAPTOP, "scheduler", JOB),
        severity="warning",
    ),
    ill(
        selection.slurm_no_gpu_allocated,
        "nothing installed yet",
        changed(SERVER, "scheduler", JOB, "python.torch", None),
        severity="warning",
    ),
    fine(selection.slurm_no_gpu_allocated, "two", SLURM, "2 of the GPUs"),
    apart(selection.slurm_no_gpu_allocated, "no job", WORKSTATION),
    apart(selection.slurm_no_gpu_allocated, "a job on the CPU", healthy_cpu_job(), "do not ask for a GPU"),
    apart(
        selection.slurm_no_gpu_allocated,
        "neither node nor packages",
        changed(LAPTOP, "scheduler", JOB, "python.torch", None),
    ),
    unsure(
        selection.slurm_no_gpu_allocated,
        "neither bus nor packages were read",
        changed(unread(SERVER, "pci"), "nvml", None, "driver", None, "python", None, "scheduler", JOB),
    ),
    unsure(
        selection.slurm_no_gpu_allocated,
        "the grant is not told",
        changed(SLURM, "scheduler.gpus", None),
        "granted",
    ),
    # colab-no-gpu-runtime
    flip(
        selection.colab_no_gpu_runtime,
        CUDA_LAPTOP,
        "host.hosted_notebook",
        "colab",
        severity="warning",
        says=("colab",),
        fix=("Change runtime type",),
    ),
    ill(
        selection.colab_no_gpu_runtime,
        "Kaggle",
        changed(COLAB_CPU, "host.hosted_notebook", "kaggle"),
        "kaggle",
        severity="warning",
        fix=("settings of the kaggle notebook",),
    ),
    fine(selection.colab_no_gpu_runtime, "a T4", COLAB),
    apart(selection.colab_no_gpu_runtime, "no hosted notebook", WORKSTATION),
    apart(
        selection.colab_no_gpu_runtime, "CPU builds", changed(COLAB_CPU, "python", cpu_python(COLAB.python))
    ),
    unsure(selection.colab_no_gpu_runtime, "the host was not read", unread(COLAB, "host")),
    unsure(
        selection.colab_no_gpu_runtime,
        "no GPU facts",
        changed(unread(COLAB, "pci"), "nvml", None, "driver", None),
    ),
    # compat-lib-shadow-803
    flip(
        selection.compat_lib_shadow_803,
        WORKSTATION,
        "libraries[0]",
        library("cuda", COMPAT_PATH, "550.54.15", "ld-library-path"),
        says=(COMPAT_PATH, "550.54.15", "580.95.05"),
        fix=("/usr/local/cuda/compat out of LD_LIBRARY_PATH",),
    ),
    fine(selection.compat_lib_shadow_803, "the driver's own", WORKSTATION),
    apart(selection.compat_lib_shadow_803, "newer", NGC),
    apart(selection.compat_lib_shadow_803, "the same", compat_library("580.95.05")),
    apart(selection.compat_lib_shadow_803, "no driver", changed(LAPTOP, "libraries", NGC.libraries)),
    unsure(
        selection.compat_lib_shadow_803,
        "libraries were not read",
        unread(WORKSTATION, "libraries", probe="python"),
    ),
    unsure(selection.compat_lib_shadow_803, "no version in its name", compat_library(None), COMPAT_PATH),
    # cuda-forward-compat-804
    flip(
        selection.cuda_forward_compat_804,
        WORKSTATION,
        "libraries[0]",
        library("cuda", COMPAT_PATH, "590.44.01", "ld-library-path"),
        says=("GeForce RTX 4090",),
        fix=("out of LD_LIBRARY_PATH",),
    ),
    fine(selection.cuda_forward_compat_804, "on a data-centre GPU", NGC, "meant for these"),
    fine(selection.cuda_forward_compat_804, "the driver's own", WORKSTATION),
    apart(selection.cuda_forward_compat_804, "the same as the driver", compat_library("580.95.05")),
    unsure(selection.cuda_forward_compat_804, "no version in its name", compat_library(None), COMPAT_PATH),
    unsure(
        selection.cuda_forward_compat_804,
        "libraries were not read",
        unread(WORKSTATION, "libraries", probe="python"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)


def test_a_container_with_its_gpu_hides_nothing(compat):
    assert INVALID(visible("0", CONTAINER), compat).status == "ok"
