"""Framework builds against driver and GPUs."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import framework
from envkit.facts.gpu_model import Nvml
from tests.doctor.build import cpu_python
from tests.doctor.cases import CONTAINER, LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_packages, without_packages
from tests.doctor.machines import (
    healthy_conda,
    healthy_jetson,
    healthy_ngc,
    healthy_spark,
    healthy_tensorflow,
    healthy_volta,
    healthy_wsl,
)
from tests.doctor.parts import gpu, package, torch_facts

CPU_ONLY = changed(WORKSTATION, "python", cpu_python(WORKSTATION.python))
TENSORFLOW, WSL, NGC = healthy_tensorflow(), healthy_wsl(), healthy_ngc()
HUNG = Nvml(state="hung", detail="NVML did not answer in 1.6 s")
GEFORCE = gpu(0, "NVIDIA GeForce RTX 4090", "8.9", 24)
RTX_5090 = gpu(0, "NVIDIA GeForce RTX 5090", "12.0", 32)
PASCAL = gpu(0, "NVIDIA GeForce GTX 1080 Ti", "6.1", 11)
KEPLER = gpu(0, "Tesla K40m", "3.5", 12)
OLD_ARCHS = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")


def torch(version, cuda, archs=OLD_ARCHS, **more):
    """The workstation with another torch, alone."""
    bare = without_packages(WORKSTATION, "nvidia-.*", "torchvision", "triton")
    bare = with_packages(bare, package("torch", version))
    return changed(
        bare, "python.torch", torch_facts(version, cuda, archs), *(x for pair in more.items() for x in pair)
    )


def driver(snapshot, version, cuda="12.4"):
    return changed(
        snapshot,
        "nvml.driver_version",
        version,
        "nvml.cuda_version",
        cuda,
        "driver.module_version",
        version,
        "driver.library_version",
        version,
    )


PTX = changed(
    torch("2.14.1+cu132", "13.2", ("sm_75", "sm_80", "compute_80")),
    "nvml.gpus",
    (gpu(0, "NVIDIA L4", "9.0", 24),),
    "nvml.cuda_version",
    "13.0",
)

CASES = (
    # driver-too-old
    flip(
        framework.driver_too_old,
        changed(WORKSTATION, "containers.cdi", ()),
        "nvml.driver_version",
        "550.54.14",
        says=("torch 2.14.1+cu130 needs driver 580", "CUDA 13.0", "550.54.14"),
        fix=("torch==2.14.1", "cu126", "ubuntu-drivers install nvidia:580"),
    ),
    ill(
        framework.driver_too_old,
        "another distribution",
        changed(driver(WORKSTATION, "550.54.14"), "host.os_id", "arch"),
        fix=("branch 580",),
    ),
    ill(
        framework.driver_too_old,
        "in a container",
        driver(CONTAINER, "535.104.05"),
        "535.104.05",
        fix=("on the host of this container",),
    ),
    ill(
        framework.driver_too_old,
        "in WSL, by the floors of Windows",
        driver(WSL, "572.16"),
        "580",
        "572.16",
        fix=("in Windows",),
    ),
    ill(
        framework.driver_too_old,
        "WSL, between the floors of Linux and Windows",
        changed(driver(WSL, "526.98"), "python.torch", torch_facts("2.9.1+cu126", "12.6")),
        "528.33",
    ),
    ill(
        framework.driver_too_old,
        "NVML is silent",
        changed(driver(WORKSTATION, "470.256.02"), "nvml", HUNG),
        "470.256.02",
    ),
    ill(
        framework.driver_too_old,
        "PTX newer than the driver",
        PTX,
        "PTX of CUDA 13.2",
        "up to CUDA 13.0",
        fix=("instead of 13.2",),
    ),
    ill(
        framework.driver_too_old,
        "JAX's plugin",
        driver(
            with_packages(changed(WORKSTATION, "python.torch", None), package("jax-cuda13-plugin", "0.9.0")),
            "570.124.06",
        ),
        "jax 0.9.0 needs driver 580",
    ),
    ill(
        framework.driver_too_old,
        "a compat library on a GeForce does not help",
        changed(NGC, "nvml.gpus", (GEFORCE,), "nvml.driver_version", "470.256.02"),
        "525.60.13",
    ),
    ill(
        framework.driver_too_old,
        "a compat library that is too old itself",
        changed(NGC, "python.torch.cuda", "13.0"),
        "needs driver 580",
        "535.216.03",
    ),
    fine(
        framework.driver_too_old,
        "new enough",
        WORKSTATION,
        "driver 580.95.05 is new enough for torch 2.14.1+cu130",
    ),
    fine(
        framework.driver_too_old,
        "minor-version compatibility",
        driver(torch("2.11.0+cu128", "12.8"), "535.104.05", "12.2"),
    ),
    fine(
        framework.driver_too_old,
        "exactly the floor",
        driver(torch("2.9.1+cu126", "12.6"), "525.60.13", "12.0"),
    ),
    fine(
        framework.driver_too_old,
        "a driver given as a branch",
        driver(torch("2.9.1+cu126", "12.6"), "R525", "12.0"),
    ),
    fine(framework.driver_too_old, "a branch with CUDA 13", driver(WORKSTATION, "R580", "13.0")),
    fine(
        framework.driver_too_old,
        "an open minor of CUDA 13",
        torch("2.16.0.dev20261101+cu132", "13.2", ("sm_86",)),
        "2.16.0.dev20261101+cu132",
    ),
    fine(
        framework.driver_too_old,
        "forward compatibility on a data-centre GPU, driver below the floor",
        changed(NGC, "nvml.driver_version", "470.256.02", "driver.module_version", "470.256.02"),
        "575.57.08",
    ),
    fine(framework.driver_too_old, "WSL, Windows' numbers", WSL, "581.57"),
    fine(framework.driver_too_old, "Volta on its last branch", healthy_volta()),
    apart(
        framework.driver_too_old,
        "no GPU",
        torch_laptop := changed(LAPTOP, "python", WORKSTATION.python),
        "no NVIDIA GPU",
    ),
    apart(framework.driver_too_old, "CPU build", CPU_ONLY, "no CUDA build"),
    apart(
        framework.driver_too_old,
        "Jetson Linux 35 numbers its driver apart",
        changed(healthy_jetson(), "nvml", Nvml(state="no-library"), "driver.module_version", "35.4.1"),
        "Jetson",
    ),
    unsure(framework.driver_too_old, "packages were not read", unread(WORKSTATION, "python")),
    unsure(
        framework.driver_too_old,
        "no version of the driver",
        changed(unread(WORKSTATION, "nvml"), "driver.module_version", None),
    ),
    unsure(
        framework.driver_too_old,
        "torch's CUDA was not read",
        changed(WORKSTATION, "python.torch.cuda", None),
        "which CUDA torch",
    ),
    unsure(framework.driver_too_old, "a CUDA that no table knows", torch("3.0.0+cu140", "14.0"), "CUDA 14.0"),
    # arch-not-in-wheel
    flip(
        framework.arch_not_in_wheel,
        torch("2.6.0+cu124", "12.4"),
        "nvml.gpus[0]",
        RTX_5090,
        says=("torch 2.6.0+cu124", "GPU 0 (NVIDIA GeForce RTX 5090)", "newer"),
        fix=("compute capability 12.0", "torch=="),
    ),
    ill(
        framework.arch_not_in_wheel,
        "one of two GPUs",
        changed(
            torch("2.6.0+cu124", "12.4"),
            "nvml.gpus",
            (GEFORCE, gpu(1, "NVIDIA GeForce RTX 5090", "12.0", 32)),
        ),
        severity="warning",
    ),
    ill(
        framework.arch_not_in_wheel,
        "no build for the driver that is here",
        driver(changed(torch("2.6.0+cu124", "12.4"), "nvml.gpus[0]", RTX_5090), "470.256.02"),
        fix=("Update the driver", "torch=="),
    ),
    ill(
        framework.arch_not_in_wheel,
        "no build for this Python",
        changed(torch("2.6.0+cu124", "12.4"), "nvml.gpus[0]", RTX_5090, "python.version", "3.7.17"),
        fix=("No published build",),
    ),
    ill(
        framework.arch_not_in_wheel,
        "by the tables, where the binary was not read",
        changed(torch("2.6.0+cu124", "12.4", None), "nvml.gpus[0]", RTX_5090),
        "2.6.0+cu124",
    ),
    fine(framework.arch_not_in_wheel, "carried", WORKSTATION, "code for every GPU"),
    fine(framework.arch_not_in_wheel, "8.9 runs sm_86, 12.1 runs sm_120", healthy_spark()),
    fine(
        framework.arch_not_in_wheel,
        "PTX will do",
        changed(torch("2.7.1+cu128", "12.8", ("sm_90", "compute_90")), "nvml.gpus[0]", RTX_5090),
    ),
    apart(framework.arch_not_in_wheel, "no GPU", torch_laptop, "no NVIDIA GPU"),
    apart(framework.arch_not_in_wheel, "CPU build", CPU_ONLY),
    unsure(framework.arch_not_in_wheel, "packages were not read", unread(WORKSTATION, "python")),
    unsure(framework.arch_not_in_wheel, "NVML was not asked", unread(WORKSTATION, "nvml")),
    unsure(
        framework.arch_not_in_wheel,
        "a source build whose list was not read",
        torch("2.9.0a0+gitabc1234", "12.8", None),
        "2.9.0a0+gitabc1234",
    ),
    unsure(
        framework.arch_not_in_wheel,
        "a release that no table has",
        torch("2.16.0+cu132", "13.2", None),
        "2.16.0+cu132",
    ),
    unsure(
        framework.arch_not_in_wheel,
        "an empty list is not a fit",
        torch("2.16.0+cu132", "13.2", ()),
        "2.16.0+cu132",
    ),
    unsure(
        framework.arch_not_in_wheel,
        "conda's own list was not read",
        changed(healthy_conda(), "python.torch.archs", None),
        "2.9.1",
    ),
    unsure(
        framework.arch_not_in_wheel,
        "a desktop cubin on a Jetson is not promised to run",
        changed(healthy_jetson(), "python.torch.archs", ("sm_80", "sm_90")),
        "sm_80 sm_90",
    ),
    # arch-dropped-from-wheel
    flip(
        framework.arch_dropped_from_wheel,
        WORKSTATION,
        "nvml.gpus[0]",
        PASCAL,
        says=("torch 2.14.1+cu130", "GTX 1080 Ti", "older"),
        fix=("compute capability 6.1", "cu126"),
    ),
    ill(
        framework.arch_dropped_from_wheel,
        "its driver is too old for any build",
        driver(changed(WORKSTATION, "nvml.gpus[0]", PASCAL), "418.39"),
        fix=("Update the driver",),
    ),
    ill(
        framework.arch_dropped_from_wheel,
        "Kepler, which nothing published carries",
        driver(changed(torch("2.4.1+cu121", "12.1"), "nvml.gpus[0]", KEPLER), "470.256.02"),
        "Tesla K40m",
        fix=("No published build",),
    ),
    fine(framework.arch_dropped_from_wheel, "carried", WORKSTATION),
    fine(framework.arch_dropped_from_wheel, "Volta with cu126", healthy_volta()),
    apart(framework.arch_dropped_from_wheel, "CPU build", CPU_ONLY),
    unsure(framework.arch_dropped_from_wheel, "NVML was not asked", unread(WORKSTATION, "nvml")),
    # tf-arch-not-in-wheel
    flip(
        framework.tf_arch_not_in_wheel,
        TENSORFLOW,
        "nvml.gpus[0]",
        RTX_5090,
        says=("TensorFlow 2.21.0", "RTX 5090"),
        fix=("compute capability 12.0", "TensorFlow container"),
    ),
    ill(framework.tf_arch_not_in_wheel, "dropped", changed(TENSORFLOW, "nvml.gpus[0]", KEPLER), "Tesla K40m"),
    fine(framework.tf_arch_not_in_wheel, "carried", TENSORFLOW),
    fine(
        framework.tf_arch_not_in_wheel,
        "Hopper by PTX",
        changed(TENSORFLOW, "nvml.gpus[0]", gpu(0, "NVIDIA H100 PCIe", "9.0", 80)),
    ),
    apart(framework.tf_arch_not_in_wheel, "no TensorFlow", WORKSTATION),
    apart(
        framework.tf_arch_not_in_wheel,
        "no GPU",
        changed(TENSORFLOW, "nvml", LAPTOP.nvml, "pci", (), "driver", LAPTOP.driver),
    ),
    unsure(framework.tf_arch_not_in_wheel, "NVML was not asked", unread(TENSORFLOW, "nvml")),
    unsure(
        framework.tf_arch_not_in_wheel,
        "its list was not read",
        changed(TENSORFLOW, "python.tensorflow.archs", None),
        "2.21.0",
    ),
    unsure(framework.tf_arch_not_in_wheel, "packages were not read", unread(TENSORFLOW, "python")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)


@pytest.mark.parametrize(
    ("snapshot", "part"),
    [
        (WORKSTATION, "torch==2.15.0"),
        (changed(WORKSTATION, "python.free_threaded", True, "python.version", "3.14.0"), "torch==2.15.0"),
        (changed(WORKSTATION, "python.free_threaded", True, "python.version", "3.13.1"), "torch==2.12.0"),
        (changed(WORKSTATION, "host.libc_version", "2.17"), "torch==2.6.0"),
        (driver(WORKSTATION, "470.256.02"), "cu118"),
        (changed(WORKSTATION, "nvml.gpus[0]", PASCAL), "cu126"),
    ],
)
def test_the_build_that_is_recommended_suits_the_machine(snapshot, part, compat):
    assert part in framework.torch_install(snapshot, compat)


def test_no_cpu_build_is_recommended_for_a_gpu_that_nvml_did_not_show(compat):
    assert framework.torch_install(changed(WORKSTATION, "nvml", HUNG), compat) is None
