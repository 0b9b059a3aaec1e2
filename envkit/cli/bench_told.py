"""What `envkit bench` says of its samples: files, the report, the exit code."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from envkit.cli.apply import StoppedError
from envkit.cli.options import Format
from envkit.core.errors import ChildFailedError, DiskError, ExitCode
from envkit.core.text import one_line, plural

if TYPE_CHECKING:
    from envkit.bench.model import BenchResult
    from envkit.bench.samples import Samples
    from envkit.cli.bench_job import Job, Tell
    from envkit.core.finding import Finding
    from envkit.facts.model import Snapshot


def tell(samples: Samples, snapshot: Snapshot | None, job: Job) -> BenchResult:
    """Save, judge, record and print; the result."""
    if job.tell.save is not None:
        _save(samples, job)
    result = judged(samples, snapshot)
    keep(result, samples, job)
    if not job.aa:
        show(result, job.tell)
    elif any(process.runs for process in samples.processes):
        from envkit.cli.bench_compare import tell_aa

        tell_aa(samples, job)
    return result


def judged(samples: Samples, snapshot: Snapshot | None) -> BenchResult:
    """The result, with B beside A, and with why it may be below what it should be.

    snapshot: of the machine, where it is this one.
    """
    from envkit.bench.compare import arms
    from envkit.bench.judge import judge
    from envkit.bench.why import why
    from envkit.compat import load_compat

    compat = load_compat()
    result = judge(samples, compat)
    if len(samples.arms) > 1:
        result = replace(result, compared=arms(samples))
    known: tuple[Finding, ...] = ()
    if snapshot is not None:
        from envkit.doctor.judge import judge as doctor

        known = doctor(snapshot, compat)
    reasons = why(result, samples, known)
    return replace(result, findings=(*result.findings, *reasons))


def show(result: BenchResult, tell: Tell) -> None:
    """Print it as asked for."""
    if tell.format is Format.JSON:
        from envkit.cli.output import emit
        from envkit.core.codec import dumps, to_json
        from envkit.core.redact import Identity, saved

        emit(dumps(saved(to_json(result), Identity.here())), tell.output)
        return
    from envkit.bench.summary import report
    from envkit.cli.bench_compare import show_report

    show_report(report(result, verbose=tell.verbose), tell)


def check_ended(samples: Samples) -> None:
    """Raises what the exit code says: an interrupt, processes that all failed, findings."""
    done = sum(1 for process in samples.processes if process.how == "done")
    if samples.interrupted:
        raise StoppedError(
            f"interrupted after {plural(done, 'whole process', 'whole processes')}",
            todo="what was measured until then is told above; run it again for all of it",
        )
    ended = [process for process in samples.processes if process.how in ("crashed", "timeout")]
    if ended and len(ended) == len(samples.processes):
        said = one_line(ended[0].detail, limit=400)
        every = "the measuring process" if len(ended) == 1 else f"each of {len(ended)} measuring processes"
        raise ChildFailedError(f"{every} failed; the first {said}", todo=_todo(ended[0].how))
    failures = [failure for process in samples.processes for failure in process.failures]
    kinds = {failure.kind for failure in failures}
    if "no-space" in kinds:
        raise DiskError(
            next(one_line(each.error, limit=300) for each in failures if each.kind == "no-space"),
            todo="make space, or set TMPDIR to a directory that has some",
        )
    if ended or kinds - {"unsupported"}:
        raise typer.Exit(ExitCode.PROBLEM)
    if failures and not any(process.runs for process in samples.processes):
        raise typer.Exit(ExitCode.PROBLEM)


def _todo(how: str) -> str:
    if how == "timeout":
        return "give it more time with --limit SECONDS, or see `envkit doctor --deep` with the same --python"
    return "`envkit doctor --deep` with the same --python tells more of crashes; -v shows each process"


def _save(samples: Samples, job: Job) -> None:
    from envkit.core.codec import dumps, to_json, write_text
    from envkit.core.redact import Identity, saved

    write_text(str(job.tell.save), dumps(saved(to_json(samples), Identity.here()), indent=0) + "\n")


def keep(result: BenchResult, samples: Samples | None, job: Job) -> None:
    """--record and --tensorboard."""
    if job.tell.record:
        from envkit.bench.history import record

        record(result)
    if job.tell.tensorboard is not None:
        from envkit.bench.tensorboard import write

        write(result, samples, job.tell.tensorboard)
        if not job.tell.quiet:
            sys.stderr.write(f"tensorboard --logdir {job.tell.tensorboard}\n")
