"""`envkit bench --compare A B`, `--aa` and `history`: what is told of several results."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import typer

from envkit.cli.options import Format
from envkit.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from envkit.bench.model import BenchResult
    from envkit.bench.samples import Samples
    from envkit.cli.bench_job import Job, Tell
    from envkit.core.report import Report


def compare_files(job: Job) -> None:
    """Two files of --save or --json. Raises typer.Exit(1) when B is slower."""
    from envkit.bench.compare import files
    from envkit.cli.bench_told import keep, show

    assert job.compare is not None
    first, second = job.compare
    if first == second == "-":
        raise UsageError("--compare cannot read both from standard input", todo="give at least one file")
    a, b = (_only(_result(source), job.workloads) for source in (first, second))
    result = files(a, b, anyway=job.anyway)
    keep(result, None, job)
    show(result, job.tell)
    exit_if_slower(result)


class _Schema(msgspec.Struct):
    schema: str = ""


def exit_if_slower(result: BenchResult) -> None:
    """Raises typer.Exit(1) where B is slower than A in something."""
    if any(row.verdict == "slower" for row in result.compared):
        raise typer.Exit(ExitCode.PROBLEM)


def _result(source: str) -> BenchResult:
    """A result, or samples that are judged first. Raises BadInputError."""
    from envkit.bench.judge import judge
    from envkit.bench.model import BenchResult
    from envkit.bench.samples import Samples
    from envkit.compat import load_compat
    from envkit.core.codec import loads, read_input

    where = "standard input" if source == "-" else source
    data = read_input(source)
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        schema = ""
    if schema.startswith("envkit.bench-samples/"):
        return judge(loads(Samples, data, name="bench-samples", where=where).value, load_compat())
    return loads(BenchResult, data, name="bench", where=where).value


def _only(result: BenchResult, workloads: tuple[str, ...]) -> BenchResult:
    """What was named; all where nothing was."""
    from dataclasses import replace

    kept = tuple(one for one in result.results if not workloads or one.workload in workloads)
    return replace(result, results=kept)


def tell_aa(samples: Samples, job: Job) -> None:
    """How often equal processes are called different. Raises typer.Exit(1) where that is too often."""
    from envkit.bench.aa import judge, report
    from envkit.core.errors import ChildFailedError

    found = judge(samples)
    if not found.results:
        raise ChildFailedError(
            "too few processes measured something: one comparison takes 10",
            todo="run it again, with more processes: --repeat 30",
        )
    made = report(found.results, notes=found.notes)
    if job.tell.format is Format.JSON:
        from envkit.cli.output import emit
        from envkit.core.codec import dumps, to_json

        emit(dumps(to_json(found)), job.tell.output)
    else:
        show_report(made, job.tell)
    if made.verdict == "problems" and not samples.interrupted:
        raise typer.Exit(ExitCode.PROBLEM)


def history(job: Job) -> None:
    """What was recorded here."""
    from envkit.bench.history import recorded
    from envkit.bench.workloads import NAMES

    wanted = job.workloads[1:]
    for name in wanted:
        if name not in NAMES:
            raise UsageError(f"there is no workload {name!r}", todo=f"there are {', '.join(NAMES)}")
    show_report(recorded(wanted), job.tell)


def show_report(made: Report, tell: Tell) -> None:
    """Print a report as asked for; as data it is the report itself."""
    from envkit.cli.output import emit, options, shareable
    from envkit.report import render

    to_file = tell.output is not None
    on_terminal = tell.format is Format.TEXT and not to_file
    wanted = options(to_file=to_file, verbose=tell.verbose, quiet=tell.quiet)
    emit(render(made if on_terminal else shareable(made), tell.format.value, wanted), tell.output)
