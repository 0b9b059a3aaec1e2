"""WSL's way to the GPU."""

from __future__ import annotations

import pytest

from envkit.doctor.rules import wsl
from envkit.facts.gpu_model import Nvml
from tests.doctor.build import cpu_python
from tests.doctor.cases import WORKSTATION, apart, check, fine, flip, ill, unsure
from tests.doctor.change import changed, unread
from tests.doctor.machines import healthy_wsl

WSL = healthy_wsl()
CPU = changed(WSL, "python", cpu_python(WSL.python))
SILENT = Nvml(state="no-library")
NATIVE = ("nvidia-driver-550=550.54.14-0ubuntu1", "libnvidia-compute-550=550.54.14-0ubuntu1")
IN_DOCKER = changed(WSL, "host.container", "docker", "driver.nodes", (), "driver.libcuda_path", "")
INTEL = changed(
    WSL, "driver.libcuda_path", "", "driver.library_path", "", "nvml", SILENT, "libraries", WSL.libraries[1:]
)
NO_GPU = changed(WSL, "driver.nodes", (), "nvml", SILENT)

CASES = (
    # wsl-driver
    flip(
        wsl.wsl_driver,
        WSL,
        "driver.packages",
        NATIVE,
        severity="warning",
        says=("nvidia-driver-550",),
        fix=("purge nvidia-driver-550 libnvidia-compute-550",),
    ),
    ill(
        wsl.wsl_driver,
        "a Linux driver, and NVML is lost",
        changed(WSL, "driver.packages", NATIVE, "nvml", SILENT),
        "hides",
    ),
    ill(wsl.wsl_driver, "WSL 1", changed(WSL, "host.wsl", 1), "WSL 1", fix=("--set-version",)),
    ill(
        wsl.wsl_driver,
        "no /dev/dxg, and torch wants a GPU",
        NO_GPU,
        "/dev/dxg",
        severity="warning",
        fix=("wsl --update",),
    ),
    ill(
        wsl.wsl_driver,
        "no /dev/dxg, and nothing wants a GPU",
        changed(CPU, "driver.nodes", ()),
        severity="note",
    ),
    fine(wsl.wsl_driver, "the GPU is offered", WSL),
    apart(wsl.wsl_driver, "no WSL", WORKSTATION),
    apart(wsl.wsl_driver, "a container in WSL", IN_DOCKER, "engine"),
    unsure(wsl.wsl_driver, "the host was not read", unread(WSL, "host")),
    unsure(wsl.wsl_driver, "the driver was not read", unread(WSL, "driver")),
    # wsl-libcuda-not-found
    flip(
        wsl.wsl_libcuda_not_found, WSL, "driver.libcuda_path", "", says=("libcuda.so.1",), fix=("in Windows",)
    ),
    ill(
        wsl.wsl_libcuda_not_found,
        "not on the loader's path",
        changed(WSL, "libraries", WSL.libraries[1:]),
        "/usr/lib/wsl/lib/libcuda.so.1",
        fix=("ldconfig",),
    ),
    ill(
        wsl.wsl_libcuda_not_found,
        "perhaps no NVIDIA GPU at all",
        INTEL,
        "may not be an NVIDIA",
        severity="note",
    ),
    fine(wsl.wsl_libcuda_not_found, "found", WSL),
    fine(wsl.wsl_libcuda_not_found, "libraries were not read", changed(WSL, "libraries", None)),
    apart(
        wsl.wsl_libcuda_not_found,
        "another GPU, and nothing wants NVIDIA's",
        changed(INTEL, "python", CPU.python),
        "not through NVIDIA's",
    ),
    apart(wsl.wsl_libcuda_not_found, "no GPU", NO_GPU),
    apart(wsl.wsl_libcuda_not_found, "no WSL", WORKSTATION),
    apart(wsl.wsl_libcuda_not_found, "a container in WSL", IN_DOCKER),
    unsure(wsl.wsl_libcuda_not_found, "the host was not read", unread(WSL, "host")),
    unsure(wsl.wsl_libcuda_not_found, "the driver was not read", unread(WSL, "driver")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_answer(case, compat):
    check(case, compat)


def test_a_gpu_of_windows_is_not_absent_because_it_is_on_no_bus(compat):
    silent = changed(unread(WSL, "nvml"), "pci", ())
    assert wsl.views.has_nvidia(silent) is None
