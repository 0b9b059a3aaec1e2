"""`envkit explain`."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from envkit.cli.options import ErrorOption, Format, FormatOption, JsonOption, OutputOption, error_text
from envkit.core.errors import UsageError


def explain(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="A cause, as `driver-too-old`; without one, all.")
    ] = None,
    error: ErrorOption = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Print what is known of a cause: why it happens, how to confirm it, how to fix it.

    With --error: which causes explain a pasted message, traceback or log. `envkit doctor --error` weighs it
    with the facts of this machine.
    """
    from envkit.cli.output import emit

    if key is not None and error is not None:
        raise UsageError("a KEY and --error are two questions", todo="ask one of them")
    chosen = Format.JSON if json else format
    to_file = output is not None
    emit(_message(error, chosen, to_file) if error is not None else _known(key, chosen, to_file), output)


def _message(source: str, chosen: Format, to_file: bool) -> str:
    from envkit.cli.explained import matched
    from envkit.cli.output import options, shareable
    from envkit.core.codec import dumps, to_json
    from envkit.core.redact import Identity, saved
    from envkit.match.match import explain_text
    from envkit.report import render

    explanation = explain_text(error_text(source))
    if chosen is Format.JSON:
        return dumps(saved(to_json(explanation), Identity.here()))
    told = matched(explanation)
    on_terminal = chosen is Format.TEXT and not to_file
    return render(told if on_terminal else shareable(told), chosen.value, options(to_file=to_file))


def _known(key: str | None, chosen: Format, to_file: bool) -> str:
    from envkit.causes import catalogue, cause
    from envkit.cli.explained import as_json, listing, one
    from envkit.cli.output import options
    from envkit.report import render

    entry = cause(key) if key is not None else None
    if key is not None and entry is None:
        close = difflib.get_close_matches(key, catalogue(), n=3, cutoff=0.5)
        hint = f"perhaps {', '.join(close)}; " if close else ""
        raise UsageError(f"there is no cause {key!r}", todo=f"{hint}`envkit explain` lists them all")
    if chosen is Format.JSON:
        return as_json([entry] if entry is not None else catalogue().values())
    shown = one(entry) if entry is not None else listing(catalogue().values())
    return render(shown, chosen.value, options(to_file=to_file))
