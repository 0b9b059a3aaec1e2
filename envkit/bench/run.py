"""Runs the schedule: one process after another, each beside a sampler; what was measured is kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from envkit.bench import fingerprint, plan
from envkit.bench.plan import Ask, Job
from envkit.bench.read import Answer, Stop, read
from envkit.bench.samples import ProcessSamples, Samples
from envkit.target.bench_job import Launch, Said, Started, Told
from envkit.target.conditions import Conditions


class Progress(Protocol):
    """Told what happens, for the person who waits."""

    def process(self, job: Job, left: float) -> None:
        """One begins. left: its time limit, seconds."""

    def doing(self, what: str) -> None:
        """What it is about to do."""

    def ended(self, process: ProcessSamples) -> None:
        """It has ended."""


class Watch(Protocol):
    """A sampler beside one process."""

    def conditions(self) -> Conditions:
        """What it saw."""


Start = Callable[[Launch, Said, Started], Told]
"""Runs one process on this machine or in an image; an interrupt is a result."""
Watching = Callable[[Callable[[], int | None]], AbstractContextManager[Watch]]
"""Begins to sample; given what tells the process id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What was measured, and what kept a side from measuring anything."""

    samples: Samples
    stop: Stop | None = None
    side: int = 0
    """Of `stop`: index in `Ask.sides`."""


def run(
    ask: Ask,
    start: Start,
    watching: Watching,
    *,
    machine: dict[str, str],
    progress: Progress,
) -> Outcome:
    """Start every process of the schedule, in its order, one at a time.

    Ends early when a side can measure nothing (no framework, no such device), and when the person interrupts:
    then the process that runs is asked for what it has, and no other one is started.

    machine: the fingerprint of this machine, without what the processes say.
    """
    answers: list[Answer] = []
    interrupted = False
    found: tuple[Stop, int] | None = None
    try:
        for job in plan.schedule(ask):
            blamed = _blamed(answers, job)
            if not plan.order(ask.workloads, blamed):
                continue
            answer = _one(ask, job, blamed, start, watching, progress)
            answers.append(answer)
            progress.ended(answer.process)
            interrupted = answer.process.how == "interrupted"
            if answer.stop is not None:
                found = (answer.stop, job.side)
            if interrupted or found:
                break
    except KeyboardInterrupt:  # between two processes
        interrupted = True
    processes = tuple(answer.process for answer in answers)
    samples = Samples(
        fingerprint=fingerprint.whole(machine, processes),
        arms=plan.arms(ask),
        processes=processes,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        interrupted=interrupted,
    )
    return Outcome(samples=samples, stop=found[0] if found else None, side=found[1] if found else 0)


def _one(
    ask: Ask, job: Job, blamed: tuple[str, ...], start: Start, watching: Watching, progress: Progress
) -> Answer:
    workloads = plan.order(ask.workloads, blamed)
    side = ask.sides[job.side]
    limit = plan.limit(ask, job, len(workloads))
    launch = Launch(
        python=side.python,
        image=side.image,
        job=plan.payload_job(ask, job, workloads, blamed),
        limit=limit,
        env=dict(side.env),
        workers=job.workers,
        gpus=side.gpus,
    )
    pid: list[int] = []
    progress.process(job, limit)

    def said(line: dict[str, object]) -> None:
        if line["kind"] == "at":
            progress.doing(str(line.get("what")))

    with watching(lambda: pid[0] if pid else None) as watch:
        told = start(launch, said, pid.append)
        conditions = watch.conditions()
    options = plan.with_nproc(side.options, job)
    answer = read(told, options, arm=job.arm, number=job.number, limit=limit)
    return replace(answer, process=replace(answer.process, conditions=conditions))


def _blamed(answers: list[Answer], job: Job) -> tuple[str, ...]:
    """What processes of this side did when they crashed or hung."""
    return tuple(
        plan.blameable(answer.at)
        for answer in answers
        if answer.process.arm == job.arm and answer.process.how in ("crashed", "timeout")
    )
