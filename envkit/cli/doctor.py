"""`envkit doctor`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from envkit.cli import hosts
from envkit.cli.apply import ApplyOption, YesOption, carry_out
from envkit.cli.apply import check as check_apply
from envkit.cli.merge import FilesArgument, MergeOption, compare, show
from envkit.cli.merge import check as check_merge
from envkit.cli.options import (
    ErrorOption,
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
    SshConfigOption,
    SshOption,
    StrictOption,
    VerboseOption,
    error_text,
    names,
    refuse_contradictions,
)
from envkit.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from envkit.core.codec import Loaded
    from envkit.core.finding import Finding
    from envkit.doctor.answer import Answer
    from envkit.doctor.rules import Rule
    from envkit.facts.model import Snapshot
    from envkit.match.model import Explanation


def doctor(
    files: FilesArgument = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Import each framework and compute on each device; up to a minute.")
    ] = False,
    python: PythonOption = None,
    ssh: SshOption = None,
    ssh_config: SshConfigOption = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
    save: SaveOption = None,
    source: FromOption = None,
    error: ErrorOption = None,
    strict: StrictOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    list_checks: ListOption = False,
    merge: MergeOption = False,
    apply: ApplyOption = False,
    yes: YesOption = False,
    limit: Annotated[
        float,
        typer.Option("--limit", min=0.1, max=600, help="Seconds for all probes; NVML may take 10."),
    ] = 2.0,
) -> None:
    """Tell what this machine is and what keeps training from working: cause, evidence, fix.

    Reads only, unless --apply is given; nothing is sent. Exit code 1 when something of severity error was
    found.
    """
    from envkit.cli.output import emit

    refuse_contradictions(python=python, format=format, json=json, verbose=verbose, quiet=quiet)
    if source and (python is not None or deep or ssh):
        raise UsageError(
            "--from judges a file", todo="leave out --python, --deep and --ssh, which look at a machine"
        )
    one = {
        "--from": source,
        "--ssh": ssh,
        "--deep": deep,
        "--python": python,
        "--save": save,
        "--error": error,
    }
    check_merge(merge, files, {**one, "--apply": apply})
    elsewhere = {"--from": source, "--ssh": ssh}
    check_apply(apply=apply, yes=yes, format="json" if json else format.value, elsewhere=elsewhere)
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
    if merge:
        written = Format.JSON if json else format
        rules = _rules(chosen, dropped)
        compare(
            files or (), rules, format=written, output=output, strict=strict, verbose=verbose, quiet=quiet
        )
        return
    if ssh and len(ssh) > 1:
        hosts.check(ssh, save, error)
        looked = hosts.look(ssh, python=python, deep=deep, limit=limit, config=ssh_config)
        fleet = hosts.compared(looked, _rules(chosen, dropped))
        if save is not None:
            hosts.save_lines(looked, save)
        written = Format.JSON if json else format
        show(fleet, format=written, output=output, strict=strict, verbose=verbose, quiet=quiet)
        if (failed := hosts.first_error(looked)) is not None:
            raise typer.Exit(failed.exit_code)
        return
    message = error_text(error) if error is not None else None
    loaded = _load(source) if source else None
    snapshot = loaded.value if loaded is not None else _gather(python, deep, limit, ssh, ssh_config)
    if save is not None:
        _save(snapshot, loaded, save)
    from envkit.compat import load_compat
    from envkit.doctor.answer import Answer
    from envkit.doctor.judge import fails, judge, verdict

    findings = judge(snapshot, load_compat(), _rules(chosen, dropped))
    explanation = None if message is None else _explained(message, snapshot, findings)
    answer = Answer(verdict=verdict(findings), findings=findings, snapshot=snapshot, error=explanation)
    written = Format.JSON if json else format
    if not apply or written is Format.TEXT:
        files_of_it = tuple(source) if source else (str(save),) if ssh and save else ()
        environment = None if quiet or written is Format.JSON else _environment(answer, files_of_it)
        emit(_rendered(answer, written, verbose, quiet, output is not None, environment), output)
    if apply:
        rules = _rules(chosen, dropped)
        answer, code, summary = carry_out(
            answer, rules, python=python, deep=deep, limit=limit, yes=yes, strict=strict
        )
        if written is Format.JSON:
            emit(_rendered(answer, written, verbose, quiet, output is not None), output)
        else:
            emit(summary, None)
        raise typer.Exit(code)
    if fails(findings, strict=strict):
        raise typer.Exit(ExitCode.PROBLEM)


def _rules(only: tuple[str, ...], skip: tuple[str, ...]) -> tuple[Rule, ...]:
    from envkit.doctor.judge import select

    return select(only, skip)


def _warm() -> None:
    """Import what judging and rendering need while the probes wait for their children."""
    from importlib import import_module

    from envkit.compat import load_compat

    for name in ("envkit.doctor.judge", "envkit.doctor.summary", "envkit.report"):
        import_module(name)
    load_compat()


def _gather(
    python: str | None, deep: bool, limit: float, ssh: list[str] | None, ssh_config: Path | None
) -> Snapshot:
    from envkit.core.machine import Machine
    from envkit.doctor.gather import gather

    def waiting(awaited: tuple[str, ...]) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"still waiting for: {', '.join(awaited)}\n")

    if ssh:
        from envkit.doctor.gather_ssh import gather_over_ssh

        return gather_over_ssh(
            ssh[0],
            python=python,
            deep=deep,
            budget=limit,
            config=ssh_config,
            meanwhile=_warm,
            waiting=waiting,
        )
    return gather(Machine.here(), python=python, deep=deep, budget=limit, meanwhile=_warm, waiting=waiting)


def _load(sources: list[str]) -> Loaded[Snapshot]:
    from envkit.facts.importers.detect import load_snapshot

    return load_snapshot(*sources)


def _explained(message: bytes, snapshot: Snapshot, findings: tuple[Finding, ...]) -> Explanation:
    from envkit.doctor.weigh import weighed
    from envkit.match.match import explain_text

    return weighed(explain_text(message, snapshot), findings)


def _save(snapshot: Snapshot, loaded: Loaded[Snapshot] | None, target: object) -> None:
    from envkit.core.codec import dumps, overlay, to_json, write_text
    from envkit.core.redact import Identity, saved

    value = to_json(snapshot) if loaded is None else overlay(loaded.raw, to_json(snapshot))
    write_text(str(target), dumps(saved(value, Identity.here())) + "\n")


def _environment(answer: Answer, files: tuple[str, ...]) -> str | None:
    from envkit.compat import load_compat
    from envkit.doctor.views import builds

    # Where all is well there is no note, and the resolver is not worth its import.
    if answer.verdict == "healthy" and answer.snapshot is not None and any(builds(answer.snapshot)):
        return None
    from envkit.doctor.environment import build_note

    return build_note(answer, load_compat(), files)


def _rendered(
    answer: Answer,
    format: Format,  # noqa: A002
    verbose: bool,
    quiet: bool,
    to_file: bool,
    environment: str | None = None,
) -> str:
    from envkit.cli.output import options, shareable

    if format is Format.JSON:
        from envkit.core.codec import dumps, to_json
        from envkit.core.redact import Identity, saved

        shown = answer if verbose else replace(answer, snapshot=None)
        return dumps(saved(to_json(shown), Identity.here()))
    from envkit.doctor.summary import report
    from envkit.report import render

    told = report(answer, environment=environment)
    # On the terminal stands what can be pasted there; what may be sent to others names nobody.
    on_terminal = format is Format.TEXT and not to_file
    wanted = options(to_file=to_file, verbose=verbose, quiet=quiet)
    return render(told if on_terminal else shareable(told), format.value, wanted)


def _checks() -> str:
    from envkit.causes import catalogue
    from envkit.doctor.rules import RULES, key_of

    entries = catalogue()
    lines = [
        f"{key_of(rule):34} {entries[key_of(rule)].family:10} {entries[key_of(rule)].title}" for rule in RULES
    ]
    return "\n".join(lines)
