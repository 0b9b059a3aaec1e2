"""`envkit diagnose --apply`: the change of the report written to the person's file, when they say so."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from envkit.cli.diagnose_perform import say
from envkit.core.errors import DiskError

if TYPE_CHECKING:
    from envkit.diagnose.patch import Patch


def offer(patches: Sequence[Patch | None], sources: Mapping[str, str], *, yes: bool) -> None:
    """Show the change of the first cause, ask, and write the file whole or not at all.

    sources: the files as they were judged. Raises DiskError where it cannot be written or has changed since.
    """
    change = next(iter(patches), None)
    if change is None:
        say("there is no change to apply: what to do is in the report")
        return
    _show(change)
    if not yes and not _agreed(f"Write this to {change.path}?"):
        say("nothing was written")
        return
    if _text(change.path) != sources.get(change.path):
        raise DiskError(
            f"{change.path} was changed while the script ran", todo="nothing was written; run envkit again"
        )
    from envkit.core.codec import write_text

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
