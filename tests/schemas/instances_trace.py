"""One full instance of a saved run, written by hand."""

from __future__ import annotations

from envkit.diagnose.memory import MemoryUse
from envkit.diagnose.model import ScriptEnd, ScriptError
from envkit.diagnose.recording import Recording, SourceFile
from envkit.diagnose.speed.trace import (
    Compilation,
    Frame,
    Loader,
    Moment,
    Operation,
    Sample,
    Settings,
    SpeedTrace,
    StepTimes,
    Tensors,
    Worker,
)
from envkit.diagnose.trace import Optimizer, Steps, Trace, Trial, Trip
from envkit.diagnose.trace_crash import Crash, CrashFrame, CrashLayer, Held, MemoryHeld
from envkit.diagnose.trace_step import Batch, Event, Rows, Values

_ROWS = Rows(length=64, bad=(3,), count=1, samples=(56,))
_GIVEN = Held(name="x", shape=(64, None), dtype="int64", device="cpu", least=0, most=9)
_FRAME = Frame(file="train.py", line=9, function="__getitem__", users=True)
_SPEED = SpeedTrace(
    times=StepTimes(wait=(0.1, 0.2), backward=(0.1, 0.1), optimizer=(0.01, 0.01)),
    stacks=((_FRAME,),),
    samples=(Sample(step=1, phase="wait", stack=0, seconds=0.02),),
    worker_samples=(Sample(step=1, phase="wait", stack=0, seconds=0.04),),
    moments=(
        Moment(
            at=1.5, step=1, user=1.0, system=0.1, children=0.5, ran=1.0, queued=0.01, minor_faults=9,
            major_faults=0, switched=3, read_bytes=4096, read_calls=7, blocked=0.0, rss=1 << 20, threads=2,
            collected=0.001, collections=1,
        ),
    ),
    loaders=(
        Loader(
            number=0, kind="torch", workers=1, batch_size=32, pin_memory=False, persistent=False, prefetch=2,
            drop_last=False, dataset="Photos", length=1000, streams=False, collate="pad", context="fork",
            stack=(_FRAME,), batches=2, waited=0.3, epochs=1, first_waits=0.1, options={"cache": False},
        ),
    ),
    workers=(
        Worker(
            loader=0, number=0, pid=77, batches=2, samples=64, fetched=0.4, collated=0.1, cpu=0.3, sent=0.01,
            started=0.5, threads=1, bytes=4096,
        ),
    ),
    settings=Settings(
        threads=2, interop=2, omp="2", dtypes={"float32": 10}, inputs=("float32",), device="cpu",
        optimizer="Adam", parameters=4, values=10, batch=32, operations=12, wrappers=("DataParallel",),
        attention=("train.py:9",), shapes=((10, 1),), momentum=False,
        recipe=(
            Operation(
                often=2.0, name="product", dtype="float32", shape=(32, 10),
                more={"inner": 4, "wanted": "01", "bias": True, "given": None, "weight": (1, 2)},
            ),
        ),
        sizes=(Tensors(shape=(10, 4), dtype="float32", count=2),),
    ),
    compilations=(Compilation(step=0, seconds=1.5, what="train.py:3 forward", why="a new shape"),),
    training_from=0.5,
    looking=0.01,
    blind=("no workers seen",),
)  # fmt: skip

RECORDING = Recording(
    command="python train.py",
    processes=(
        Trace(
            argv=("python", "train.py"),
            framework="torch",
            version="2.9.0",
            steps=Steps(loss=(0.7, None), gradient=(1.0, 2.0), rate=(0.1, 0.1), ended=(1.0, 2.0)),
            trip=Trip(what="loss", value="nan", step=1),
            replay="repeated",
            speed=_SPEED,
            events=(
                Event(
                    step=1,
                    number=0,
                    op="aten.log.default",
                    became="inf",
                    born=True,
                    given="finite",
                    phase="forward",
                    count=1,
                    of=64,
                    place=(3,),
                    out=Values(shape=(64,), dtype="float32", nan=0, inf=1),
                    inputs=(Values(shape=(64,), dtype="float32", min=0.0, max=1.0, mean=0.5, at=0.0),),
                    rows=_ROWS,
                    module="head",
                    node="LogBackward0",
                    stack=(("train.py", 27, "bce"),),
                ),
            ),
            batches=(
                Batch(model="Net", argument=0, values=Values(shape=(64, 2), dtype="float32"), bad=_ROWS),
            ),
            trials=(Trial(name="clip", how="survived", steps=200, losses=(0.7, 0.2)),),
            optimizers=(Optimizer(name="Adam", rate=0.1, stack=(("train.py", 40, "main"),)),),
            crash=Crash(
                type="RuntimeError",
                text="mat1 and mat2 shapes cannot be multiplied (64x400 and 256x120)",
                frames=(CrashFrame(file="train.py", line=15, function="forward", users=True),),
                tensors=(_GIVEN,),
                layer=CrashLayer(
                    type="Linear", name="fc1", settings="in_features=256", users=False, given=(_GIVEN,)
                ),
                memory=MemoryHeld(
                    parameters=4, gradients=4, optimizer=8, others=16, graphs=2,
                    largest=((16, (4,), "float32"),), allocated=64, reserved=128,
                ),
            ),
            whole=True,
            own_seconds=0.1,
            seconds=10.0,
            faults=("end: OSError: no space",),
        ),
    ),
    script=ScriptEnd(
        exit_code=1, signal=None, error=ScriptError(text="ValueError: x", file="train.py", line=15)
    ),
    image="my/image:1",
    memory=MemoryUse(limit=8 << 30, available=1 << 30, kills=0, resident=((0.0, 1 << 20), (1.0, 2 << 20))),
    files=(SourceFile(path="train.py", text="import torch\n"),),
)  # fmt: skip
