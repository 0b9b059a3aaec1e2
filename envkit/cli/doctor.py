"""`envkit doctor`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from envkit.cli.options import (
    Format,
    FormatOption,
    FromOption,
    JsonOption,
    ListOption,
    OnlyOption,
    OutputOption,
    PythonOption,
    QuietOption,
    SaveOption,
    SkipOption,
    StrictOption,
    VerboseOption,
    names,
)
from envkit.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from envkit.core.codec import Loaded
    from envkit.core.finding import Finding
    from envkit.doctor.rules import Rule
    from envkit.facts.model import Snapshot


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Import each framework and compute on each device; up to a minute.")
    ] = False,
    python: PythonOption = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
    save: SaveOption = None,
    source: FromOption = None,
    strict: StrictOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    list_checks: ListOption = False,
    limit: Annotated[
        float, typer.Option("--limit", min=0.1, max=600, help="Seconds that the probes have together.")
    ] = 2.0,
) -> None:
    """Tell what this machine is and what keeps training from working: cause, evidence, fix.

    Reads only: nothing is changed, nothing is sent. Exit code 1 when something of severity error was found.
    """
    from envkit.cli.output import emit

    if source is not None and (python is not None or deep):
        raise UsageError(
            "--from judges a file", todo="leave out --python and --deep, which look at this machine"
        )
    if save is not None and str(save) == "-" and output is None:
        raise UsageError(
            "--save - and the report cannot both go to standard output",
            todo="send the report elsewhere: --output FILE",
        )
    if list_checks:
        emit(_checks(), output)
        return
    chosen, dropped = names(only), names(skip)
    if chosen or dropped:
        _rules(chosen, dropped)
    loaded = _load(source) if source is not None else None
    snapshot = loaded.value if loaded is not None else _gather(python, deep, limit)
    if save is not None:
        _save(snapshot, loaded, save)
    from envkit.compat import load_compat
    from envkit.doctor.judge import fails, judge

    findings = judge(snapshot, load_compat(), _rules(chosen, dropped))
    emit(
        _rendered(snapshot, findings, Format.JSON if json else format, verbose, quiet, output is not None),
        output,
    )
    if fails(findings, strict=strict):
        raise typer.Exit(ExitCode.PROBLEM)


def _rules(only: tuple[str, ...], skip: tuple[str, ...]) -> tuple[Rule, ...]:
    from envkit.doctor.judge import select

    return select(only, skip)


def _warm() -> None:
    """Import what judging and rendering need while the probes wait for their children."""
    from envkit.compat import load_compat

    load_compat()


def _gather(python: str | None, deep: bool, limit: float) -> Snapshot:
    from envkit.core.machine import Machine
    from envkit.doctor.gather import gather

    def waiting(awaited: tuple[str, ...]) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"still waiting for: {', '.join(awaited)}\n")

    return gather(Machine.here(), python=python, deep=deep, budget=limit, meanwhile=_warm, waiting=waiting)


def _load(source: str) -> Loaded[Snapshot]:
    from envkit.core.codec import load
    from envkit.facts.model import Snapshot

    return load(Snapshot, source, name="snapshot")


def _save(snapshot: Snapshot, loaded: Loaded[Snapshot] | None, target: object) -> None:
    from envkit.core.codec import dumps, overlay, to_json, write_text
    from envkit.core.redact import Identity, saved

    value = to_json(snapshot) if loaded is None else overlay(loaded.raw, to_json(snapshot))
    write_text(str(target), dumps(saved(value, Identity.here())) + "\n")


def _rendered(
    snapshot: Snapshot,
    findings: tuple[Finding, ...],
    format: Format,  # noqa: A002
    verbose: bool,
    quiet: bool,
    to_file: bool,
) -> str:
    from envkit.cli.output import shareable, wants_color, wants_unicode, width
    from envkit.doctor.judge import verdict

    if format is Format.JSON:
        from envkit.core.codec import dumps, to_json
        from envkit.core.redact import Identity, saved
        from envkit.doctor.answer import Answer

        answer = Answer(verdict=verdict(findings), findings=findings, snapshot=snapshot if verbose else None)
        return dumps(saved(to_json(answer), Identity.here()))
    from envkit.doctor.summary import report
    from envkit.report import Options, render

    options = Options(
        verbose=verbose,
        quiet=quiet,
        color=not to_file and wants_color(),
        width=100 if to_file else width(),
        unicode=to_file or wants_unicode(),
    )
    shown = report(snapshot, findings)
    # On the terminal stands what can be pasted there; what may be sent to others names nobody.
    on_terminal = format is Format.TEXT and not to_file
    return render(shown if on_terminal else shareable(shown), format.value, options)


def _checks() -> str:
    from envkit.causes import catalogue
    from envkit.doctor.rules import RULES, key_of

    entries = catalogue()
    lines = [
        f"{key_of(rule):34} {entries[key_of(rule)].family:10} {entries[key_of(rule)].title}" for rule in RULES
    ]
    return "\n".join(lines)
