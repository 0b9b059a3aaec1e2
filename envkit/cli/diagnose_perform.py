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
    from collections.abc import Callable

    from envkit.core.foreground import Ended
    from envkit.diagnose.memory import MemoryUse
    from envkit.diagnose.model import Diagnosis, Gain
    from envkit.diagnose.patch import Patch
    from envkit.diagnose.recording import Recording
    from envkit.diagnose.repeat import FirstRun
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
    from dataclasses import replace

    from envkit.diagnose.judge import judged

    if ask.source is not None:
        from envkit.diagnose.recording import from_saved

        recording = from_saved(ask.source)
        ended = run = None
    else:
        recording, ended, run = _run(ask)
    kept = told.keep(recording, ask)
    diagnosis, patches = judged(
        recording.processes, recording.script, recording.sources,
        memory=recording.memory, conditions=recording.conditions, ceiling=recording.ceiling,
    )  # fmt: skip
    diagnosis, patches = wanted(diagnosis, patches, ask.only)
    diagnosis, tried = _sped(diagnosis, recording, run, ask)
    if tried:
        kept = told.keep(replace(recording, tried=tried), ask)
    unwritten = kept, told.tell(diagnosis, recording, ask)
    if ask.apply:
        from envkit.cli.diagnose_apply import offer

        offer(_change(diagnosis, patches, recording), recording.sources, yes=ask.yes)
    for trouble in unwritten:
        if trouble is not None:
            raise trouble
    _end(diagnosis, ended, ask)


def wanted(
    diagnosis: Diagnosis, patches: tuple[Patch | None, ...], only: str | None
) -> tuple[Diagnosis, tuple[Patch | None, ...]]:
    """The half that was asked for: `faults`, `speed`, or None for both. That something went wrong stays."""
    from dataclasses import replace

    if only == "faults":
        return replace(diagnosis, speed=None), patches
    return (replace(diagnosis, causes=()), ()) if only == "speed" else (diagnosis, patches)


def _sped(
    diagnosis: Diagnosis, recording: Recording, run: FirstRun | None, ask: Ask
) -> tuple[Diagnosis, tuple[Gain, ...]]:
    """With what each fix gained in this very script, where that was asked for and nothing went wrong, and
    with changes of the person's files. And what was tried now.
    """
    from dataclasses import replace

    from envkit.diagnose.speed.patches import with_patches
    from envkit.diagnose.speed.summary import viewed
    from envkit.diagnose.speed.verdict import with_tried
    from envkit.diagnose.speed.words import provable

    speed, view = diagnosis.speed, viewed(recording.processes, recording.sources)
    if speed is None or view is None:
        return diagnosis, ()
    well = diagnosis.verdict == "healthy" and recording.script.exit_code == 0
    now: tuple[Gain, ...] = ()
    if run is not None and ask.try_seconds is not None and well and provable(speed.gains):
        from envkit.diagnose.speed.trials import tried

        speed = tried(run, recording.processes, speed, ask.try_seconds, say)
        now = tuple(one for one in speed.gains if one.change is not None)
    else:
        speed = with_tried(speed, recording.tried)
    return replace(diagnosis, speed=with_patches(speed, view.trace, recording.sources)), now


def _change(
    diagnosis: Diagnosis, patches: tuple[Patch | None, ...], recording: Recording
) -> tuple[Patch, ...]:
    """What `--apply` writes: the change for the first cause; of a healthy run the best one for speed."""
    from envkit.diagnose.speed.patches import best_patches
    from envkit.diagnose.speed.summary import viewed

    if diagnosis.causes:
        return tuple(one for one in patches[:1] if one is not None)
    view = viewed(recording.processes, recording.sources)
    if diagnosis.speed is None or view is None or diagnosis.verdict != "healthy":
        return ()
    return best_patches(diagnosis.speed, view.trace, recording.sources)


def _run(ask: Ask) -> tuple[Recording, Ended, FirstRun | None]:
    """What was seen, how the script ended, and the run as it can be repeated here."""
    if ask.image is not None:
        from envkit.cli.diagnose_image import run_in_image

        return *run_in_image(ask), None
    return _run_here(ask)


def _run_here(ask: Ask) -> tuple[Recording, Ended, FirstRun]:
    import os
    from dataclasses import replace

    from envkit.core.machine import Machine
    from envkit.diagnose import launch, rerun
    from envkit.diagnose.attend import Attendant
    from envkit.diagnose.command import command
    from envkit.diagnose.read import read
    from envkit.diagnose.speed import ceiling
    from envkit.target.locate import locate
    from envkit.target.sampler import Sampler

    machine = Machine.here()
    argv = command(ask.command, lambda: locate(machine, ask.python).executable, asked=ask.python is not None)
    seconds = None if ask.said_seconds is None else str(ask.said_seconds)
    run = rerun.first(argv, machine.env, tried=ask.tries is not None, seconds=seconds, anyway=ask.anyway)
    with tempfile.TemporaryDirectory(prefix="envkit-trace-", ignore_cleanup_errors=True) as folder:
        with Sampler(machine) as sampler:
            attendant = Attendant(machine, folder, meanwhile(), follow=sampler.follow)
            ended = launch.start(
                launch.Launch(argv=argv, folder=folder, try_seconds=ask.try_seconds, stop=ask.stop),
                run.environment,
                stdout_to_stderr=ask.takes_stdout,
                meanwhile=attendant,
            )
            memory = attendant.ended()
            conditions = sampler.conditions()
        traces = read(folder)
        if not _is_interrupt(ended) and ask.only != "speed":
            traces = rerun.followed(run, traces, say)
    seen = recorded(argv, traces, ended, memory, conditions=conditions)
    # It takes some seconds, so that only who asks for the speed waits for it.
    if ended.code == 0 and (ask.only == "speed" or (ask.tries is not None and ask.only != "faults")):
        is_python = os.path.basename(argv[0]).startswith("python")
        python = argv[0] if is_python else locate(machine, ask.python).executable
        seen = replace(seen, ceiling=ceiling.after(machine, python, traces, conditions))
    return seen, ended, run


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


def meanwhile() -> Callable[[str], None]:
    """`say`, for a terminal: a stderr that goes to a file is the script's own until it ends."""
    return say if sys.stderr.isatty() else lambda text: None


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
    from envkit.diagnose.speed.words import slow

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
    if ask.fail_on == "slow" and slow(diagnosis.speed) is not None:
        raise typer.Exit(ExitCode.PROBLEM)


def _only_failed(diagnosis: Diagnosis) -> bool:
    """The script failed, nothing was seen to go wrong before, and no cause is known."""
    script = diagnosis.script
    return not diagnosis.causes and not diagnosis.tripped and bool(script.exit_code or script.signal)
