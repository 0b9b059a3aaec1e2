"""The lists of libraries."""

from __future__ import annotations

from envkit.facts.importers.detect import import_text
from envkit.facts.python_model import TorchFacts
from tests.facts.importers.pastes import gpus, held, imported, known, text


def listed(name: str) -> dict[str, str]:
    python = imported(name).python
    assert python is not None
    return {one.name: one.version for one in python.distributions or ()}


def test_transformers() -> None:
    snapshot = imported("transformers-env.md")
    assert held(snapshot) == {"host", "nvml", "python"}
    assert snapshot.python is not None and snapshot.python.version == "3.10.14"
    assert snapshot.python.torch == TorchFacts(version="2.4.0+cu121", path="torch", cuda="12.1")
    assert listed("transformers-env.md") == {
        "transformers": "4.44.2",
        "huggingface-hub": "0.24.6",
        "safetensors": "0.4.4",
        "accelerate": "0.34.0",
        "torch": "2.4.0+cu121",
    }
    assert gpus(snapshot)[0].name == "NVIDIA A100-SXM4-80GB"
    # One device's name: how many there are is not said.
    assert snapshot.nvml is not None
    assert snapshot.nvml.device_count is None and snapshot.nvml.driver_version is None


def test_a_version_without_a_local_part_names_no_cuda() -> None:
    report = text("transformers-env.md").replace("2.4.0+cu121", "2.4.0")
    python = import_text(report.encode(), "paste").python
    assert python is not None and python.torch is not None
    assert python.torch.cuda is None


def test_an_amd_gpu_is_not_nvml() -> None:
    report = text("transformers-env.md").replace("NVIDIA A100-SXM4-80GB", "AMD Instinct MI300X")
    assert import_text(report.encode(), "paste").nvml is None


def test_accelerate() -> None:
    snapshot = imported("accelerate-env.txt")
    assert snapshot.memory is not None and snapshot.memory.total == int(62.03 * (1 << 30))
    assert known(snapshot.memory) == {"total"}
    assert snapshot.python is not None and snapshot.python.torch is not None
    assert snapshot.python.torch.cuda == ""
    assert "somebody" not in repr(snapshot)


def test_diffusers_on_colab() -> None:
    snapshot = imported("diffusers-env-colab.txt")
    assert snapshot.host is not None and snapshot.host.hosted_notebook == "colab"
    assert (gpus(snapshot)[0].name, gpus(snapshot)[0].memory_total) == ("Tesla T4", 15360 << 20)
    # The list names no CUDA plugin of JAX, so JAX would look like a CPU build.
    assert "jaxlib" not in listed("diffusers-env-colab.txt")


def test_datasets() -> None:
    snapshot = imported("datasets-env.txt")
    assert held(snapshot) == {"host", "python"}
    assert snapshot.host is not None and snapshot.host.system == "Darwin"
    assert listed("datasets-env.txt")["pyarrow"] == "17.0.0"


def test_ds_report() -> None:
    snapshot = imported("ds-report-small-shm.txt")
    assert held(snapshot) == {"memory", "cuda", "python"}
    assert snapshot.memory is not None and snapshot.memory.shm_total == 64 << 20
    assert snapshot.cuda is not None and snapshot.cuda.nvcc_version == "12.1"
    assert listed("ds-report-small-shm.txt") == {"torch": "2.3.1+cu121", "deepspeed": "0.14.4"}


def test_ds_report_of_a_cpu_build() -> None:
    report = text("ds-report-small-shm.txt").replace(
        "torch cuda version ............... 12.1", "torch cuda version ............... None"
    )
    python = import_text(report.replace("2.3.1+cu121", "2.3.1").encode(), "paste").python
    assert python is not None and python.torch is not None
    assert python.torch.cuda == ""


def test_xformers() -> None:
    snapshot = imported("xformers-info-rtx5070.txt")
    assert held(snapshot) == {"nvml", "python"}
    assert gpus(snapshot)[0].compute_capability == "12.0"
    assert listed("xformers-info-rtx5070.txt") == {"xformers": "0.0.28.post3", "torch": "2.5.1+cu124"}
