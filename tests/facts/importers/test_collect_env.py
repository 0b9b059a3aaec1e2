"""collect_env reports of all ages."""

from __future__ import annotations

import pytest

from envkit.facts.importers.detect import import_text
from envkit.facts.python_model import TargetPython, TorchFacts
from tests.facts.importers.pastes import gpus, held, imported, known, text


def python_of(name: str) -> TargetPython:
    python = imported(name).python
    assert python is not None
    return python


def versions(python: TargetPython) -> dict[str, str]:
    return {one.name: one.version for one in python.distributions or ()}


def test_the_oldest() -> None:
    snapshot = imported("collect-env-1.0-gtx1080ti.txt")
    assert held(snapshot) == {"host", "nvml", "cuda", "python"}
    assert snapshot.host is not None
    assert (snapshot.host.os_id, snapshot.host.os_version, snapshot.host.machine) == (
        "ubuntu",
        "16.04.5",
        None,
    )
    assert (snapshot.host.compiler, snapshot.host.compiler_version) == ("gcc", "5.4.0")
    assert snapshot.nvml is not None and snapshot.nvml.driver_version == "410.79"
    assert [gpu.name for gpu in gpus(snapshot)] == ["GeForce GTX 1080 Ti"] * 2
    assert {gpu.compute_capability for gpu in gpus(snapshot)} == {"6.1"}
    assert known(gpus(snapshot)[1]) == {"index", "name", "compute_capability"}
    assert snapshot.cuda is not None and snapshot.cuda.nvcc_version == "9.0"
    assert snapshot.python is not None
    assert snapshot.python.torch == TorchFacts(version="1.0.0", path="torch", cuda="9.0")
    assert versions(snapshot.python) == {"numpy": "1.15.4", "torch": "1.0.0", "torchvision": "0.2.1"}
    assert snapshot.python.conda_packages is None


def test_one_gpu_on_the_line_of_its_key_in_markdown() -> None:
    snapshot = imported("collect-env-1.13-rtx2080ti-driver-too-old.md")
    assert held(snapshot) == {"host", "nvml", "python"}
    assert [gpu.name for gpu in gpus(snapshot)] == ["GeForce RTX 2080 Ti"]
    assert snapshot.host is not None
    assert (snapshot.host.libc, snapshot.host.libc_version) == ("glibc", "2.27")
    assert (snapshot.host.kernel, snapshot.host.machine) == ("5.4.0-136-generic", "x86_64")
    python = python_of("collect-env-1.13-rtx2080ti-driver-too-old.md")
    assert {one.name: one.installer for one in python.distributions or ()} == {
        "numpy": "pip",
        "torch": "pip",
        "torchvision": "pip",
    }
    assert python.conda_packages is None


def test_a_conda_build_without_cuda() -> None:
    python = python_of("collect-env-2.1-conda-cpu-build-rtx4090.txt")
    assert python.torch == TorchFacts(version="2.1.2", path="torch", cuda="", hip="")
    assert {one.name for one in python.conda_packages or ()} == {"numpy", "pytorch", "torchvision"}
    assert {one.installer for one in python.distributions or ()} == {"conda"}
    snapshot = imported("collect-env-2.1-conda-cpu-build-rtx4090.txt")
    assert snapshot.cpu is not None
    assert (snapshot.cpu.logical, snapshot.cpu.physical, snapshot.cpu.threads_per_core) == (24, 12, 2)
    assert snapshot.cpu.flags == ("avx", "avx2", "f16c", "fma", "sse4_1", "sse4_2")
    assert snapshot.cpu.effective is None and snapshot.cpu.quota is None
    assert snapshot.host is not None
    assert (snapshot.host.os_id, snapshot.host.virtualization) == ("fedora", "none")


def test_quoted_lines() -> None:
    snapshot = imported("collect-env-2.5-rtx5090-too-new.md")
    assert gpus(snapshot)[0].compute_capability == "12.0"
    python = python_of("collect-env-2.5-rtx5090-too-new.md")
    assert versions(python)["nvidia-cudnn-cu12"] == "9.1.0.70"
    assert python.version == "3.12.3" and python.bits == 64


def test_mig_devices() -> None:
    first, second = gpus(imported("collect-env-2.3-a100-mig.txt"))
    assert first.mig_mode is True
    assert [one.name for one in first.mig_instances or ()] == [
        "NVIDIA A100-PCIE-40GB MIG 3g.20gb",
        "NVIDIA A100-PCIE-40GB MIG 2g.10gb",
        "NVIDIA A100-PCIE-40GB MIG 2g.10gb",
    ]
    # No line of an instance: MIG may be off, or on without any.
    assert second.mig_mode is None and second.mig_instances is None


def test_flags_that_a_narrow_terminal_wrapped() -> None:
    snapshot = imported("collect-env-2.10-h100-healthy.txt")
    assert snapshot.cpu is not None and snapshot.cpu.flags is not None
    assert {"avx2", "amx_bf16", "avx512f"} <= set(snapshot.cpu.flags)
    assert (snapshot.cpu.sockets, snapshot.cpu.physical, snapshot.cpu.numa_nodes) == (2, 96, 2)
    assert snapshot.host is not None and snapshot.host.virtualization == "kvm"


def test_rocm() -> None:
    snapshot = imported("collect-env-2.6-rocm-mi300x.txt")
    # NVML has no part in it: that there is no NVIDIA GPU is not said either.
    assert held(snapshot) == {"host", "python"}
    assert snapshot.python is not None and snapshot.python.torch is not None
    assert (snapshot.python.torch.hip, snapshot.python.torch.cuda) == ("6.2.41134", "")


def test_windows() -> None:
    snapshot = imported("collect-env-2.7-windows-rtx3060.txt")
    assert snapshot.host is not None
    assert (snapshot.host.system, snapshot.host.os_id, snapshot.host.libc) == ("Windows", None, None)
    assert snapshot.cpu is not None and snapshot.cpu.model == "12th Gen Intel(R) Core(TM) i5-12400F"


def test_a_mac() -> None:
    snapshot = imported("collect-env-2.8-macos.txt")
    assert snapshot.host is not None
    assert (snapshot.host.system, snapshot.host.machine) == ("Darwin", "aarch64")
    assert snapshot.nvml is None and snapshot.pci is None
    assert snapshot.python is not None and snapshot.python.torch is not None
    assert snapshot.python.torch.cuda == ""


def test_torch_that_could_not_be_imported() -> None:
    python = python_of("collect-env-torch-broken.txt")
    assert python.torch == TorchFacts(version="2.2.2+cu121", path="torch", cuda="12.1")


def test_vllms_report() -> None:
    snapshot = imported("vllm-collect-env-l40s.txt")
    assert held(snapshot) == {"host", "cpu", "nvml", "cuda", "python"}
    assert snapshot.host is not None and snapshot.host.compiler_version == "11.4.0"
    assert snapshot.cpu is not None and snapshot.cpu.physical == 64
    assert [gpu.name for gpu in gpus(snapshot)] == ["NVIDIA L40S"] * 2
    assert versions(snapshot.python or TargetPython(executable=""))["transformers"] == "4.51.3"


def test_a_real_report() -> None:
    snapshot = imported("collect-env-2.13-cpu-real.txt")
    assert held(snapshot) == {"host", "cpu", "cuda", "python"}
    assert snapshot.python is not None
    assert snapshot.python.torch == TorchFacts(version="2.13.0+cpu", path="torch", cuda="", hip="")
    assert snapshot.host is not None and snapshot.host.os_id == "debian"


@pytest.mark.parametrize("said", ["Could not collect", "No CUDA", "N/A", ""])
def test_no_gpu_found_is_not_no_gpu(said: str) -> None:
    report = text("collect-env-1.13-rtx2080ti-driver-too-old.md")
    changed = report.replace("GPU 0: GeForce RTX 2080 Ti", said).replace("440.100", said)
    snapshot = import_text(changed.encode(), "paste")
    assert snapshot.nvml is None and snapshot.pci is None and snapshot.driver is None


def test_a_driver_without_a_gpu_list() -> None:
    report = text("collect-env-1.13-rtx2080ti-driver-too-old.md")
    snapshot = import_text(
        report.replace("GPU 0: GeForce RTX 2080 Ti", "Could not collect").encode(), "paste"
    )
    assert snapshot.nvml is None
    assert snapshot.driver is not None and snapshot.driver.module_version == "440.100"


def test_a_pip_torch_over_condas() -> None:
    report = text("collect-env-2.1-conda-cpu-build-rtx4090.txt")
    both = report + "[conda] torch                     2.1.2+cu121             pypi_0    pypi\n"
    python = import_text(both.encode(), "paste").python
    assert python is not None
    assert next(one.installer for one in python.distributions or () if one.name == "torch") == "pip"


def test_a_cut_report_leaves_the_rest_unknown() -> None:
    report = text("collect-env-2.4-cpu-wheel-a100.txt")
    cut = report[: report.index("ROCM used")]
    python = import_text(cut.encode(), "paste").python
    assert python is not None and python.torch is not None
    assert python.torch.cuda == "" and python.torch.hip is None
    assert import_text(cut.encode(), "paste").nvml is None


def test_wsl() -> None:
    report = text("collect-env-2.4-cpu-wheel-a100.txt")
    changed = report.replace("5.15.0-1064-nvidia", "5.15.153.1-microsoft-standard-WSL2")
    host = import_text(changed.encode(), "paste").host
    assert host is not None and host.wsl == 2
    assert host.container is None and host.container_read is False
