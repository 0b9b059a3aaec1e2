"""`envkit explain`."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from envkit.cli.options import Format, FormatOption, JsonOption, OutputOption
from envkit.core.errors import UsageError


def explain(
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="A cause, as `driver-too-old`; without one, all.")
    ] = None,
    format: FormatOption = Format.TEXT,  # noqa: A002 - the flag's name
    json: JsonOption = False,
    output: OutputOption = None,
) -> None:
    """Print what is known of a cause: why it happens, how to confirm it, how to fix it."""
    from envkit.causes import catalogue, cause
    from envkit.cli.explained import as_json, listing, one
    from envkit.cli.output import emit, wants_color, wants_unicode, width
    from envkit.report import Options, render

    chosen = Format.JSON if json else format
    entry = cause(key) if key is not None else None
    if key is not None and entry is None:
        close = difflib.get_close_matches(key, catalogue(), n=3, cutoff=0.5)
        hint = f"perhaps {', '.join(close)}; " if close else ""
        raise UsageError(f"there is no cause {key!r}", todo=f"{hint}`envkit explain` lists them all")
    if chosen is Format.JSON:
        emit(as_json([entry] if entry is not None else catalogue().values()), output)
        return
    options = Options(
        color=output is None and wants_color(),
        width=width() if output is None else 100,
        unicode=output is not None or wants_unicode(),
    )
    shown = one(entry) if entry is not None else listing(catalogue().values())
    emit(render(shown, chosen.value, options), output)
