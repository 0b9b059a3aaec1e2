"""Shared libraries and compilers."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import libraries
from tests.doctor.cases import LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_packages, without_packages
from tests.doctor.machines import (
    healthy_ci,
    healthy_conda,
    healthy_ngc,
    healthy_spark,
    healthy_tensorflow,
    healthy_wsl,
)
from tests.doctor.parts import SITE, library, package, torch_facts

TENSORFLOW = healthy_tensorflow()
SHIPPED = f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9"
SYSTEM = "/opt/cudnn/lib/libcudnn.so.9"
CUDA_HOME = changed(WORKSTATION, "cuda.cuda_home", "/usr/local/cuda-12.4", "cuda.cuda_home_exists", True)
COMPILES = with_packages(WORKSTATION, package("deepspeed", "0.18.2"))
NVCC = changed(COMPILES, "cuda.nvcc", "/usr/local/cuda/bin/nvcc", "cuda.nvcc_version", "13.0.88")
SHADOWED = libraries.shadowed_libs_ld_library_path
GLIBC, AVX, TF_LIBS = libraries.glibc_too_old, libraries.cpu_instruction_set, libraries.tf_cuda_libs_missing


def before(version, path=SYSTEM, via="ld-library-path", machine=WORKSTATION, family="cudnn"):
    """A library that is found before the shipped cuDNN."""
    found = [lib for lib in machine.libraries if lib.family != "cudnn"]
    return changed(
        machine,
        "libraries",
        (*found, library(family, path, version, via), library("cudnn", SHIPPED, "9.24.0.43", "rpath", 1)),
    )


def old(torch, glibc, cuda, machine=WORKSTATION):
    bare = with_packages(
        without_packages(machine, "nvidia-.*", "torchvision", "triton"), package("torch", torch)
    )
    return changed(bare, "python.torch", torch_facts(torch, cuda), "host.libc_version", glibc)


CASES = (
    # shadowed-libs-ld-library-path
    flip(
        SHADOWED,
        WORKSTATION,
        "libraries",
        before("9.1.0").libraries,
        says=(SYSTEM, "libcudnn.so.9"),
        fix=("/opt/cudnn/lib out of LD_LIBRARY_PATH",),
    ),
    ill(SHADOWED, "newer, which mostly works", before("9.30.0.1"), severity="warning"),
    ill(SHADOWED, "no version in its name", before(None)),
    fine(SHADOWED, "RPATH comes first", WORKSTATION),
    fine(SHADOWED, "the same version", before("9.24.0.43")),
    fine(SHADOWED, "found otherwise", before("9.1.0", via="ld-cache")),
    fine(SHADOWED, "NVIDIA's container ships none", healthy_ngc()),
    fine(
        SHADOWED,
        "the driver's own library",
        changed(
            healthy_wsl(),
            "libraries",
            (
                library("cuda", "/usr/lib/wsl/lib/libcuda.so.1", None, "ld-library-path"),
                library("cuda", "/usr/local/cuda/compat/libcuda.so.1", None, "wheel", 1),
            ),
        ),
    ),
    fine(SHADOWED, "conda's own", healthy_conda()),
    apart(SHADOWED, "CPU build", changed(LAPTOP, "libraries", before("9.1.0").libraries)),
    unsure(SHADOWED, "libraries were not read", unread(WORKSTATION, "libraries", probe="python")),
    # tf-cuda-libs-missing
    flip(
        TF_LIBS,
        TENSORFLOW,
        "libraries",
        TENSORFLOW.libraries[:2],
        says=("CUDA 12.5.1", "cuDNN 9", "libcudnn.so.9"),
        fix=("tensorflow[and-cuda]==2.21.0",),
    ),
    ill(
        TF_LIBS,
        "of another major",
        changed(TENSORFLOW, "python.tensorflow.cudnn", "8", "libraries", TENSORFLOW.libraries),
        "libcudnn.so.8",
    ),
    ill(
        TF_LIBS,
        "beside a torch that uses the GPU",
        changed(WORKSTATION, "python.tensorflow", TENSORFLOW.python.tensorflow),
        "libcudart.so.12",
        severity="warning",
    ),
    fine(TF_LIBS, "there", TENSORFLOW),
    apart(TF_LIBS, "no TensorFlow", WORKSTATION),
    apart(
        TF_LIBS,
        "no GPU",
        changed(TENSORFLOW, "nvml", LAPTOP.nvml, "pci", (), "driver", LAPTOP.driver, "libraries", ()),
    ),
    apart(
        TF_LIBS, "a container without GPU", changed(healthy_ci(), "python", TENSORFLOW.python), "given no GPU"
    ),
    unsure(
        TF_LIBS,
        "libraries were not read",
        unread(TENSORFLOW, "libraries", probe="python"),
        "could not be read",
    ),
    unsure(TF_LIBS, "no GPU facts", changed(unread(TENSORFLOW, "pci"), "nvml", None, "driver", None)),
    # glibc-too-old
    flip(
        GLIBC,
        WORKSTATION,
        "host.libc_version",
        "2.27",
        says=("glibc 2.28", "2.27"),
        fix=("newer distribution",),
    ),
    ill(
        GLIBC,
        "musl",
        changed(LAPTOP, "host.libc", "musl", "host.libc_version", "1.2.5", "python.distributions", ()),
        "musl",
        fix=("container",),
    ),
    ill(GLIBC, "this very build", old("2.6.0+cu126", "2.17", "12.6"), "2.28"),
    fine(GLIBC, "new enough", WORKSTATION),
    fine(GLIBC, "exactly", changed(WORKSTATION, "host.libc_version", "2.28")),
    fine(GLIBC, "the older build of the same release", old("2.6.0+cu124", "2.17", "12.4")),
    fine(GLIBC, "a torch for musl", changed(LAPTOP, "host.libc", "musl")),
    apart(GLIBC, "conda", healthy_conda()),
    apart(GLIBC, "a release that no table has", old("3.1.0", "2.17", "13.0")),
    unsure(GLIBC, "the host was not read", unread(WORKSTATION, "host")),
    unsure(GLIBC, "the C library was not read", unread(WORKSTATION, "host.libc")),
    # cpu-instruction-set
    flip(AVX, TENSORFLOW, "cpu.flags", ("sse4_1", "sse4_2"), says=("AVX",), fix=("-cpu host",)),
    fine(AVX, "AVX", TENSORFLOW),
    fine(AVX, "torch chooses at run time", changed(WORKSTATION, "cpu.flags", ("sse4_2",))),
    apart(AVX, "Arm", healthy_spark()),
    apart(AVX, "no framework", changed(WORKSTATION, "python.torch", None)),
    unsure(AVX, "the CPU was not read", unread(TENSORFLOW, "cpu")),
    unsure(AVX, "flags were not read", unread(TENSORFLOW, "cpu.flags")),
    # nvcc-torch-cuda-mismatch
    flip(
        libraries.nvcc_torch_cuda_mismatch,
        NVCC,
        "cuda.nvcc_version",
        "12.4.131",
        severity="warning",
        says=("12.4.131", "13.0"),
        fix=("CUDA 13.0 toolkit",),
    ),
    fine(libraries.nvcc_torch_cuda_mismatch, "one major", NVCC),
    apart(libraries.nvcc_torch_cuda_mismatch, "no nvcc", COMPILES),
    apart(
        libraries.nvcc_torch_cuda_mismatch,
        "nothing compiles with it",
        changed(WORKSTATION, "cuda", NVCC.cuda, "cuda.nvcc_version", "12.4.131"),
    ),
    apart(libraries.nvcc_torch_cuda_mismatch, "CPU build", changed(LAPTOP, "cuda", NVCC.cuda)),
    unsure(libraries.nvcc_torch_cuda_mismatch, "not read", unread(COMPILES, "cuda")),
    unsure(
        libraries.nvcc_torch_cuda_mismatch,
        "its version was not read",
        changed(NVCC, "cuda.nvcc_version", None),
        "nvcc",
    ),
    # cuda-home-nvcc-missing
    flip(
        libraries.cuda_home_nvcc_missing,
        CUDA_HOME,
        "cuda.cuda_home_exists",
        False,
        severity="warning",
        says=("/usr/local/cuda-12.4",),
        fix=("unset CUDA_HOME",),
    ),
    fine(libraries.cuda_home_nvcc_missing, "there", CUDA_HOME),
    apart(libraries.cuda_home_nvcc_missing, "not set", WORKSTATION),
    unsure(libraries.cuda_home_nvcc_missing, "not read", unread(WORKSTATION, "cuda")),
    unsure(
        libraries.cuda_home_nvcc_missing,
        "on a disk that hangs",
        changed(CUDA_HOME, "cuda.cuda_home_exists", None),
        "/usr/local/cuda-12.4",
    ),
    # gcc-too-new-for-nvcc
    flip(
        libraries.gcc_too_new_for_nvcc,
        NVCC,
        "host.compiler_version",
        "16.1.0",
        severity="warning",
        says=("13.0.88", "15", "16.1.0"),
        fix=("apt install g++-15",),
    ),
    ill(
        libraries.gcc_too_new_for_nvcc,
        "without apt",
        changed(NVCC, "host.compiler_version", "16.1.0", "host.os_id", "fedora"),
        severity="warning",
        fix=("conda",),
    ),
    fine(libraries.gcc_too_new_for_nvcc, "accepted", NVCC),
    apart(libraries.gcc_too_new_for_nvcc, "no nvcc", COMPILES),
    apart(
        libraries.gcc_too_new_for_nvcc,
        "clang",
        changed(NVCC, "host.compiler", "clang", "host.compiler_version", "21.1"),
    ),
    apart(
        libraries.gcc_too_new_for_nvcc,
        "a limit that nobody wrote down",
        changed(NVCC, "cuda.nvcc_version", "13.6.0"),
    ),
    unsure(libraries.gcc_too_new_for_nvcc, "not read", unread(WORKSTATION, "cuda")),
    # triton-no-gcc
    flip(
        libraries.triton_no_gcc,
        WORKSTATION,
        "host.compiler",
        "",
        severity="note",
        says=("no C compiler",),
        fix=("apt install gcc",),
    ),
    ill(
        libraries.triton_no_gcc,
        "Fedora",
        changed(WORKSTATION, "host.compiler", "", "host.os_id", "fedora"),
        severity="note",
        fix=("dnf install gcc",),
    ),
    ill(
        libraries.triton_no_gcc,
        "elsewhere",
        changed(WORKSTATION, "host.compiler", "", "host.os_id", "arch"),
        severity="note",
        fix=("distribution's packages",),
    ),
    fine(libraries.triton_no_gcc, "gcc", WORKSTATION),
    apart(libraries.triton_no_gcc, "CPU build", changed(LAPTOP, "host.compiler", "")),
    apart(
        libraries.triton_no_gcc, "no GPU", changed(LAPTOP, "python", WORKSTATION.python, "host.compiler", "")
    ),
    unsure(
        libraries.triton_no_gcc,
        "not read",
        unread(WORKSTATION, "host.compiler"),
        "C compiler could not be read",
    ),
    unsure(
        libraries.triton_no_gcc,
        "no GPU facts",
        changed(unread(WORKSTATION, "pci"), "nvml", None, "driver", None),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
