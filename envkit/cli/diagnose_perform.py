"""What `envkit diagnose` does with its options: run or load, judge, tell, and end."""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING, ClassVar

import typer

from envkit.cli import diagnose_told as told
from envkit.cli.diagnose_options import Ask, Whose
from envkit.core.errors import EnvkitError, ExitCode

if TYPE_CHECKING:
    from envkit.core.foreground import Ended
    from envkit.diagnose.memory import MemoryUse
    from envkit.diagnose.model import Diagnosis
    from envkit.diagnose.recording import Recording
    from envkit.diagnose.trace import Trace
    from envkit.target.conditions import Conditions

_INTERRUPTED = ("SIGINT", "SIGTERM", "SIGHUP")


class StoppedError(EnvkitError):
    """The person ended the script; what was seen until then is told."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERRUPTED


class EndedError(EnvkitError):
    """The script was ended from outside; what was seen until then is told."""

    exit_code: ClassVar[ExitCode] = ExitCode.TERMINATED


def perform(ask: Ask) -> None:
    """Do it. Raises typer.Exit or an error with the exit code where it is not 0."""
    from envkit.diagnose.judge import judged

    if ask.source is not None:
        from envkit.diagnose.recording import from_saved

        recording = from_saved(ask.source)
        ended = None
    else:
        recording, ended = _run(ask)
    diagnosis, patches = judged(
        recording.processes, recording.script, recording.sources,
        memory=recording.memory, conditions=recording.conditions,
    )  # fmt: skip
    unwritten = told.keep(recording, ask), told.tell(diagnosis, recording, ask)
    if ask.apply:
        from envkit.cli.diagnose_apply import offer

        offer(patches, recording.sources, yes=ask.yes)
    for trouble in unwritten:
        if trouble is not None:
            raise trouble
    _end(diagnosis, ended, ask)


def _run(ask: Ask) -> tuple[Recording, Ended]:
    if ask.image is not None:
        from envkit.cli.diagnose_image import run_in_image

        return run_in_image(ask)
    return _run_here(ask)


def _run_here(ask: Ask) -> tuple[Recording, Ended]:
    from envkit.core.machine import Machine
    from envkit.diagnose import launch, rerun
    from envkit.diagnose.attend import Attendant
    from envkit.diagnose.command import command
    from envkit.diagnose.read import read
    from envkit.target.locate import locate
    from envkit.target.sampler import Sampler

    machine = Machine.here()
    argv = command(ask.command, lambda: locate(machine, ask.python).executable, asked=ask.python is not None)
    seconds = None if ask.said_seconds is None else str(ask.said_seconds)
    run = rerun.first(argv, machine.env, tried=ask.tries is not None, seconds=seconds, anyway=ask.anyway)
    with tempfile.TemporaryDirectory(prefix="envkit-trace-", ignore_cleanup_errors=True) as folder:
        # A stderr that goes to a file is the script's own until it ends.
        with Sampler(machine) as sampler:
            attendant = Attendant(
                machine, folder, say if sys.stderr.isatty() else _nothing, follow=sampler.follow
            )
            ended = launch.start(
                launch.Launch(argv=argv, folder=folder, try_seconds=ask.try_seconds, stop=ask.stop),
                run.environment,
                stdout_to_stderr=ask.takes_stdout,
                meanwhile=attendant,
            )
            memory = attendant.ended()
            conditions = sampler.conditions()
        traces = read(folder)
        if not _is_interrupt(ended):
            traces = rerun.followed(run, traces, say)
    return recorded(argv, traces, ended, memory, conditions=conditions), ended


def recorded(
    argv: tuple[str, ...],
    traces: tuple[Trace, ...],
    ended: Ended,
    memory: MemoryUse,
    image: str | None = None,
    conditions: Conditions | None = None,
) -> Recording:
    """One value of all that was seen."""
    import shlex

    from envkit.diagnose.judge import ended as said
    from envkit.diagnose.recording import Recording
    from envkit.diagnose.sources import sources

    return Recording(
        command=shlex.join(argv), processes=traces, script=said(ended.code, ended.signal, traces),
        folder=_folder(), image=image, memory=memory, conditions=conditions, files=sources(traces),
    )  # fmt: skip


def say(text: str) -> None:
    """One line to the person, while the script runs or after it."""
    try:
        sys.stderr.write(f"envkit: {text}\n")
        sys.stderr.flush()
    except OSError:  # nobody reads
        pass


def _nothing(text: str) -> None:
    """Where nobody looks meanwhile."""


def _folder() -> str:
    import os

    try:
        return os.getcwd()
    except OSError:  # it was removed meanwhile
        return ""


def _is_interrupt(ended: Ended) -> bool:
    from envkit.diagnose.judge import ended as said

    return said(ended.code, ended.signal).signal in _INTERRUPTED or ended.code == ExitCode.INTERRUPTED


def _end(diagnosis: Diagnosis, ended: Ended | None, ask: Ask) -> None:
    """Raises what makes the exit code, where it is not 0."""
    if ask.exit_code is Whose.SCRIPT and ended is not None:
        from envkit.core.foreground import end_as

        end_as(ended)
        raise typer.Exit(128 + ended.signal if ended.signal is not None else ended.code or 0)
    if ended is not None and _is_interrupt(ended):
        todo = "the report holds what was seen until then"
        if diagnosis.script.signal in ("SIGTERM", "SIGHUP"):
            raise EndedError(f"the script was ended by {diagnosis.script.signal}", todo=todo)
        raise StoppedError("the script was interrupted", todo=todo)
    if ask.fail_on == "never":
        return
    if diagnosis.causes or (diagnosis.verdict == "faulty" and not _only_failed(diagnosis)):
        raise typer.Exit(ExitCode.PROBLEM)
    if _only_failed(diagnosis):
        raise typer.Exit(ExitCode.CHILD_FAILED)


def _only_failed(diagnosis: Diagnosis) -> bool:
    """The script failed, nothing was seen to go wrong before, and no cause is known."""
    script = diagnosis.script
    return not diagnosis.causes and not diagnosis.tripped and bool(script.exit_code or script.signal)
