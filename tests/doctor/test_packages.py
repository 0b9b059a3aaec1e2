"""Whether packages belong together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envkit.doctor.rules import packages
from envkit.facts.gpu_model import Nvml
from tests.doctor.cases import LAPTOP, WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread, with_packages, without_packages
from tests.doctor.machines import healthy_ci, healthy_conda, healthy_ngc, healthy_tensorflow
from tests.doctor.parts import package

TENSORFLOW, CONDA = healthy_tensorflow(), healthy_conda()
PLAIN = without_packages(WORKSTATION, "nvidia-.*", "triton")
EMPTY = changed(WORKSTATION, "python.distributions", ())
JAX = with_packages(
    changed(WORKSTATION, "python.torch", None, "python.distributions", ()),
    package("jax", "0.9.0", "jaxlib<=0.9.0,>=0.9.0"),
    package("jaxlib", "0.9.0"),
    package("jax-cuda13-plugin", "0.9.0"),
    package("jax-cuda13-pjrt", "0.9.0"),
)
JAX_CPU = without_packages(JAX, "jax-cuda.*")
NVJITLINK = "python.distributions[7]"
assert WORKSTATION.python.distributions[7].name == "nvidia-nvjitlink"


def pair(torch, torchvision, *requires, name="torchvision"):
    return with_packages(
        without_packages(PLAIN, "torchvision"), package("torch", torch), package(name, torchvision, *requires)
    )


def version(name, wanted, machine=WORKSTATION):
    """The machine with another version of one package."""
    found = next(d for d in machine.python.distributions if d.name == name)
    return with_packages(machine, replace(found, version=wanted))


VISION, XFORMERS, ABI = (
    packages.torch_torchvision_mismatch,
    packages.xformers_torch_mismatch,
    packages.extension_abi_mismatch,
)
NVJIT, CUDNN, NCCL = packages.nvjitlink_mismatch, packages.cudnn_mismatch, packages.nccl_lib_mismatch
NUMPY, PROTOBUF = packages.numpy2_abi, packages.protobuf_mismatch
JAX_ALONE, JAX_PLUGIN = packages.jax_cpu_only_install, packages.jax_plugin_mismatch

CASES = (
    # torch-torchvision-mismatch
    flip(
        VISION,
        WORKSTATION,
        "python.distributions[1].version",
        "0.25.0+cu130",
        says=("torchvision 0.25.0+cu130", "2.14.1+cu130", "0.29.2"),
        fix=("torchvision==0.29.2",),
    ),
    ill(
        VISION,
        "from an index of its own",
        pair("2.9.1+cu126", "0.21.0+cu126"),
        "torchvision 0.21.0+cu126",
        fix=("torchvision==0.24.1 --index-url https://download.pytorch.org/whl/cu126",),
    ),
    ill(
        VISION,
        "from nobody knows where",
        pair("2.9.1+vendor", "0.21.0"),
        "torchvision 0.21.0",
        fix=("torch and torchvision again",),
    ),
    ill(
        VISION,
        "by its own requirement",
        pair("2.15.0+cu132", "0.29.0+cu132", "torch==2.14.0"),
        "torch==2.14.0",
        "2.15.0+cu132",
        fix=("torch==2.14.0",),
    ),
    ill(
        VISION,
        "CPU beside CUDA",
        pair("2.9.1+cu128", "0.24.1+cpu"),
        "cu128",
        "cpu",
        fix=("torch and torchvision again",),
    ),
    ill(VISION, "another CUDA major", pair("2.15.0+cu130", "0.29.2+cu126"), "cu130", "cu126"),
    ill(
        VISION,
        "torchaudio",
        pair("2.9.1", "2.4.1", name="torchaudio"),
        "torchaudio 2.4.1",
        fix=("torchaudio==2.9.1",),
    ),
    fine(VISION, "one release", WORKSTATION),
    fine(
        VISION,
        "torchvision 0.29.2 goes with torch 2.15 too",
        pair("2.15.0+cu132", "0.29.2+cu132", "torch==2.15.0"),
    ),
    fine(VISION, "another minor of one CUDA major", pair("2.15.0+cu132", "0.29.2+cu130")),
    fine(
        VISION, "torch from the default index, without a tag", pair("2.9.1", "0.24.1+cu128", "torch==2.9.1")
    ),
    fine(VISION, "another patch", pair("2.9.0", "0.24.1")),
    fine(
        VISION,
        "nightlies",
        pair("2.16.0.dev20261101+cu132", "0.30.0.dev20261101+cu132", "torch==2.16.0.dev20261101"),
    ),
    fine(
        VISION,
        "a nightly of a release that the tables have",
        pair("2.15.0.dev20260801+cu132", "0.30.0.dev20260801+cu132"),
    ),
    fine(VISION, "NVIDIA's builds", healthy_ngc()),
    fine(VISION, "from source", pair("2.9.0a0+gitabc1234", "0.25.0a0+1234567", "torch")),
    fine(VISION, "conda-forge", CONDA),
    fine(VISION, "a release that no table has", pair("3.1.0", "0.44.0", "torch==3.1.0")),
    fine(
        VISION,
        "torchaudio of its last release beside a newer torch",
        pair("2.14.1", "2.11.0", name="torchaudio"),
    ),
    apart(VISION, "torch alone", without_packages(WORKSTATION, "torchvision")),
    unsure(VISION, "packages were not read", unread(WORKSTATION, "python")),
    # xformers-torch-mismatch
    flip(
        XFORMERS,
        WORKSTATION,
        "python.distributions",
        (*WORKSTATION.python.distributions, package("xformers", "0.0.32", "torch==2.8.0")),
        says=("xformers 0.0.32", "torch==2.8.0", "2.14.1+cu130"),
        fix=("--no-deps 'xformers'", "torch==2.8.0"),
    ),
    fine(
        XFORMERS,
        "an open requirement",
        with_packages(WORKSTATION, package("xformers", "0.0.40", "torch>=2.10")),
    ),
    fine(
        XFORMERS,
        "a pre-release counts as its release",
        with_packages(healthy_ngc(), package("xformers", "0.0.31", "torch>=2.8")),
    ),
    apart(XFORMERS, "not installed", WORKSTATION),
    unsure(XFORMERS, "packages were not read", unread(WORKSTATION, "python")),
    # extension-abi-mismatch
    flip(
        ABI,
        WORKSTATION,
        "python.distributions",
        (*WORKSTATION.python.distributions, package("flash-attn", "2.8.3+cu12torch2.7cxx11abiTRUE")),
        says=("flash-attn", "torch 2.7", "2.14.1+cu130"),
        fix=("--no-build-isolation flash-attn",),
    ),
    ill(
        ABI,
        "2.1 is not 2.14",
        with_packages(WORKSTATION, package("flash-attn", "2.5.0+cu122torch2.1")),
        "torch 2.1,",
    ),
    fine(
        ABI,
        "the same torch",
        with_packages(WORKSTATION, package("flash-attn", "2.9.0+cu13torch2.14cxx11abiTRUE")),
    ),
    apart(ABI, "no tag", with_packages(WORKSTATION, package("flash-attn", "2.8.3"))),
    unsure(ABI, "packages were not read", unread(WORKSTATION, "python")),
    # nvjitlink-mismatch
    flip(
        NVJIT,
        WORKSTATION,
        NVJITLINK + ".version",
        "12.9.86",
        says=("torch 2.14.1+cu130", "nvidia-nvjitlink==13.0.88", "12.9.86"),
        fix=("nvidia-nvjitlink==13.0.88",),
    ),
    fine(NVJIT, "pinned", WORKSTATION),
    fine(NVJIT, "newer than the pin", version("nvidia-nvjitlink", "13.1.40"), "newer"),
    apart(NVJIT, "not from packages", CONDA),
    unsure(NVJIT, "packages were not read", unread(WORKSTATION, "python")),
    # cudnn-mismatch
    flip(
        CUDNN,
        WORKSTATION,
        "python.distributions[4].version",
        "9.10.2.21",
        says=("nvidia-cudnn-cu13==9.24.0.43", "9.10.2.21"),
        fix=("cuDNN that torch asks for",),
    ),
    ill(CUDNN, "a newer one of the same major", version("nvidia-cudnn-cu13", "9.30.0.1"), severity="note"),
    fine(CUDNN, "pinned", WORKSTATION),
    fine(CUDNN, "of TensorFlow's extra, which was not asked for", TENSORFLOW),
    apart(CUDNN, "conda-forge has no such package", CONDA),
    unsure(CUDNN, "packages were not read", unread(WORKSTATION, "python")),
    # nccl-lib-mismatch
    flip(
        NCCL,
        WORKSTATION,
        "python.distributions[6].version",
        "2.27.3",
        severity="warning",
        says=("2.30.7", "2.27.3"),
        fix=("NCCL that torch",),
    ),
    ill(NCCL, "a newer one of the same major", version("nvidia-nccl-cu13", "2.31.2"), severity="note"),
    fine(NCCL, "pinned", WORKSTATION),
    apart(NCCL, "conda-forge has no such package", CONDA),
    unsure(NCCL, "packages were not read", unread(WORKSTATION, "python")),
    # numpy2-abi
    flip(
        NUMPY,
        with_packages(
            LAPTOP,
            package("torch", "2.2.2+cpu"),
            package("torchvision", "0.17.2+cpu"),
            package("numpy", "1.26.4"),
        ),
        "python.distributions[3].version",
        "2.1.0",
        says=("torch 2.2.2+cpu", "NumPy 2.1.0"),
        fix=("numpy<2",),
    ),
    ill(
        NUMPY,
        "TensorFlow of before 2.18",
        version("tensorflow", "2.16.2", TENSORFLOW),
        "tensorflow 2.16.2",
        "NumPy 2.4.1",
    ),
    ill(
        NUMPY,
        "a package that says so",
        with_packages(WORKSTATION, package("bitsandbytes", "0.43.0", "numpy<2.0.0,>=1.17")),
        "bitsandbytes 0.43.0",
        severity="warning",
    ),
    fine(NUMPY, "torch 2.3 and later", version("torch", "2.3.1+cu121", PLAIN)),
    fine(NUMPY, "NumPy 1", version("numpy", "1.26.4")),
    fine(NUMPY, "a cap at a minor of NumPy 2 is no ABI", version("tensorflow", "2.18.1", TENSORFLOW)),
    fine(
        NUMPY,
        "a package that stops at a minor of NumPy 2",
        with_packages(WORKSTATION, package("numba", "0.61", "numpy<2.3,>=1.24")),
    ),
    fine(NUMPY, "NVIDIA's pre-release", version("numpy", "2.1.0", healthy_ngc())),
    apart(NUMPY, "no NumPy", without_packages(WORKSTATION, "numpy")),
    unsure(NUMPY, "packages were not read", unread(WORKSTATION, "python")),
    # protobuf-mismatch
    flip(
        PROTOBUF,
        TENSORFLOW,
        "python.distributions[2].version",
        "4.25.8",
        says=("tensorflow 2.21.0", "4.25.8"),
        fix=("protobuf that tensorflow",),
    ),
    ill(
        PROTOBUF,
        "a package that is no framework",
        with_packages(WORKSTATION, package("wandb", "0.22", "protobuf<6,>=3.19")),
        "wandb",
        severity="warning",
    ),
    fine(PROTOBUF, "in range", TENSORFLOW),
    fine(PROTOBUF, "an extra that was not asked for", WORKSTATION),
    fine(
        PROTOBUF,
        "excluded versions",
        with_packages(TENSORFLOW, package("tensorboard", "2.20.0", "protobuf!=4.24.0,>=3.19.6")),
    ),
    fine(PROTOBUF, "a release candidate in range", version("protobuf", "7.0rc1", TENSORFLOW)),
    apart(PROTOBUF, "nothing installed", EMPTY),
    unsure(PROTOBUF, "packages were not read", unread(WORKSTATION, "python")),
    # jax-cpu-only-install
    flip(
        JAX_ALONE,
        JAX,
        "python.distributions",
        JAX_CPU.python.distributions,
        says=("jaxlib 0.9.0",),
        fix=("jax[cuda13]",),
    ),
    ill(
        JAX_ALONE,
        "an older driver",
        changed(JAX_CPU, "nvml.driver_version", "570.124.06"),
        fix=("jax[cuda12]",),
    ),
    ill(
        JAX_ALONE,
        "no driver yet",
        changed(JAX_CPU, "nvml", Nvml(state="driver-not-loaded"), "driver.module_version", None),
        fix=("jax[cuda12]",),
    ),
    ill(
        JAX_ALONE,
        "beside a torch that uses the GPU",
        with_packages(WORKSTATION, package("jaxlib", "0.9.0")),
        severity="note",
    ),
    fine(JAX_ALONE, "with the plugin", JAX),
    fine(
        JAX_ALONE,
        "an old build with CUDA in it",
        with_packages(EMPTY, package("jaxlib", "0.4.20+cuda12.cudnn89")),
    ),
    fine(JAX_ALONE, "conda's own", CONDA, "conda"),
    apart(JAX_ALONE, "no JAX", WORKSTATION),
    apart(JAX_ALONE, "no GPU", with_packages(LAPTOP, package("jaxlib", "0.9.0"))),
    apart(
        JAX_ALONE,
        "a container without GPU",
        with_packages(healthy_ci(), package("jaxlib", "0.9.0")),
        "given no GPU",
    ),
    unsure(JAX_ALONE, "packages were not read", unread(JAX, "python")),
    unsure(JAX_ALONE, "no GPU facts", changed(unread(JAX_CPU, "pci"), "nvml", None, "driver", None)),
    # jax-plugin-mismatch
    flip(
        JAX_PLUGIN,
        JAX,
        "python.distributions[2].version",
        "0.8.1",
        says=("jax-cuda13-plugin 0.8.1", "jaxlib 0.9.0"),
        fix=("jax[cuda13]==0.9.0",),
    ),
    ill(
        JAX_PLUGIN,
        "an old jaxlib",
        version("jaxlib", "0.7.0", JAX),
        "jaxlib",
        "0.7.0",
        fix=("jaxlib that jax asks for",),
    ),
    fine(JAX_PLUGIN, "one release", JAX),
    fine(JAX_PLUGIN, "without plugin", JAX_CPU),
    apart(JAX_PLUGIN, "no JAX", WORKSTATION),
    unsure(JAX_PLUGIN, "packages were not read", unread(JAX, "python")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)
