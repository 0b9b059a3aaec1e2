"""One message, opposite causes: what the text or a snapshot says besides decides."""

from __future__ import annotations

import pytest

from envkit.facts.container_model import Containers, Docker
from envkit.facts.gpu_model import Gpu, NvidiaDriver, Nvml
from envkit.facts.host_model import Host, Scheduler
from envkit.facts.model import EnvVar, Snapshot
from envkit.facts.python_model import TargetPython, TorchFacts
from envkit.match.match import explain_text

NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
SILENT = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
NO_DRIVER = "RuntimeError: Found no NVIDIA driver on your system."
NO_GPUS = "RuntimeError: No CUDA GPUs are available"
UNKNOWN = "CUDA unknown error - this may be due to an incorrectly set up environment"
NO_LIBCUDA = "OSError: libcuda.so.1: cannot open shared object file: No such file or directory"

LINUX = Host(system="Linux", container_read=True)
HOST = Snapshot(host=LINUX)


def torch_on(cc: str, archs: tuple[str, ...]) -> Snapshot:
    return Snapshot(
        host=LINUX,
        nvml=Nvml(state="ok", driver_version="570.10", gpus=(Gpu(index=0, compute_capability=cc),)),
        python=TargetPython(
            executable="python", torch=TorchFacts(version="2.5.1", path="torch", cuda="12.4", archs=archs)
        ),
    )


IN_DOCKER = Snapshot(host=Host(system="Linux", container="docker"), driver=NvidiaDriver(nodes=()))
IN_WSL = Snapshot(host=Host(system="Linux", container="wsl", wsl=2))
IN_COLAB = Snapshot(host=Host(system="Linux", container="notebook", hosted_notebook="colab"))
IN_JOB = Snapshot(host=LINUX, scheduler=Scheduler(name="slurm", gpus=()))
SIGNED = Host(system="Linux", container_read=True, secure_boot=True)

CASES = {
    "gpu newer than the build": (NO_KERNEL, torch_on("12.0", ("sm_80", "sm_90")), "arch-not-in-wheel"),
    "gpu older than the build": (NO_KERNEL, torch_on("6.1", ("sm_80", "sm_90")), "arch-dropped-from-wheel"),
    "newer, named in the text": (f"RTX 5090, torch 2.5.1+cu124\n{NO_KERNEL}", None, "arch-not-in-wheel"),
    "older, named in the text": (f"GPU: GeForce GTX 1080 Ti\n{NO_KERNEL}", None, "arch-dropped-from-wheel"),
    "under ROCm": (f"AMD Radeon RX 6600 ROCm 6.0\n{NO_KERNEL}", None, "rocm-arch-unsupported"),
    "the module is not built": (
        SILENT,
        Snapshot(host=LINUX, driver=NvidiaDriver(loaded=False, module_files=())),
        "kernel-module-not-built",
    ),
    "the module is built and not loaded": (
        SILENT,
        Snapshot(host=LINUX, driver=NvidiaDriver(loaded=False, module_files=("nvidia.ko",))),
        "driver-not-loaded",
    ),
    "secure boot": (
        SILENT,
        Snapshot(host=SIGNED, driver=NvidiaDriver(loaded=False)),
        "secure-boot",
    ),
    "secure boot, in the text": (f"{SILENT}\nSecureBoot enabled", None, "secure-boot"),
    "a job without a GPU": (SILENT, IN_JOB, "slurm-no-gpu-allocated"),
    "a notebook without a GPU": (NO_DRIVER, IN_COLAB, "colab-no-gpu-runtime"),
    "a notebook, in the text": (
        f'File "/content/x.py", google.colab\n{NO_DRIVER}',
        None,
        "colab-no-gpu-runtime",
    ),
    "a container without a GPU": (NO_DRIVER, IN_DOCKER, "container-no-gpus-flag"),
    "a container, in the text": (f"docker run -it image\n{NO_DRIVER}", None, "container-no-gpus-flag"),
    "wsl": (NO_DRIVER, IN_WSL, "wsl-driver"),
    "wsl, in the text": (f"5.15.90.1-microsoft-standard-WSL2\n{NO_DRIVER}", None, "wsl-driver"),
    "a mask that hides all": (
        NO_GPUS,
        Snapshot(host=LINUX, env=(EnvVar(name="CUDA_VISIBLE_DEVICES", value=""),)),
        "cuda-visible-devices-invalid",
    ),
    "a job without a GPU, no mask": (NO_GPUS, IN_JOB, "slurm-no-gpu-allocated"),
    "a container without a GPU, no mask": (NO_GPUS, IN_DOCKER, "container-no-gpus-flag"),
    "libcuda on wsl": (NO_LIBCUDA, IN_WSL, "wsl-libcuda-not-found"),
    "libcuda in a container": (NO_LIBCUDA, IN_DOCKER, "container-no-gpus-flag"),
    "libcuda on a host": (NO_LIBCUDA, HOST, "driver-not-loaded"),
    "unknown error after sleep": (f"after suspend: {UNKNOWN}", None, "suspend-resume-uvm"),
    "unknown error without the node": (
        UNKNOWN,
        Snapshot(host=Host(system="Linux", container="docker"), driver=NvidiaDriver(nodes=())),
        "uvm-node-missing",
    ),
    "docker as a snap": (
        "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open",
        Snapshot(host=LINUX, containers=Containers(docker=Docker(state="ok", snap=True))),
        "docker-snap-confinement",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_facts_decide(name: str) -> None:
    text, snapshot, key = CASES[name]
    assert explain_text(text, snapshot).causes[0].key == key


@pytest.mark.parametrize("text", [NO_KERNEL, SILENT, NO_DRIVER, NO_GPUS, UNKNOWN, NO_LIBCUDA])
def test_without_facts_the_deciding_one_is_named(text: str) -> None:
    best = explain_text(text).causes
    assert len(best) > 1
    assert best[0].deciding_fact


def test_a_decided_text_needs_no_further_fact() -> None:
    assert explain_text(NO_KERNEL, torch_on("12.0", ("sm_90",))).causes[0].deciding_fact is None


def test_the_text_is_believed_before_the_snapshot() -> None:
    text = f"NVIDIA GeForce GTX 1080 Ti, compute capability 6.1\n{NO_KERNEL}"
    assert explain_text(text, torch_on("12.0", ("sm_80", "sm_90"))).causes[0].key == "arch-dropped-from-wheel"


def test_a_text_from_windows_is_not_judged_by_a_snapshot_of_linux() -> None:
    text = 'OSError: [WinError 126] The specified module could not be found. Error loading "C:\\x\\c10.dll"'
    assert explain_text(text, IN_DOCKER).causes[0].key == "windows-vcredist-missing"
