"""`envkit diagnose --apply`: the change of the report written to the person's file, when they say so."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from envkit.cli.diagnose_perform import say
from envkit.core.errors import DiskError

if TYPE_CHECKING:
    from envkit.diagnose.patch import Patch


def offer(changes: Sequence[Patch], sources: Mapping[str, str], *, yes: bool) -> None:
    """Show one change, ask, and write its files whole or not at all.

    changes: the files that it changes. sources: the files as they were judged. Raises DiskError where one
    cannot be written or has changed since.
    """
    if not changes:
        say("there is no change to apply: what to do is in the report")
        return
    for change in changes:
        _show(change)
    names = " and ".join(one.path for one in changes)
    if not yes and not _agreed(f"Write this to {names}?"):
        say("nothing was written")
        return
    for change in changes:
        if _text(change.path) != sources.get(change.path):
            raise DiskError(
                f"{change.path} was changed while the script ran",
                todo="nothing was written; run envkit again",
            )
    from envkit.core.codec import write_text

    for change in changes:
        write_text(change.path, change.text)
        say(f"wrote {change.path}")


def _show(change: Patch) -> None:
    from envkit.cli.output import options
    from envkit.core.report import Diff
    from envkit.report.ink import Ink
    from envkit.report.text_blocks import render

    lines = render(Diff(text=change.diff), Ink(options(to_file=False, on_stderr=True)))
    try:
        sys.stderr.write("\n" + "".join(f"{line}\n" for line in lines) + "\n")
        sys.stderr.flush()
    except OSError:  # nobody reads
        pass


def _agreed(question: str) -> bool:
    from envkit.cli.apply import reply

    return reply(f"envkit: {question} [y/N] ") == "yes"


def _text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, ValueError):
        return None
