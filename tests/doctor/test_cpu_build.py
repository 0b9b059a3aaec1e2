"""CPU builds where there is a GPU, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import cpu_build
from envkit.facts.gpu_model import Nvml
from envkit.facts.python_model import TensorflowFacts
from tests.doctor.build import cpu_python
from tests.doctor.cases import CONTAINER, LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.further import healthy_windows
from tests.doctor.machines import (
    healthy_ci,
    healthy_conda,
    healthy_cpu_job,
    healthy_jetson,
    healthy_spark,
    healthy_tensorflow,
)
from tests.doctor.parts import SITE, package, torch_facts

CPU = cpu_python(WORKSTATION.python)
TF_CPU = TensorflowFacts(version="2.21.0", path=f"{SITE}/tensorflow", is_cuda=False, cuda="", archs=())
NO_NVML = Nvml(state="driver-not-loaded", detail="Driver Not Loaded")
CONDA, SPARK, JETSON = healthy_conda(), healthy_spark(), healthy_jetson()
CONDA_CPU = changed(CONDA, "python.torch", torch_facts("2.9.1", ""))
CONDA_TF = changed(
    CONDA,
    "python.torch",
    None,
    "python.tensorflow",
    TF_CPU,
    "python.conda_packages",
    (replace(CONDA.python.conda_packages[0], name="tensorflow-base"),),
)

BARE = (package("pip", "26.0"),)
EMPTY = changed(WORKSTATION, "python.distributions", BARE, "python.torch", None)
WINDOWS = healthy_windows()
TF_AFTER = (package("tensorflow", "2.15.0"), package("numpy", "1.26.4"))

CASES = (
    # cpu-only-wheel
    flip(
        cpu_build.cpu_only_wheel,
        WORKSTATION,
        "python",
        CPU,
        says=("torch 2.14.1+cpu", "NVIDIA GeForce RTX 4090"),
        fix=("torch==2.15.0",),
    ),
    ill(
        cpu_build.cpu_only_wheel,
        "the driver does not work yet",
        changed(WORKSTATION, "python", CPU, "nvml", NO_NVML),
        "AD102 [GeForce RTX 4090]",
        fix=("First make the driver work",),
    ),
    ill(
        cpu_build.cpu_only_wheel,
        "the driver does not work, and no pci.ids names the GPU",
        changed(
            WORKSTATION,
            "python",
            CPU,
            "nvml",
            NO_NVML,
            "pci",
            tuple(replace(gpu, name=None) for gpu in WORKSTATION.pci or ()),
        ),
        "this machine has an NVIDIA GPU at 0000:",
    ),
    ill(
        cpu_build.cpu_only_wheel,
        "TensorFlow alone",
        changed(WORKSTATION, "python.torch", None, "python.tensorflow", TF_CPU),
        "tensorflow 2.21.0",
        fix=("tensorflow[and-cuda]",),
    ),
    ill(
        cpu_build.cpu_only_wheel,
        "TensorFlow beside a torch that uses the GPU",
        changed(WORKSTATION, "python.tensorflow", TF_CPU),
        severity="note",
    ),
    fine(cpu_build.cpu_only_wheel, "CUDA build", WORKSTATION),
    apart(cpu_build.cpu_only_wheel, "no GPU", LAPTOP, "no NVIDIA GPU"),
    apart(
        cpu_build.cpu_only_wheel, "a container without GPU on a host with GPUs", healthy_ci(), "given no GPU"
    ),
    apart(cpu_build.cpu_only_wheel, "a job without GPU on a node with GPUs", healthy_cpu_job(), "scheduler"),
    apart(
        cpu_build.cpu_only_wheel,
        "nothing installed",
        changed(WORKSTATION, "python.torch", None),
        "no framework",
    ),
    apart(cpu_build.cpu_only_wheel, "conda", CONDA_CPU, "another check"),
    apart(cpu_build.cpu_only_wheel, "Arm", changed(SPARK, "python", CPU), "another check"),
    unsure(cpu_build.cpu_only_wheel, "packages were not read", unread(WORKSTATION, "python")),
    unsure(cpu_build.cpu_only_wheel, "no GPU facts", changed(unread(LAPTOP, "pci"), "nvml", None)),
    unsure(
        cpu_build.cpu_only_wheel,
        "torch's CUDA was not read",
        changed(WORKSTATION, "python.torch.cuda", None),
        "which CUDA",
    ),
    # cpu-only-wheel-aarch64
    flip(
        cpu_build.cpu_only_wheel_aarch64, SPARK, "python", CPU, says=("NVIDIA GB10",), fix=("torch==2.15.0",)
    ),
    ill(
        cpu_build.cpu_only_wheel_aarch64,
        "Jetson",
        changed(JETSON, "python", CPU),
        "Orin (nvgpu)",
        fix=("for this JetPack",),
    ),
    ill(
        cpu_build.cpu_only_wheel_aarch64,
        "Jetson without NVML",
        changed(JETSON, "python", CPU, "nvml", Nvml(state="no-library")),
        "Jetson AGX Orin",
        fix=("for this JetPack",),
    ),
    ill(
        cpu_build.cpu_only_wheel_aarch64,
        "TensorFlow",
        changed(SPARK, "python.torch", None, "python.tensorflow", TF_CPU),
        fix=("tensorflow container",),
    ),
    fine(cpu_build.cpu_only_wheel_aarch64, "CUDA build", SPARK),
    apart(cpu_build.cpu_only_wheel_aarch64, "x86", WORKSTATION, "not an Arm"),
    apart(cpu_build.cpu_only_wheel_aarch64, "conda", changed(CONDA_CPU, "host.machine", "aarch64"), "conda"),
    unsure(cpu_build.cpu_only_wheel_aarch64, "packages were not read", unread(SPARK, "python")),
    # conda-solver-cpu-build
    flip(
        cpu_build.conda_solver_cpu_build,
        CONDA,
        "python.torch",
        torch_facts("2.9.1", ""),
        says=("torch 2.9.1",),
        fix=("conda install 'pytorch=*=*cuda*'", "CONDA_OVERRIDE_CUDA=13.0"),
    ),
    ill(cpu_build.conda_solver_cpu_build, "TensorFlow", CONDA_TF, fix=("tensorflow=*=*cuda*",)),
    fine(cpu_build.conda_solver_cpu_build, "CUDA variant", CONDA),
    apart(
        cpu_build.conda_solver_cpu_build, "from pip", changed(WORKSTATION, "python", CPU), "not from conda"
    ),
    apart(
        cpu_build.conda_solver_cpu_build,
        "no GPU",
        changed(LAPTOP, "python", CONDA_CPU.python),
        "no NVIDIA GPU",
    ),
    unsure(cpu_build.conda_solver_cpu_build, "packages were not read", unread(CONDA, "python")),
    # no-framework
    flip(
        cpu_build.no_framework,
        WORKSTATION,
        "python.distributions",
        BARE,
        "python.torch",
        None,
        severity="note",
        says=("NVIDIA GeForce RTX 4090 is here", "/home/person/train/.venv/bin/python"),
        fix=("pip install torch==", "envkit doctor --python PATH"),
        because="torch is its files and its metadata",
    ),
    ill(
        cpu_build.no_framework,
        "the system's Python",
        changed(EMPTY, "python.externally_managed", True, "python.kind", "system"),
        severity="note",
        fix=("python -m pip install torch==", "-m venv .venv"),
    ),
    ill(
        cpu_build.no_framework,
        "a driver for which there is none",
        changed(EMPTY, "nvml.driver_version", "390.157"),
        severity="note",
        fix=("update the driver",),
    ),
    fine(cpu_build.no_framework, "torch", WORKSTATION),
    fine(
        cpu_build.no_framework,
        "one that is damaged is another matter",
        changed(EMPTY, "python.distributions", (replace(package("torch", "2.14.1"), broken="no METADATA"),)),
    ),
    apart(cpu_build.no_framework, "no GPU", changed(LAPTOP, "python", EMPTY.python), "no NVIDIA GPU"),
    unsure(cpu_build.no_framework, "packages were not read", unread(WORKSTATION, "python")),
    # tf-windows-native-no-gpu
    flip(
        cpu_build.tf_windows_native_no_gpu,
        WINDOWS,
        "python.distributions",
        TF_AFTER,
        says=("TensorFlow 2.15.0 on Windows",),
        fix=("WSL",),
    ),
    fine(cpu_build.tf_windows_native_no_gpu, "the last with a GPU", WINDOWS),
    apart(cpu_build.tf_windows_native_no_gpu, "Linux", WORKSTATION),
    apart(
        cpu_build.tf_windows_native_no_gpu, "no TensorFlow", changed(WINDOWS, "python.distributions", BARE)
    ),
    unsure(cpu_build.tf_windows_native_no_gpu, "packages were not read", unread(WINDOWS, "python")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)


def test_tensorflow_with_cuda_in_a_container_is_no_cpu_build(compat):
    python = healthy_tensorflow().python
    assert cpu_build.cpu_only_wheel(changed(CONTAINER, "python", python), compat).status == "ok"
