"""Reports as the commands make them."""

from __future__ import annotations

import math

from envkit.core.finding import Evidence, Finding, FixStep
from envkit.core.report import (
    Bar,
    Bars,
    Code,
    Column,
    Diff,
    KeyValues,
    Line,
    Mark,
    Pair,
    Report,
    Section,
    Series,
    Table,
    Text,
)

DRIVER = Finding(
    key="driver-too-old",
    outcome="problem",
    severity="error",
    confidence=1.0,
    title="The NVIDIA driver is older than this PyTorch needs",
    summary="torch 2.9.1+cu130 needs driver 580.65.06 or newer; this machine runs 535.104.05.",
    evidence=(
        Evidence(what="driver", value="535.104.05", source="/proc/driver/nvidia/version"),
        Evidence(what="CUDA of the driver", value="12.2", source="nvmlSystemGetCudaDriverVersion_v2"),
        Evidence(
            what="torch",
            value="2.9.1+cu130 in /home/someone/projects/segmentation/.venv/lib/python3.12/site-packages",
            source="torch/version.py, not imported",
        ),
    ),
    explains=("torch-cuda-unavailable", "nvml-cuda-mismatch"),
    fix=(
        FixStep(
            say="Take a PyTorch that this driver runs. Nothing else on the machine changes.",
            run="uv pip install --reinstall torch==2.9.1 --index-url https://download.pytorch.org/whl/cu126",
        ),
        FixStep(
            say="Or install a newer driver, then reboot.",
            run="sudo apt-get install -y nvidia-driver-580-server",
        ),
    ),
    verify="envkit doctor --deep --only driver-too-old",
)
CPU = Finding(
    key="cpu-quota-below-threads",
    outcome="problem",
    severity="warning",
    confidence=0.9,
    title="PyTorch starts 64 threads where the container may use 8 CPUs",
    summary="The cgroup allows 8.0 CPUs and 64 are visible; 37 % of the periods were throttled.",
    evidence=(
        Evidence(what="quota", value="8.0 CPUs", source="/sys/fs/cgroup/cpu.max"),
        Evidence(what="throttled", value="3 412 of 9 220 periods", source="/sys/fs/cgroup/cpu.stat"),
    ),
    fix=(
        FixStep(
            say="Give the thread pools the figure that the kernel enforces.", run="export OMP_NUM_THREADS=8"
        ),
    ),
    verify="envkit doctor --only cpu-quota-below-threads",
)
SHM = Finding(
    key="shm-small",
    outcome="problem",
    severity="error",
    confidence=1.0,
    title="Shared memory is too small for DataLoader workers",
    summary="/dev/shm holds 64 MiB; workers that pass batches through it die with “Bus error”.",
    evidence=(Evidence(what="/dev/shm", value="64.0 MiB, 0 B free", source="statvfs"),),
    fix=(
        FixStep(
            say="Start the container again with more of it.",
            run='docker run --gpus all --shm-size=8g -v "$PWD":/job -w /job '
            "pytorch/pytorch:2.9.1-cuda12.6-cudnn9-runtime python train.py --workers 8",
        ),
    ),
    verify="df -h /dev/shm",
)
NOTE = Finding(
    key="persistence-off",
    outcome="problem",
    severity="note",
    confidence=1.0,
    title="The driver unloads when nothing uses the GPU",
    summary="Persistence mode is off, so the first CUDA call of each process waits 1 to 3 s.",
    fix=(FixStep(say="Turn it on.", run="sudo nvidia-smi -pm 1"),),
)
UNKNOWN = tuple(
    Finding(key=key, outcome="unknown", why_unknown=why)
    for key, why in (
        ("gpu-xid", "/dev/kmsg: Operation not permitted; run again as root to read the kernel log"),
        ("gpu-fell-off-bus", "/dev/kmsg: Operation not permitted; run again as root to read the kernel log"),
        ("oom-killed", "/dev/kmsg: Operation not permitted; run again as root to read the kernel log"),
        ("clock-skew", "timedatectl did not answer within 2 s"),
    )
)
FINE = tuple(
    Finding(key=f"check-{number}", outcome="ok", summary=f"Figure {number} is within its limit.")
    for number in range(41)
)
ELSEWHERE = tuple(
    Finding(key=f"wsl-{number}", outcome="not-applicable", why_unknown="this is not WSL")
    for number in range(12)
)
MACHINE = Section(
    title="This machine",
    blocks=(
        KeyValues(
            pairs=(
                Pair(key="system", value="Ubuntu 24.04.1 LTS, kernel 6.8.0-45-generic"),
                Pair(key="GPU", value="NVIDIA H100 80GB HBM3", note="driver 535.104.05, CUDA 12.2"),
                Pair(key="CPU", value="8 of 64 CPUs", note="limited by the cgroup"),
                Pair(key="memory", value="128.0 GiB, 97.2 GiB free"),
                Pair(
                    key="Python", value="3.12.4", note="/home/someone/projects/segmentation/.venv/bin/python"
                ),
            )
        ),
    ),
)
PROBES = Section(
    title="Where the time went",
    detail=True,
    blocks=(
        Table(
            columns=(
                Column(title="probe"),
                Column(title="time", unit="ms"),
                Column(title="state"),
                Column(title="detail"),
            ),
            rows=(
                ("gpu", 41.3, "ok", None),
                ("python", 63.9, "ok", "4 interpreters on PATH; 112 distributions read"),
                ("kernel-log", 2.1, "denied", "/dev/kmsg: Operation not permitted"),
                ("docker", None, "skipped", None),
            ),
            caption="Each probe with its time",
        ),
    ),
)


def doctor() -> Report:
    """A machine with three problems."""
    return Report(
        command="envkit doctor",
        verdict="problems",
        headline="Ubuntu 24.04, 8 of 64 CPUs, NVIDIA H100 80GB HBM3, torch 2.9.1+cu130",
        findings=(*FINE, CPU, *UNKNOWN, NOTE, DRIVER, *ELSEWHERE, SHM),
        sections=(MACHINE, PROBES),
        notes=("The snapshot was saved to snapshot.json.",),
    )


def healthy() -> Report:
    """A machine with nothing wrong."""
    return Report(
        command="envkit doctor",
        verdict="healthy",
        headline="Ubuntu 24.04, 2 CPUs, no GPU",
        findings=(*FINE, *ELSEWHERE),
    )


def loss(step: int) -> float | None:
    """A loss that falls, spikes at 120 and is NaN from 160 to 170."""
    if 160 <= step < 170:
        return math.nan
    return 2.3 * math.exp(-step / 60) + 0.05 + (1.4 if 120 <= step < 124 else 0.0)


def rich_report() -> Report:
    """Every kind of block."""
    steps = range(200)
    curve = tuple(loss(step) for step in steps)
    return Report(
        command="envkit diagnose train.py",
        verdict="faulty",
        headline="200 steps on cuda:0, 41.2 ms a step, overhead 0.7 %",
        findings=(
            Finding(
                key="lr-too-high",
                outcome="problem",
                severity="error",
                confidence=0.86,
                title="The learning rate is too high",
                summary="The loss rose 28-fold within 4 steps from step 120 on.",
                evidence=(Evidence(what="lr", value="0.3", source="optimizer.param_groups[0]"),),
                explains=("loss-spike", "grad-overflow"),
                fix=(
                    FixStep(say="Divide it by ten."),
                    FixStep(say="Run again.", run="python train.py --lr 0.03"),
                ),
                verify="envkit diagnose train.py --lr 0.03",
            ),
            *UNKNOWN,
            *FINE[:3],
        ),
        sections=(
            Section(
                title="Loss",
                blocks=(
                    Text(text="The loss fell as it should until step 120.\n\nThen it did not."),
                    Series(
                        x=tuple(map(float, steps)),
                        x_label="step",
                        y_label="training loss",
                        log_y=True,
                        ys=(
                            Line(
                                name="loss",
                                y=curve,
                                low=tuple(v and v * 0.8 for v in curve),
                                high=tuple(v and v * 1.25 for v in curve),
                            ),
                        ),
                        marks=(Mark(x=120, label="first rise"), Mark(x=160, label="NaN in layer4.1.conv2")),
                    ),
                    Series(
                        x=tuple(map(float, steps)),
                        x_label="step",
                        y_label="gradient norm",
                        ys=(
                            Line(name="encoder", y=tuple(1 + math.sin(s / 9) for s in steps)),
                            Line(name="decoder", y=tuple(0.6 + s / 300 for s in steps)),
                        ),
                    ),
                ),
            ),
            Section(
                title="Where the time goes",
                blocks=(
                    Bars(
                        unit="ms",
                        bars=(
                            Bar(label="data loading", value=21.4, low=18.9, high=24.4),
                            Bar(label="forward", value=8.1, low=7.9, high=8.4),
                            Bar(label="backward", value=9.97),
                            Bar(label="optimizer", value=1.7, low=1.6, high=1.9),
                        ),
                    ),
                    Table(
                        columns=(
                            Column(title="workload"),
                            Column(title="throughput", unit="img/s"),
                            Column(title="of ceiling", unit="%"),
                            Column(title="device", align="right"),
                        ),
                        rows=(
                            ("resnet50", 2512.25, 61, "cuda:0"),
                            ("bert-base 日本語", 98.7, None, "cuda:0"),
                            ("mlp", 0.0312, 4, "cpu"),
                        ),
                        caption="Median of 5 runs",
                    ),
                ),
            ),
            Section(
                title="The line",
                blocks=(
                    Code(
                        path="/home/someone/projects/train.py",
                        first_line=98,
                        marked=(100,),
                        lines=(
                            "    optimizer.zero_grad()",
                            "    loss = criterion(model(x), y)",
                            "    loss.backward()",
                            "\toptimizer.step()",
                            "",
                        ),
                    ),
                    Diff(
                        text="--- train.py\n+++ train.py\n@@ -1,2 +1,2 @@\n import torch\n"
                        "-lr = 0.3\n+lr = 0.03\n"
                    ),
                ),
            ),
            PROBES,
        ),
    )
