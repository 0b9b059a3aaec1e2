"""`envkit diagnose`."""

from __future__ import annotations

from envkit.cli import diagnose_options as told
from envkit.cli.options import (
    Format,
    FormatOption,
    JsonOption,
    OutputOption,
    PythonOption,
    QuietOption,
    VerboseOption,
    refuse_contradictions,
)


def diagnose(
    command: told.CommandArgument = None,
    python: PythonOption = None,
    image: told.ImageOption = None,
    try_: told.TryOption = None,
    try_anyway: told.AnywayOption = False,
    apply: told.ApplyOption = False,
    yes: told.YesOption = False,
    only: told.OnlyOption = None,
    fail_on: told.FailOption = "fault",
    stop_on_fault: told.StopOption = False,
    exit_code: told.ExitCodeOption = told.Whose.ENVKIT,
    save: told.SaveTraceOption = None,
    source: told.FromTraceOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a training script, watch it, and say why its loss is not finite, why it crashed, or why it is slow.

    The script runs as it would without; the report comes after it, on standard error.

    Exit code 1 when a fault was found, 10 when the script failed and no cause is known. What is slow makes it
    1 only with --fail-on slow.
    """
    refuse_contradictions(python=python, format=format, json=json, verbose=verbose, quiet=quiet)
    ask = told.Ask(
        command=tuple(command or ()),
        python=python,
        image=image,
        tries=try_,
        anyway=try_anyway,
        apply=apply,
        yes=yes,
        only=only,
        fail_on=fail_on,
        stop=stop_on_fault,
        exit_code=exit_code,
        save=save,
        source=source,
        format=Format.JSON if json else format,
        output=output,
        verbose=verbose,
        quiet=quiet,
    )
    ask.check()
    from envkit.cli.diagnose_perform import perform

    perform(ask)
