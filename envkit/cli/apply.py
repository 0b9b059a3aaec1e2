"""`--apply` of doctor: shows each fix, asks, and says what came of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from envkit.core.errors import EnvkitError, ExitCode, UsageError

if TYPE_CHECKING:
    from envkit.doctor.answer import Answer
    from envkit.doctor.apply.applied import Applied
    from envkit.doctor.apply.model import Offer, Planned
    from envkit.doctor.apply.session import Reply, Seen, Session, Talk
    from envkit.doctor.rules import Rule

ApplyOption = Annotated[
    bool,
    typer.Option(
        "--apply", help="Offer the fixes that you may run yourself, one by one: shown first, nothing as root."
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", help="With --apply: apply all that is offered, unasked.")]


class StoppedError(EnvkitError):
    """The person interrupted while changes were being made."""

    exit_code: ClassVar[ExitCode] = ExitCode.INTERRUPTED


def check(*, apply: bool, yes: bool, format: str, elsewhere: Mapping[str, object]) -> None:  # noqa: A002
    """Raises UsageError where the flags do not go together.

    elsewhere: values of the options that look at something else than this machine, by their names.
    """
    if not apply:
        if yes:
            raise UsageError("--yes answers the questions of --apply", todo="add --apply, or leave out --yes")
        return
    for name, value in elsewhere.items():
        if value:
            raise UsageError(
                f"--apply changes this machine, and {name} judges another",
                todo=f"leave out {name}, or run envkit doctor --apply on the machine that was looked at",
            )
    if format not in ("text", "json"):
        raise UsageError(f"--apply does not go with --format {format}", todo="take text or json")
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "--apply asks before each change, and there is no terminal to ask on",
            todo="run it on a terminal, or add --yes to apply all that is offered",
        )


def carry_out(
    answer: Answer,
    rules: tuple[Rule, ...],
    *,
    python: str | None,
    deep: bool,
    limit: float,
    yes: bool,
    strict: bool,
) -> tuple[Answer, ExitCode, str]:
    """Offer the fixes and apply what is accepted.

    Args:
        answer: what doctor said; `snapshot` is set.
        rules, python, deep, limit: with which it was judged, and is again.
        yes: apply without asking.
        strict: warnings make the exit code 1, too.

    Returns:
        What doctor says afterwards, the exit code, and a summary for people.

    Raises:
        StoppedError: Ctrl-C; what was done so far was told.
    """
    from envkit.doctor.apply import words
    from envkit.doctor.apply.session import Seen, Session
    from envkit.doctor.judge import fails, verdict

    assert answer.snapshot is not None
    first = Seen(snapshot=answer.snapshot, findings=answer.findings)
    sessions: list[Session] = []
    session = Session(first, _looker(rules, python, deep, limit), _talk(sessions, yes), env=os.environ)
    sessions.append(session)
    try:
        session.run()
    except KeyboardInterrupt:
        raise _stopped(session.applied) from None
    last = session.last
    after = replace(
        answer,
        verdict=verdict(last.findings),
        findings=last.findings,
        snapshot=last.snapshot,
        applied=tuple(session.applied),
        new_problems=session.new_problems,
    )
    lines = words.summary(session.applied, session.new_problems, last.problems)
    failed = session.failures[0] if session.failures else None
    if failed is not None:
        lines.append(f"  What failed: {failed.lines[-1]}")
        lines.append(f"  What to do: {failed.todo}")
    left = ExitCode.PROBLEM if fails(last.findings, strict=strict) else ExitCode.OK
    return after, left if failed is None else failed.code, "\n".join(lines)


def _looker(
    rules: tuple[Rule, ...], python: str | None, deep: bool, limit: float
) -> Callable[[Mapping[str, str]], Seen]:
    from envkit.compat import load_compat
    from envkit.core.machine import Machine
    from envkit.doctor.apply.session import Seen
    from envkit.doctor.gather import gather
    from envkit.doctor.judge import judge

    def look(env: Mapping[str, str]) -> Seen:
        _say(["  Looking again ..."])
        machine = replace(Machine.here(), env=dict(env))
        snapshot = gather(machine, python=python, deep=deep, budget=limit)
        return Seen(snapshot=snapshot, findings=judge(snapshot, load_compat(), rules))

    return look


def _talk(sessions: list[Session], yes: bool) -> Talk:
    from envkit.doctor.apply import words
    from envkit.doctor.apply.session import Talk

    def ask(one: Offer, kept: str) -> Reply:
        if yes and sessions[0].failures:
            return "quit"  # what failed may stand in the way of the rest
        _say(words.offer(one, kept))
        return "yes" if yes else reply()

    def withheld(planned: Planned) -> None:
        _say(words.withheld(planned))

    def progress(line: str) -> None:
        _say([f"    | {line}"])

    def done(one: Applied) -> None:
        _say(words.done(one))

    return Talk(ask=ask, withheld=withheld, progress=progress, done=done)


def reply(question: str = "  Apply? [y/N/q] ") -> Reply:
    """The person's answer. Keys that were pressed before the question do not answer it."""
    import termios

    try:
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    except (termios.error, OSError):
        pass
    sys.stderr.write(question)
    sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        return "no"
    if not line:
        return "quit"
    word = line.strip().lower()
    return "yes" if word in ("y", "yes") else "quit" if word in ("q", "quit") else "no"


def _stopped(applied: Iterable[Applied]) -> StoppedError:
    from envkit.doctor.apply import words

    touched = [one for one in applied if one.outcome in ("applied", "failed", "interrupted")]
    for one in touched:
        _say([f"{one.key}: {one.outcome}", *words.done(one)])
    if not touched:
        return StoppedError("interrupted", todo="nothing was changed")
    return StoppedError(
        "interrupted", todo="what was done is listed above; `envkit doctor` says how things are now"
    )


def _say(lines: Iterable[str]) -> None:
    """To the person, beside the report: standard error."""
    try:
        sys.stderr.write("".join(f"{line}\n" for line in lines))
        sys.stderr.flush()
    except OSError:  # nobody reads
        pass
