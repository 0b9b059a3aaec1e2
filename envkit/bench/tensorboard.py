"""`envkit bench --tensorboard DIR`: event files that TensorBoard shows.

One run (a folder) for each process, with a curve of its steps, and one for each side with the figures of the
result. A later bench goes beside them, under its date. Needs the extra `envkit[tensorboard]`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envkit.bench import words
from envkit.bench.model import BenchResult, WorkloadResult
from envkit.bench.samples import ProcessSamples, Run, Samples
from envkit.core.errors import DiskError, TargetAbsentError

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 2_000
"""Steps of a curve; of more, every n-th is written: TensorBoard keeps a thousand of them anyway."""


def write(result: BenchResult, samples: Samples | None, folder: Path) -> tuple[Path, ...]:
    """Writes the runs below `folder` and gives their folders.

    samples: None = only the figures of the result, as from a file that was compared.
    Raises TargetAbsentError without the library, DiskError where nothing can be written.
    """
    writer = _writer()
    base = folder / _stamp(result.date)
    made: list[Path] = []
    try:
        for arm in dict.fromkeys(one.arm for one in result.results):
            made.append(base / f"{arm}")
            with _run(writer, made[-1]) as out:
                _result(out, result, arm)
        for process in samples.processes if samples is not None else ():
            if process.runs:
                made.append(base / f"{process.arm}-process-{process.number + 1}")
                with _run(writer, made[-1]) as out:
                    _process(out, process)
    except OSError as error:
        raise DiskError(
            f"cannot write {folder}: {error.strerror or error}", todo="give --tensorboard a folder with space"
        ) from error
    return tuple(made)


def check() -> None:
    """Raises TargetAbsentError without the library: asked before anything is measured."""
    if importlib.util.find_spec("tensorboardX") is None:
        raise _absent("it is not installed")


def _absent(why: object) -> TargetAbsentError:
    return TargetAbsentError(
        f"--tensorboard needs the library tensorboardX: {why}", todo="pip install 'envkit[tensorboard]'"
    )


def _writer() -> Callable[[str], Any]:
    """The class that writes events: imported only here, since it brings numpy along."""
    try:
        made: Callable[[str], Any] = importlib.import_module("tensorboardX").SummaryWriter
    except ImportError as error:
        raise _absent(error) from error
    return made


@contextlib.contextmanager
def _run(writer: Callable[[str], Any], folder: Path) -> Iterator[Any]:
    """A writer of one run. Its file is named after the host; that goes, since such folders are handed on."""
    with contextlib.closing(writer(str(folder))) as out:
        yield out
    host = socket.gethostname()
    for file in folder.glob(f"events.out.tfevents.*.{host}"):
        file.rename(file.with_name(file.name.removesuffix(host) + "envkit"))


def _stamp(date: str) -> str:
    """`2026-11-22T10-11-12`: a colon is no letter of a folder's name everywhere."""
    return "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in date[:19]) or "bench"


def _result(out: Any, result: BenchResult, arm: str) -> None:
    for one in result.results:
        if one.arm == arm:
            for tag, value in _figures(one):
                out.add_scalar(tag, value, one.nproc)
    for scaled in result.scaling if arm == "A" else ():
        if scaled.throughput.median > 0:
            out.add_scalar(f"{scaled.workload}/{scaled.mode}_efficiency", scaled.efficiency, scaled.nproc)
    out.add_text("bench", _table(result, arm))


def _figures(one: WorkloadResult) -> Iterator[tuple[str, float]]:
    """What there is of a result, by tag; the step is the number of processes together."""
    speed = one.throughput
    found = {
        f"{words.item(speed.unit)}s_per_second": speed.median,
        "interval_low": speed.low,
        "interval_high": speed.high,
        "step_p50_seconds": one.step.p50 if one.step else None,
        "step_p95_seconds": one.step.p95 if one.step else None,
        "first_step_seconds": one.step.first if one.step else None,
        "flops_per_second": one.achieved,
        "share_of_ceiling": one.ceiling.share if one.ceiling else None,
        "memory_bytes": one.rss,
        "device_memory_bytes": one.device_memory,
        "joules_per_item": one.energy,
    }
    for name, value in found.items():
        if value is not None:
            yield f"{one.workload}/{name}", float(value)


def _process(out: Any, process: ProcessSamples) -> None:
    """A curve of each workload's steps, and what came once."""
    for run in process.runs:
        name = run.workload if run.rank == 0 else f"{run.workload}/rank_{run.rank}"
        for tag, seconds in (
            ("step_seconds", run.step_seconds),
            ("device_seconds", run.device_seconds or ()),
        ):
            _curve(out, f"{name}/{tag}", seconds)
        if run.rate is not None:
            out.add_scalar(f"{name}/{words.item(run.unit)}s_per_second", run.rate, process.number)
        _once(out, name, run)


def _curve(out: Any, tag: str, seconds: tuple[float, ...]) -> None:
    each = max(1, -(-len(seconds) // MOST))
    for step in range(0, len(seconds), each):
        out.add_scalar(tag, seconds[step], step)


def _once(out: Any, name: str, run: Run) -> None:
    if run.first_step is not None:
        out.add_scalar(f"{name}/first_step_seconds", run.first_step, 0)
    if run.check is not None:
        out.add_scalar(f"{name}/check_loss", run.check.first, 0)
        out.add_scalar(f"{name}/check_loss", run.check.last, run.check.steps)


def _table(result: BenchResult, arm: str) -> str:
    """Markdown for TensorBoard's texts."""
    lines = ["| workload | throughput | 95 % interval |", "|---|---|---|"]
    for one in result.results:
        if one.arm == arm:
            speed = one.throughput
            sure = words.span(speed.low, speed.high, speed.unit, of=speed.median) or "none"
            lines.append(f"| {one.workload} | {words.rate(speed.median, speed.unit)} | {sure} |")
    lines += ["", *(f"- {key}: {value}" for key, value in result.fingerprint.items())]
    return "\n".join(lines)
