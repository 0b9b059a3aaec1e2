"""Results of benches as they come out on several machines, made by hand."""

from __future__ import annotations

from dataclasses import replace

from envkit.bench.model import (
    BenchResult,
    Ceiling,
    Compared,
    Interval,
    ReferenceShown,
    Scaled,
    StepTimes,
    WorkloadResult,
)
from envkit.bench.samples import Failure, LearningCheck, Options
from envkit.core.finding import Evidence, Finding, FixStep

CPU = "13th Gen Intel Core i7-1360P"
GPU = "NVIDIA H100 80GB HBM3"
LAPTOP = {
    "cpu": CPU,
    "cpus": "8",
    "quota": "none",
    "memory": "32 GiB",
    "payload": "0f3c5a7e9b1d",
    "framework": "torch 2.13.0+cpu",
    "python": "3.12",
    "device": "cpu",
    "threads": "8",
}
H100 = {
    "cpu": "Intel Xeon Platinum 8480+",
    "cpus": "26",
    "quota": "none",
    "memory": "200 GiB",
    "gpus": f"1 x {GPU} at 700 W",
    "driver": "580.95.05",
    "payload": "0f3c5a7e9b1d",
    "framework": "torch 2.15.0+cu132",
    "python": "3.12",
    "device": f"cuda {GPU}",
    "cuda": "13.2",
}


def interval(median: float, spread: float | None, unit: str) -> Interval:
    """With `spread` as a share of the median on both sides; None = below 5 processes."""
    if spread is None:
        return Interval(median=median, low=None, high=None, unit=unit)
    return Interval(median=median, low=median * (1 - spread), high=median * (1 + spread), unit=unit)


def cpu(name: str, rate: float, unit: str, batch: int, p50: float, share: float | None, *, seed: int = 0,
        spread: float | None = None) -> WorkloadResult:  # fmt: skip
    gemm = interval(412e9, spread, "FLOP/s")
    return WorkloadResult(
        workload=name,
        framework="torch",
        device="cpu",
        precision="fp32",
        throughput=interval(rate, spread, unit),
        device_name="cpu",
        options=Options(framework="torch", device="auto", scale="quick"),
        batch_size=batch,
        processes=tuple(rate * factor for factor in (0.97, 1.0, 1.04)),
        step=StepTimes(p50=p50, p95=p50 * 1.31, first=p50 * 12 + 0.02),
        flops_per_step=share * 412e9 * p50 if share else None,
        achieved=share * 412e9 if share else None,
        rss=412 << 20,
        ceiling=Ceiling(what="gemm", value=gemm, share=share, precision="fp32", shape="2048x2048x2048"),
        check=LearningCheck(data="made", steps=60, first=2.31, last=0.42, demanded=1.2, ok=True, seconds=0.6),
    )


def laptop() -> BenchResult:
    """`envkit bench --quick` on a laptop: three processes, so no interval."""
    return BenchResult(
        fingerprint=LAPTOP,
        results=(
            cpu("mlp", 118_402.3, "samples/s", 64, 0.00054, 0.31),
            cpu("cnn", 2_764.9, "samples/s", 100, 0.0362, 0.45),
            cpu("rnn", 9_214.4, "tokens/s", 20, 0.0691, 0.18),
            cpu("transformer", 14_882.0, "tokens/s", 8, 0.0344, 0.52),
        ),
        ceilings=(
            Ceiling(
                what="gemm",
                value=interval(412e9, None, "FLOP/s"),
                share=None,
                precision="fp32",
                shape="2048x2048x2048",
            ),
            Ceiling(what="memory-bandwidth", value=interval(38.4e9, None, "B/s"), share=None),
        ),
        conditions={"load": "1.2 of 8 CPUs", "CPU clock": "2,900 to 3,400 MHz", "steal": "none"},
        date="2026-11-22T10:11:12Z",
    )


def h100() -> BenchResult:
    """The default bench in bf16 on an H100 that works as it should."""
    bf16 = Options(framework="torch", device="auto", precision="bf16", channels_last=True)

    def one(name: str, rate: float, unit: str, batch: int, share: float, mfu: float) -> WorkloadResult:
        step = batch / rate if unit == "samples/s" else batch * 1024 / rate
        return WorkloadResult(
            workload=name,
            framework="torch",
            device="cuda:0",
            precision="bf16",
            throughput=interval(rate, 0.006, unit),
            device_name=GPU,
            options=bf16,
            batch_size=batch,
            processes=tuple(rate * (1 + shift / 1000) for shift in (-6, -3, 0, 2, 6)),
            step=StepTimes(p50=step, p95=step * 1.03, first=4.2, device_p50=step * 0.97),
            achieved=share * 771e12,
            rss=3 << 30,
            device_memory=31 << 30,
            energy=690 / rate,
            ceiling=Ceiling(
                what="gemm", value=interval(771e12, 0.004, "FLOP/s"), share=share, precision="bf16"
            ),
            mfu=mfu,
            check=LearningCheck(data="made", steps=60, first=2.31, last=0.42, demanded=1.2, ok=True),
        )

    resnet = replace(
        one("resnet50", 2_611.0, "samples/s", 256, 0.083, 0.065),
        references=(
            ReferenceShown(
                what="ResNet-50 training, mixed precision",
                value=2790,
                unit="samples/s",
                share=2611 / 2790,
                comparable="order-of-magnitude",
                conditions="SXM, NGC 24.10 with DALI, AMP; bench: plain torch, made data",
                source="lambdal/deeplearning-benchmark (NGC 24.10)",
            ),
        ),
    )
    return BenchResult(
        fingerprint=H100,
        results=(
            one("mlp", 3_912_400.0, "samples/s", 4096, 0.011, 0.008),
            one("cnn", 642_310.0, "samples/s", 2048, 0.12, 0.094),
            one("rnn", 1_204_000.0, "tokens/s", 128, 0.21, 0.164),
            one("transformer", 412_345.0, "tokens/s", 64, 0.68, 0.53),
            resnet,
        ),
        ceilings=(
            Ceiling(
                what="gemm",
                value=interval(771e12, 0.004, "FLOP/s"),
                share=None,
                precision="bf16",
                shape="8192x8192x8192",
            ),
            Ceiling(what="memory-bandwidth", value=interval(2.91e12, 0.002, "B/s"), share=None),
            Ceiling(what="h2d", value=interval(54.2e9, 0.01, "B/s"), share=None),
            Ceiling(what="h2d-pageable", value=interval(9.8e9, 0.08, "B/s"), share=None),
        ),
        conditions={"SM clock": "1,755 to 1,980 MHz", "GPU temperature": "61 to 66 °C", "power": "682 W"},
        date="2026-11-22T10:11:12Z",
        notes=("resnet50: plain torch, no DALI",),
    )


def throttled() -> BenchResult:
    """An H100 behind a power cap and a narrow link, with a neighbour on it."""
    good = h100()
    unstable = (
        "the power cap held the SM clock back in 94 % of the seconds (sw-power-cap)",
        "another process used the GPU: python",
    )
    slow = tuple(
        replace(
            one,
            throughput=interval(one.throughput.median * 0.61, 0.07, one.throughput.unit),
            unstable=unstable if one.workload in ("transformer", "resnet50") else unstable[:1],
            mfu=None,
            references=tuple(replace(row, share=row.share * 0.61) for row in one.references),
        )
        for one in good.results
    )
    cap = Finding(
        key="gpu-power-capped",
        outcome="problem",
        severity="warning",
        confidence=0.9,
        title="The power cap of the GPU is below its default",
        summary="350 W of 700 W: the clock fell from 1,980 to 1,110 MHz.",
        evidence=(Evidence(what="power limit", value="350 W of 700 W", source="NVML"),),
        fix=(FixStep(say="Give it its default power.", run="sudo nvidia-smi -pl 700"),),
        verify="envkit bench transformer",
    )
    return replace(good, results=slow, findings=(cap,), notes=())


def compared() -> BenchResult:
    """`--vs "--compile default"`: one faster, one slower, one the same, one that cannot be told."""
    rows = []
    for name, ratio, low, high, detectable, verdict, why in (
        ("mlp", 1.012, 0.98, 1.04, 0.05, "same", ""),
        ("cnn", 0.873, 0.851, 0.894, 0.03, "slower", ""),
        ("transformer", 1.312, 1.287, 1.33, 0.02, "faster", ""),
        ("rnn", 0.94, 0.81, 1.09, 0.19, "inconclusive",
         "the interval holds no difference and one of 19 %; more processes narrow it (--repeat 20)"),
    ):  # fmt: skip
        rows.append(
            Compared(
                workload=name,
                verdict=verdict,
                ratio=ratio,
                low=low,
                high=high,
                detectable=detectable,
                a=interval(10_000, 0.02, "samples/s"),
                b=interval(10_000 * ratio, 0.02, "samples/s"),
                why=why,
            )
        )
    base = laptop()
    a = [
        replace(
            one,
            throughput=interval(one.throughput.median, 0.02, one.throughput.unit),
            processes=one.processes * 2,
        )
        for one in base.results
    ]
    compiled = Options(framework="torch", device="auto", compile="default")
    b = [replace(one, arm="B", options=compiled) for one in a]
    return replace(base, results=(*a, *b), compared=tuple(rows))


def scaling() -> BenchResult:
    """`--nproc 1,2,4 --scaling both` on 8 H100s."""
    rows = []
    for mode, figures in (
        ("weak", ((1, 1.0, None), (2, 0.981, 0.011), (4, 0.942, 0.043))),
        ("strong", ((1, 1.0, None), (2, 0.902, 0.06), (4, 0.71, 0.22))),
    ):
        for nproc, efficiency, exposed in figures:
            rows.append(
                Scaled(
                    workload="transformer",
                    nproc=nproc,
                    mode=mode,
                    throughput=interval(412_345.0 * nproc * efficiency, 0.006, "tokens/s"),
                    efficiency=efficiency,
                    low=efficiency - 0.01 if nproc > 1 else None,
                    high=efficiency + 0.012 if nproc > 1 else None,
                    exposed=exposed,
                )
            )
    rows.append(
        Scaled(
            workload="transformer",
            nproc=8,
            mode="weak",
            throughput=Interval(median=0.0, low=None, high=None, unit="tokens/s"),
            efficiency=0.0,
            note="not measured: 4 GPUs are here",
        )
    )
    base = h100()
    return replace(base, results=base.results[3:4], scaling=tuple(rows), notes=())


def failed() -> BenchResult:
    """One ran out of memory and went on, one crashed, one did not learn."""
    base = laptop()
    ran = replace(base.results[1], notes=("out of memory at batch 100: halved to 50",), batch_size=50)
    return replace(
        base,
        results=(base.results[0], ran),
        failures=(
            Failure(
                workload="rnn",
                kind="error",
                error="the process was killed by signal 11 (SIGSEGV); its last lines: "
                "“OMP: Error #15: Initializing libiomp5.so, but found libgomp.so.1 already initialized.”",
            ),
            Failure(
                workload="transformer",
                kind="does-not-learn",
                error="the loss went from 2.31 to 2.29 in 60 steps, where 1.2 is demanded",
                traceback='Traceback (most recent call last):\n  File "x.py", line 3\nValueError: nan',
            ),
            Failure(workload="resnet50", kind="out-of-memory", error="needs more than 8 GiB at batch 1"),
        ),
    )


def interrupted() -> BenchResult:
    """Ctrl-C in the second workload of the second process."""
    base = laptop()
    kept = tuple(replace(one, processes=one.processes[:1]) for one in base.results[:2])
    return replace(base, results=kept, ceilings=base.ceilings[:1], interrupted=True)


def nothing() -> BenchResult:
    """Ctrl-C before the first step."""
    return BenchResult(fingerprint=LAPTOP, results=(), interrupted=True)


ALL = {
    "laptop": laptop,
    "h100": h100,
    "throttled": throttled,
    "compared": compared,
    "scaling": scaling,
    "failed": failed,
    "interrupted": interrupted,
    "nothing": nothing,
}
