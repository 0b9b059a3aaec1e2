"""What can be measured: the table that `envkit bench --list` prints. Sizes stand in the payload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Framework = Literal["torch", "tensorflow"]
BOTH: tuple[Framework, ...] = ("torch", "tensorflow")
TORCH: tuple[Framework, ...] = ("torch",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """One thing to measure."""

    name: str
    what: str
    unit: str
    """Of its throughput."""
    frameworks: tuple[Framework, ...]
    trains: bool = True
    """Whether it is training, which is checked to learn."""
    gpu_only: bool = False
    """Whether a plain run measures it on a GPU only."""
    usual: bool = False
    """Whether it is measured where none is named."""


WORKLOADS: tuple[Workload, ...] = (
    Workload(
        name="mlp",
        what="two dense layers, 784-128-10",
        unit="samples/s",
        frameworks=BOTH,
        usual=True,
    ),
    Workload(
        name="cnn",
        what="two convolutions and two dense layers on 3x32x32 images",
        unit="samples/s",
        frameworks=BOTH,
        usual=True,
    ),
    Workload(
        name="rnn",
        what="an LSTM language model",
        unit="tokens/s",
        frameworks=BOTH,
        usual=True,
    ),
    Workload(
        name="transformer",
        what="a GPT-style decoder: tiny with --quick, 124M parameters with --full",
        unit="tokens/s",
        frameworks=BOTH,
        usual=True,
    ),
    Workload(
        name="resnet50",
        what="ResNet-50 on 224x224 images made in memory",
        unit="samples/s",
        frameworks=BOTH,
        usual=True,
        gpu_only=True,
    ),
    Workload(
        name="dataloader",
        what="raw and zlib-compressed images from disk through worker processes: the input pipeline alone",
        unit="samples/s",
        frameworks=BOTH,
        trains=False,
    ),
    Workload(name="gemm", what="one large matrix product", unit="FLOP/s", frameworks=BOTH, trains=False),
    Workload(
        name="memcpy",
        what="copies between host and device, pinned and pageable, and on the device",
        unit="B/s",
        frameworks=TORCH,
        trains=False,
    ),
    Workload(
        name="allreduce",
        what="the sum of a tensor over all processes of --nproc",
        unit="B/s",
        frameworks=TORCH,
        trains=False,
    ),
)
NAMES = tuple(workload.name for workload in WORKLOADS)
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def usual(framework: str, *, gpu: bool) -> tuple[str, ...]:
    """The names of what is measured where none is named."""
    return tuple(
        workload.name
        for workload in WORKLOADS
        if workload.usual and framework in workload.frameworks and (gpu or not workload.gpu_only)
    )
