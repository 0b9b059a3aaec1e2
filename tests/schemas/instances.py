"""One full instance of each value that is saved or printed, written by hand."""

from __future__ import annotations

from typing import Any

from envkit.bench.aa import Aa, AaResult, Found, RuleFound
from envkit.bench.history_store import Entry, Point
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
from envkit.bench.samples import (
    Arm,
    Device,
    Environment,
    Failure,
    LearningCheck,
    Limit,
    Options,
    ProcessSamples,
    Run,
    Samples,
)
from envkit.build.drift import Drift
from envkit.build.model import Indexes, Settings
from envkit.build.proof import Check
from envkit.build.record import Record
from envkit.build.run import Outcome, Phase
from envkit.causes import catalogue
from envkit.cli.explained import Causes
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
from envkit.diagnose.model import (
    Change,
    DiagnosedCause,
    Diagnosis,
    Gain,
    Overhead,
    Pace,
    Part,
    RankPace,
    ScriptEnd,
    Slowness,
    Speed,
    Where,
)
from envkit.doctor.answer import Answer
from envkit.doctor.fleet.model import (
    Deviation,
    Difference,
    Fleet,
    FleetFinding,
    Group,
    NodeVerdict,
    Odd,
    Side,
    Split,
    Unread,
    Unreadable,
    Variant,
)
from envkit.facts.gpu_model import Gpu, Nvml, PciGpu
from envkit.facts.host_model import Cpu, Host, Memory
from envkit.facts.model import EnvVar, ProbeStatus, Snapshot
from envkit.match.model import Explanation, Match
from envkit.resolve.model import Lock, Pin, Plan, PlanTarget, Refusal, Rejected, Wanted
from envkit.resolve.request import Host as BuildHost
from envkit.resolve.request import Request, TargetGpu
from envkit.target.conditions import Conditions, GpuFacts, GpuMoment, Moment
from tests.schemas.instances_trace import RECORDING

EVIDENCE = (Evidence(what="driver", value="525.60", source="/proc/driver/nvidia/version"),)
FIX = (FixStep(say="Install a newer driver", run="sudo apt install nvidia-driver"), FixStep(say="Reboot"))
FINDINGS = (
    Finding(
        key="driver-too-old",
        outcome="problem",
        title="The driver is too old",
        severity="error",
        confidence=0.9,
        summary="525.60 is older than 570.26",
        evidence=EVIDENCE,
        explains=("cuda-not-available",),
        fix=FIX,
        verify="envkit doctor --only driver-too-old",
    ),
    Finding(key="ecc-errors", outcome="unknown", why_unknown="NVML did not answer"),
    Finding(key="nouveau", outcome="ok"),
)
SNAPSHOT = Snapshot(
    envkit="0.1.0",
    taken="2026-01-01T00:00:00+00:00",
    probes=(ProbeStatus(name="host", state="ok", seconds=0.01), ProbeStatus(name="nvml", state="timeout")),
    host=Host(os_id="debian", kernel="6.1.0"),
    cpu=Cpu(logical=8, quota=1.5),
    memory=Memory(total=64 << 30),
    pci=(
        PciGpu(address="0000:01:00.0", vendor="nvidia", vendor_id="0x10de", device_id="0x1", pci_class="0x3"),
    ),
    nvml=Nvml(state="ok", gpus=(Gpu(index=0, name="RTX 4090"),)),
    xids=(),
    env=(EnvVar(name="CUDA_VISIBLE_DEVICES", value="0"),),
)
BLOCKS = (
    Text(text="a paragraph"),
    KeyValues(pairs=(Pair(key="System", value="Debian", note="read from os-release"),)),
    Table(
        columns=(Column(title="time", unit="s", align="right"), Column(title="what")),
        rows=((1.5, "step"), (None, 3)),
        caption="Steps",
    ),
    Series(
        x=(0.0, 1.0),
        ys=(Line(name="loss", y=(1.0, None), low=(0.9, None), high=(1.1, None)),),
        x_label="step",
        y_label="loss",
        log_y=True,
        marks=(Mark(x=1.0, label="NaN"),),
    ),
    Bars(bars=(Bar(label="data", value=0.7, low=0.6, high=0.8),), unit="share"),
    Code(path="train.py", lines=("loss.backward()",), first_line=12, marked=(12,)),
    Diff(text="--- a\n+++ b\n"),
)
REJECTED = (Rejected(candidate="torch 2.9 cu129", reason="the driver offers CUDA 12.8"),)
THROUGHPUT = Interval(median=1000.0, low=990.0, high=1010.0, unit="samples/s")
OPTIONS = Options(
    framework="torch", device="cuda", precision="bf16", compile="default", batch_size=128, workers=4, nproc=2
)
CHECK = LearningCheck(data="made", steps=30, first=2.3, last=0.1, demanded=0.5, ok=True, seconds=0.4)
FAILURE = Failure(workload="rnn", kind="out-of-memory", error="CUDA out of memory", traceback="Traceback ...")
SAMPLES = Samples(
    fingerprint={"gpus": "1 x RTX 4090 at 450 W", "driver": "570.86"},
    arms=(Arm(name="B", options=OPTIONS, target=".venv/bin/python", said="--precision bf16"),),
    processes=(
        ProcessSamples(
            arm="B",
            number=1,
            began=10.0,
            ended=20.0,
            how="crashed",
            detail="crashed in rnn: warm-up: SIGSEGV",
            environment=Environment(
                framework="torch",
                version="2.9.0",
                python="3.12.4",
                device=Device(kind="cuda", name="RTX 4090", index=0, uuid="GPU-1", memory=24 << 30),
                threads=8,
                cuda="12.8",
                cudnn="9.10",
                import_seconds=1.5,
            ),
            runs=(
                Run(
                    workload="resnet50",
                    batch_size=128,
                    items=128,
                    unit="samples",
                    options=OPTIONS,
                    flops=3.1e12,
                    parameters=25_557_032,
                    steps=2,
                    seconds=0.25,
                    began=12.0,
                    ended=12.25,
                    step_seconds=(0.125, 0.125),
                    device_seconds=(0.12, 0.12),
                    first_step=1.5,
                    warm_steps=20,
                    warm_seconds=2.5,
                    stable=True,
                    rss=2 << 30,
                    device_memory=8 << 30,
                    no_sync_seconds=(0.1,),
                    check=CHECK,
                    notes=("out of memory at batch 256: halved to 128",),
                ),
            ),
            limits=(
                Limit(
                    what="gemm", unit="FLOP/s", precision="bf16", shape="8192x8192x8192", samples=(1.6e14,)
                ),
            ),
            failures=(FAILURE,),
            conditions=Conditions(
                cpus=8.0,
                quota=8.0,
                moments=(
                    Moment(
                        at=11.5,
                        load=1.5,
                        gpus=(
                            GpuMoment(index=0, sm_clock=2520, reasons=("sw-power-cap",), others=("python",)),
                        ),
                    ),
                ),
                gpus=(GpuFacts(index=0, name="RTX 4090"),),
                trouble=("RAPL is for root only",),
            ),
        ),
    ),
    date="2026-01-01T00:00:00+00:00",
    interrupted=True,
)

PLAN = Plan(
    framework="torch",
    version="2.9.0",
    cuda="cu128",
    source="wheels",
    python="3.12",
    platform="linux-x86_64",
    glibc="2.28",
    targets=(PlanTarget(driver="570.86", gpus=("RTX 4090",), compute_capabilities=("8.9",)),),
    requirements=(Wanted(requirement="torch==2.9.0"),),
    companions=(Pin(name="torchvision", version="0.24.0"),),
    extras=("torchvision",),
    base="python:3.12-slim-trixie",
    nvcc=None,
    driver_floor="525.60.13",
    archs=("sm_89",),
    derived=False,
    reasons=("the driver offers CUDA 12.8",),
    assumptions=(),
    rejected=REJECTED,
    lock=Lock(kind="versions", why="the index gives no hashes"),
    data_date="2026-01-01",
    hash="0" * 64,
)
HOST = BuildHost(
    platform="linux-x86_64",
    driver="570.86",
    gpus=(TargetGpu(name="RTX 4090", cc="8.9"),),
    glibc="2.36",
)

INSTANCES: dict[str, Any] = {
    "report": Report(
        command="envkit doctor",
        verdict="problems",
        headline="one line",
        findings=FINDINGS,
        sections=(Section(title="All blocks", blocks=BLOCKS, detail=True),),
        notes=("a note",),
    ),
    "snapshot": SNAPSHOT,
    "doctor": Answer(verdict="problems", findings=FINDINGS, snapshot=SNAPSHOT),
    "fleet": Fleet(
        verdict="problems",
        nodes=(NodeVerdict(name="n1", verdict="problems", group=0, problems=("driver-too-old",)),),
        groups=(
            Group(
                label="8 x H100",
                nodes=("n1", "n2"),
                alike=1,
                splits=(
                    Split(
                        facts=("host.kernel",),
                        labels=("kernel",),
                        sides=(Side(nodes=("n1",), values=("6.8",)), Side(nodes=("n2",), values=("6.5",))),
                    ),
                ),
            ),
        ),
        odd=(
            Odd(
                node="n1",
                group=0,
                score=6.0,
                because=(
                    Deviation(fact="host.kernel", label="kernel", value="6.5", instead="6.8", weight=6.0),
                ),
            ),
        ),
        differences=(
            Difference(
                fact="host.kernel",
                label="kernel",
                group=0,
                weight=6.0,
                majority="6.8",
                share=0.5,
                others=(Variant(value="6.5", nodes=("n1",)),),
            ),
        ),
        unread=(Unread(fact="nvml", label="nvml", group=0, nodes=("n2",)),),
        findings=(
            FleetFinding(
                key="driver-too-old",
                outcome="problem",
                severity="error",
                nodes=("n1",),
                everywhere=False,
                example="n1",
                finding=FINDINGS[0],
            ),
        ),
        ok=("nouveau",),
        not_applicable=("wsl1",),
        unreadable=(Unreadable(source="n3.json", why="is empty"),),
    ),
    "causes": Causes(causes=tuple(catalogue().values())),
    "explanation": Explanation(
        causes=(
            Match(
                key="driver-too-old", confidence=0.8, evidence=EVIDENCE, deciding_fact="the driver's version"
            ),
        )
    ),
    "plan": PLAN,
    "refusal": Refusal(reasons=("no driver",), rejected=REJECTED, nearest=("install driver 570",)),
    "built": Outcome(
        plan=PLAN,
        folder="envkit-env",
        files=("Dockerfile", "envkit-plan.json"),
        image="envkit/torch:2.9.0-cu128",
        checks=(Check(title="not run as root", ok=True, detail="uid 1000"),),
        phases=(Phase(name="lock", seconds=1.5),),
        size=5 << 30,
        predicted=5 << 30,
        log="envkit-env/build.log",
        notes=("the base is not pinned",),
    ),
    "build": Record(
        envkit="0.1.0",
        request=Request(framework="torch", hosts=(HOST,), versions="==2.9.0"),
        plan=PLAN,
        artefacts=("docker", "pip"),
        settings=Settings(indexes=Indexes(index_url="https://host/simple"), apt=("git",)),
        lock=PLAN.lock,
        lock_hash="1" * 64,
        locked_on="2026-01-01",
        digests=(("Dockerfile", "2" * 64),),
    ),
    "drift": Drift(changes=("Dockerfile is gone",), notes=("numpy: 2.3.0 is locked",), unasked=""),
    "bench-aa": AaResult(
        fingerprint={"cpu": "AMD EPYC"},
        results=(
            Aa(
                workload="mlp",
                processes=24,
                per_side=6,
                comparisons=100,
                apart=2,
                between=0.1,
                within=0.2,
                detectable=0.15,
                rules=(
                    RuleFound(
                        rule="envkit",
                        nothing=Found(
                            slower=0.0, comparisons=100, called_faster=1, called_slower=2, called_same=7
                        ),
                        injected=(),
                    ),
                ),
            ),
        ),
    ),
    "bench-history": Entry(
        date="2026-11-22T10:00:00+00:00",
        fingerprint={"cpu": "AMD EPYC"},
        results=(
            Point(workload="mlp", framework="torch", device="cpu", precision="fp32", throughput=THROUGHPUT),
        ),
    ),
    "bench": BenchResult(
        fingerprint={"gpu": "RTX 4090", "driver": "570.86"},
        results=(
            WorkloadResult(
                workload="resnet50",
                framework="torch",
                device="cuda:0",
                precision="bf16",
                throughput=THROUGHPUT,
                options=OPTIONS,
                batch_size=128,
                processes=(990.0, 1000.0, 1010.0),
                step=StepTimes(p50=0.128, p95=0.13, first=1.5, device_p50=0.12),
                ceiling=Ceiling(what="gemm", value=THROUGHPUT, share=0.6),
                check=CHECK,
                references=(
                    ReferenceShown(
                        what="ResNet-50",
                        value=1200.0,
                        unit="samples/s",
                        share=0.83,
                        comparable="close",
                        conditions="batch 256",
                        source="a benchmark",
                    ),
                ),
                unstable=("the clocks fell",),
                notes=("warm-up ended by its time limit",),
            ),
        ),
        ceilings=(Ceiling(what="h2d", value=THROUGHPUT, share=None),),
        compared=(
            Compared(
                workload="resnet50",
                verdict="slower",
                ratio=0.9,
                low=0.88,
                high=0.92,
                detectable=0.03,
                a=THROUGHPUT,
                b=THROUGHPUT,
            ),
        ),
        scaling=(
            Scaled(
                workload="resnet50",
                nproc=2,
                mode="weak",
                throughput=THROUGHPUT,
                efficiency=0.95,
                exposed=0.04,
            ),
        ),
        failures=(FAILURE,),
        findings=FINDINGS,
        conditions={"not sampled": "RAPL is for root only"},
        date="2026-01-01T00:00:00+00:00",
        notes=("a note",),
    ),
    "bench-samples": SAMPLES,
    "diagnosis": Diagnosis(
        verdict="faulty",
        causes=(
            DiagnosedCause(
                key="lr-too-high",
                confidence=0.9,
                proof="survived",
                where=Where(
                    file="train.py",
                    line=12,
                    module="encoder.layers.3",
                    op="linear",
                    phase="optimizer",
                    samples=(1, 2),
                ),
                evidence=EVIDENCE,
                fix=FIX,
            ),
        ),
        speed=Speed(
            primary=Slowness(
                key="dataloader-bound",
                share=0.7,
                confidence=0.9,
                where=Where(file="train.py", line=7, phase="data"),
                summary="the training waits for batches 70 % of its time",
                evidence=EVIDENCE,
                fix=FIX,
                folded=("too-few-workers",),
            ),
            others=(Slowness(key="heavy-logging", share=0.1),),
            gains=(
                Gain(
                    fix="num_workers=8",
                    predicted=(0.2, 0.4),
                    measured=(0.25, 0.3),
                    key="dataloader-bound",
                    change=Change(name="workers", value="8"),
                    same_losses=True,
                ),
                Gain(fix="batch_size=64", free=False, how="nothing to change", patch="--- a\n+++ b\n"),
            ),
            parts=(Part(what="waiting for data", share=0.7),),
            pace=Pace(steps=90, seconds=3.0, median=0.03, p95=0.05, samples_per_second=960.0),
            ranks=(RankPace(rank=1, own=0.02, parts=(Part(what="forward", share=0.3),)),),
            blind=("data workers",),
            deeper="a profiler for 10 steps",
        ),
        script=ScriptEnd(exit_code=1, signal=None),
        overhead=Overhead(median=0.01, low=0.005, high=0.015),
    ),
    "trace": RECORDING,
}
