"""From what was asked for to the processes that are started, in their order. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from envkit.bench.samples import Arm, Options
from envkit.bench.workloads import BY_NAME
from envkit.target.bench_job import Workers

Scale = Literal["quick", "default", "full"]
Mode = Literal["weak", "strong"]
LIMITS = ("gemm", "memory-bandwidth", "h2d", "d2h")
"""This machine's own ceilings, measured in each process before its workloads."""
REPEAT: dict[Scale, int] = {"quick": 3, "default": 5, "full": 11}
"""Processes of each arm."""
AA_REPEAT = 24
"""Of `--aa`: a comparison takes ten."""
SECONDS: dict[Scale, float] = {"quick": 1.0, "default": 3.0, "full": 10.0}
"""Measured in each process of each workload."""
WARM_UP: dict[Scale, float] = {"quick": 1.0, "default": 5.0, "full": 20.0}
"""The most that warm-up may take of each workload."""
_START = 120.0
"""Seconds that a process may need to import its framework and reach its device."""
_EACH = {"quick": 30.0, "default": 90.0, "full": 240.0}
"""Seconds that a workload may need beside its warm-up and its measuring: making data, the learning check, the
first step."""
_COMPILE = 600.0
"""More seconds for a workload that is compiled first."""
_LIMIT = "limit"
"""What the payload calls the measuring of a ceiling."""
_TWICE = 2
"""Processes that one thing may bring down before it is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One arm as asked for: where it runs, and how."""

    options: Options
    python: str
    """The interpreter, on this machine or in the image."""
    image: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    """Variables set for it."""
    gpus: bool = False
    """Whether a container is given the machine's GPUs."""
    said: str = ""
    """The options of --vs, as they were given."""

    @property
    def target(self) -> str:
        """What it runs in, as shown."""
        return self.image or self.python


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A whole bench as asked for."""

    workloads: tuple[str, ...]
    sides: tuple[Side, ...]
    """A, or A and B."""
    repeat: int
    """Processes of each side and each number of workers."""
    seconds: float
    warmup: float
    limit: float | None = None
    """Seconds for one process; None = by what it has to do."""
    nproc: tuple[int, ...] = (1,)
    modes: tuple[Mode, ...] = ("weak",)
    nnodes: int = 1
    node_rank: int = 0
    rendezvous: str | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One process to start, or one launch of torchrun."""

    number: int
    """Place in the order of starting."""
    round: int
    """Which repetition it belongs to, from 0."""
    side: int
    """Index in `Ask.sides`."""
    workers: Workers
    strong: bool
    check: bool
    """Whether its training is first checked to learn."""

    @property
    def arm(self) -> str:
        """`A` or `B`."""
        return "AB"[self.side]


def arms(ask: Ask) -> tuple[Arm, ...]:
    """As the samples name them."""
    return tuple(
        Arm(name="AB"[index], options=side.options, target=side.target, said=side.said)
        for index, side in enumerate(ask.sides)
    )


def schedule(ask: Ask) -> tuple[Job, ...]:
    """Every process in the order of starting: the sides of a comparison take turns, A B B A A B."""
    jobs: list[Job] = []
    for turn in range(ask.repeat):
        for nproc, strong in _sizes(ask):
            # A B, B A, A B: neighbours in time are compared, and neither side is always the first.
            sides = range(len(ask.sides))
            for side in sides if turn % 2 == 0 else reversed(sides):
                workers = Workers(
                    nproc=nproc,
                    nnodes=ask.nnodes,
                    node_rank=ask.node_rank,
                    rendezvous=ask.rendezvous,
                )
                # Once for each side is enough, and the other processes are shorter for it.
                first = turn == 0 and (nproc, strong) == _sizes(ask)[0]
                jobs.append(
                    Job(number=len(jobs), round=turn, side=side, workers=workers, strong=strong, check=first)
                )
    return tuple(jobs)


def _sizes(ask: Ask) -> tuple[tuple[int, bool], ...]:
    """Numbers of workers, and whether the batch is divided among them; of one worker both are the same."""
    pairs = [(nproc, mode == "strong") for mode in ask.modes for nproc in ask.nproc]
    if len(ask.modes) > 1:
        pairs = [(nproc, strong) for nproc, strong in pairs if not (strong and nproc == 1)]
    return tuple(dict.fromkeys(pairs))


def payload_job(
    ask: Ask, job: Job, workloads: tuple[str, ...], blamed: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The payload's job.

    workloads: in the order in which this process measures them. blamed: as for `order`; where a ceiling was,
    none is measured any more.
    """
    options = ask.sides[job.side].options
    framework = options.framework
    return {
        "workloads": [name for name in workloads if framework in BY_NAME[name].frameworks],
        "framework": framework,
        "device": options.device,
        "precision": options.precision,
        "compile": options.compile,
        "batch_size": options.batch_size,
        "channels_last": options.channels_last,
        "fused": options.fused,
        "workers": options.workers,
        "scale": options.scale,
        "seconds": ask.seconds,
        "warmup": ask.warmup,
        "check": job.check,
        "limits": [] if _LIMIT in blamed else limits(workloads, job),
        "seed": ask.seed + job.round,
        "dir": None,
        "strong": job.strong,
        "no_sync": not job.workers.alone,
        # The most on this node of all launches: each process of each launch gets the same share of the CPUs.
        "processes": max(ask.nproc),
    }


def blameable(at: str) -> str:
    """What is to blame for an end at this place: a workload, or what comes before all workloads."""
    return at.partition(":")[0]


def limits(workloads: tuple[str, ...], job: Job) -> list[str]:
    """The ceilings that a process measures: the usual ones, and those that a workload of it is all about."""
    found = [*LIMITS] if job.workers.alone else ["allreduce"]
    if "memcpy" in workloads and job.workers.alone:
        found += ["h2d-pageable", "d2h-pageable", "d2d"]
    return found


def limit(ask: Ask, job: Job, count: int) -> float:
    """Seconds that a process with `count` workloads may take."""
    if ask.limit is not None:
        return ask.limit
    options = ask.sides[job.side].options
    each = ask.seconds + ask.warmup + _EACH[options.scale]
    each += _COMPILE if options.compile else 0.0
    return _START + each * count * (1 if job.workers.alone else 2)


def order(workloads: tuple[str, ...], blamed: tuple[str, ...]) -> tuple[str, ...]:
    """The workloads of the next process.

    blamed: what processes of this arm did when they crashed or hung, once for each. Such a workload comes
    last, so that the others are measured; after the second time it is left out. () where nothing is left, or
    where they did not even come to a workload: then no process is started.
    """
    before = (what for what in blamed if what not in BY_NAME and what != _LIMIT)
    if any(blamed.count(what) >= _TWICE for what in before):
        return ()
    kept = tuple(name for name in workloads if blamed.count(name) < _TWICE)
    return tuple(sorted(kept, key=blamed.count))


def with_nproc(options: Options, job: Job) -> Options:
    """The options of one process, its number of workers among them."""
    return replace(options, nproc=job.workers.nproc, nnodes=job.workers.nnodes)
