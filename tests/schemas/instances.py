"""One full instance of each value that is saved or printed, written by hand."""

from __future__ import annotations

from typing import Any

from envkit.bench.model import BenchResult, Ceiling, Interval, WorkloadResult
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
    DiagnosedCause,
    Diagnosis,
    Gain,
    Overhead,
    PrimarySlowness,
    ScriptEnd,
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
THROUGHPUT = Interval(median=1000.0, low=990.0, high=1010.0, unit="images/s")

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
    "bench": BenchResult(
        fingerprint={"gpu": "RTX 4090", "driver": "570.86"},
        results=(
            WorkloadResult(
                workload="resnet50",
                framework="torch",
                device="cuda:0",
                precision="bf16",
                throughput=THROUGHPUT,
                ceiling=Ceiling(what="gemm", value=THROUGHPUT, share=0.6),
                unstable=("the clocks fell",),
            ),
        ),
    ),
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
            primary=PrimarySlowness(key="dataloader-bound", share=0.7, evidence=EVIDENCE),
            gains=(Gain(fix="num_workers=8", predicted=(0.2, 0.4), measured=None),),
        ),
        script=ScriptEnd(exit_code=1, signal=None),
        overhead=Overhead(median=0.01, low=0.005, high=0.015),
    ),
}
