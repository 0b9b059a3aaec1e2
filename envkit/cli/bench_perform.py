"""What `envkit bench` does with its options: measure or load, judge, tell."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from envkit.cli.bench_compare import exit_if_slower
from envkit.cli.bench_told import check_ended, tell
from envkit.core.errors import TargetAbsentError, UsageError

if TYPE_CHECKING:
    from envkit.bench.plan import Ask, Side
    from envkit.bench.read import Stop
    from envkit.bench.run import Outcome, Start, Watching
    from envkit.bench.samples import Samples
    from envkit.cli.bench_job import Job
    from envkit.cli.bench_target import Place
    from envkit.core.machine import Machine
    from envkit.engine.docker import Engine
    from envkit.facts.model import Snapshot


def perform(job: Job) -> None:
    """Do it. Raises typer.Exit or an error with the exit code where it is not 0."""
    if job.workloads and job.workloads[0] == "history":
        from envkit.cli.bench_compare import history

        history(job)
        return
    job.check()
    if job.compare is not None:
        from envkit.cli.bench_compare import compare_files

        compare_files(job)
        return
    samples, snapshot = (_loaded(job.source), None) if job.source is not None else _measured(job)
    result = tell(samples, snapshot, job)
    check_ended(samples)
    if not job.aa:
        exit_if_slower(result)


def _loaded(source: str) -> Samples:
    from envkit.bench.samples import Samples
    from envkit.core.codec import load

    return load(Samples, source, name="bench-samples").value


def _measured(job: Job) -> tuple[Samples, Snapshot]:
    from envkit.bench import fingerprint
    from envkit.bench.plan import SECONDS, WARM_UP, schedule
    from envkit.bench.run import run
    from envkit.cli.bench_progress import Progress
    from envkit.cli.bench_turn import turn
    from envkit.core.machine import Machine
    from envkit.target.inside import payload_files

    machine = Machine.here()
    snapshot = _looked(machine, job)
    engine = _engine(job)
    ask = _ask(job, machine, engine, snapshot)
    jobs = schedule(ask)
    each = 6 + len(ask.workloads) * (SECONDS[job.scale] + WARM_UP[job.scale] / 2 + 1)
    with ExitStack() as stack:
        stack.enter_context(turn(ask, machine, snapshot, anyway=job.anyway))
        progress = Progress(len(jobs), each, quiet=job.tell.quiet, sides=len(ask.sides))
        stack.callback(progress.close)
        outcome = run(
            ask,
            _starter(machine, engine),
            _watching(machine),
            machine=fingerprint.machine(snapshot, payload_files()),
            progress=progress,
        )
    if outcome.stop is not None:
        raise _stopped(outcome, ask.sides[outcome.side], snapshot)
    return outcome.samples, snapshot


def _looked(machine: Machine, job: Job) -> Snapshot:
    """What doctor knows of this machine; for an image its own Python is asked later."""
    from envkit.doctor.gather import gather

    inside = job.choice.image is not None
    return gather(machine, python=None if inside else job.choice.python)


def _engine(job: Job) -> Engine | None:
    from envkit.engine.docker import connect

    sides = (job.choice, job.other)
    return connect() if any(side is not None and side.image is not None for side in sides) else None


def _ask(job: Job, machine: Machine, engine: Engine | None, snapshot: Snapshot) -> Ask:
    from envkit.bench.plan import AA_REPEAT, REPEAT, SECONDS, WARM_UP, Ask
    from envkit.bench.workloads import BY_NAME, usual
    from envkit.cli.bench_target import here, in_image, other, side
    from envkit.doctor.views import has_nvidia

    gpu = bool(has_nvidia(snapshot))
    sides: list[Side] = []
    for choice in (job.choice, job.other):
        if choice is None:
            continue
        place: Place
        if choice.image is not None:
            assert engine is not None
            place = in_image(engine, choice.image, choice.python)
        elif choice.python == job.choice.python and job.choice.image is None:
            place = here(snapshot)
        else:
            place = other(machine, choice.python)
        said = (job.vs or "") if sides else ""
        sides.append(side(choice, place, job.scale, gpu=gpu, said=said, snapshot=snapshot))
    frameworks = {one.options.framework for one in sides}
    if frameworks != {"torch"} and (job.nproc != (1,) or job.nnodes > 1):
        raise UsageError(
            "--nproc and --nnodes are for PyTorch", todo="name a Python with PyTorch: --python PATH"
        )
    on_gpu = gpu and job.scale != "quick" and all(one.options.device != "cpu" for one in sides)
    names = job.workloads or tuple(
        name
        for name in usual(sides[0].options.framework, gpu=on_gpu)
        if all(framework in BY_NAME[name].frameworks for framework in frameworks)
    )
    for name in names:
        for framework in frameworks:
            if framework not in BY_NAME[name].frameworks:
                raise UsageError(f"{name} is not there for {framework}", todo="see envkit bench --list")
    return Ask(
        workloads=tuple(dict.fromkeys(names)),
        sides=tuple(sides),
        repeat=job.repeat or (AA_REPEAT if job.aa else REPEAT[job.scale]),
        seconds=job.seconds or SECONDS[job.scale],
        warmup=WARM_UP[job.scale],
        limit=job.limit,
        nproc=job.nproc,
        modes=job.modes,
        nnodes=job.nnodes,
        node_rank=job.node_rank,
        rendezvous=job.endpoint,
    )


def _starter(machine: Machine, engine: Engine | None) -> Start:
    from envkit.target.bench_job import Launch, Said, Started, Told, here, in_image

    def start(launch: Launch, said: Said, started: Started) -> Told:
        if launch.image is not None:
            assert engine is not None
            return in_image(machine, engine, launch, said=said, started=started)
        return here(machine, launch, said=said, started=started)

    return start


def _watching(machine: Machine) -> Watching:
    from envkit.target.sampler import Sampler

    return lambda pid_of: Sampler(machine, pid_of=pid_of)


def _stopped(outcome: Outcome, side: Side, snapshot: Snapshot) -> TargetAbsentError:
    """What keeps a side from measuring anything, in words."""
    from envkit.cli.bench_target import Place, absent

    stop = outcome.stop
    assert stop is not None
    place = Place(python=side.python, frameworks=(), version=None, image=side.image)
    if stop.kind == "absent":
        return absent(side.options.framework, place, snapshot)
    if stop.kind == "no-device":
        return _no_device(stop, side)
    if stop.kind == "unsupported":
        return TargetAbsentError(
            f"Python {stop.what} of {place.name} is older than {stop.why}, the oldest that envkit runs in",
            todo="name a newer one: --python PATH",
        )
    return TargetAbsentError(
        f"{side.options.framework} of {place.name} cannot be imported: {stop.why}",
        todo="`envkit doctor --deep` with the same --python says why",
    )


def _no_device(stop: Stop, side: Side) -> TargetAbsentError:
    there = f"there is {', '.join(stop.available)}" if stop.available else "nothing else is there, either"
    return TargetAbsentError(
        f"there is no device {stop.what or side.options.device}: {stop.why}; {there}",
        todo="take one that is there with --device, or see `envkit doctor`",
    )
