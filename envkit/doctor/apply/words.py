"""What `--apply` says: pure text, a list of lines for each thing."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable

from envkit.core.text import one_line, plain
from envkit.doctor.apply.applied import Applied
from envkit.doctor.apply.model import FileOffer, Offer, PipOffer, Planned, StartFile

_MARGIN = "  "
_CODE = "      "


def offer(one: Offer, kept: str) -> list[str]:
    """An offer as it is shown before the question. kept: where what is there before will be kept."""
    lines = ["", f"{one_line(one.title)} ({one.key})"]
    return lines + (_pip(one, kept) if isinstance(one, PipOffer) else _file(one, kept))


def _pip(one: PipOffer, kept: str) -> list[str]:
    lines = []
    for say, argv in zip(one.says, one.argvs, strict=True):
        lines += [f"{_MARGIN}{one_line(say)}", f"{_CODE}{one_line(shlex.join(argv), limit=2000)}"]
    root = "; you are root, and the environment is root's own" if one.as_root else ""
    return [
        *lines,
        f"{_MARGIN}It changes packages in {one_line(one.prefix)}{root}.",
        f"{_MARGIN}To go back: what is installed now is listed first, in {one_line(kept)}",
    ]


def _file(one: FileOffer, kept: str) -> list[str]:
    return [
        f"{_MARGIN}{one_line(one.say)}",
        *(_CODE + line for line in diff(one.file, one.after)),
        f"{_MARGIN}It changes {one_line(one.file.path)}, for shells that start from then on.",
        f"{_MARGIN}To go back: a copy is made first, {one_line(kept)}",
        f"{_MARGIN}For the shell that runs already, paste: {one.paste}",
    ]


def diff(file: StartFile, after: bytes) -> list[str]:
    """A unified diff in plain text; bytes that are not UTF-8 are shown as replaced and stay as they are."""
    old, new = (data.decode("utf-8", "replace").split("\n") for data in (file.data, after))
    name = one_line(file.path)
    lines = difflib.unified_diff(old, new, name, name, n=1, lineterm="")
    return [plain(line.rstrip("\r"), limit=300).replace("\n", " ") for line in lines]


def withheld(planned: Planned) -> list[str]:
    """What is not offered, and why."""
    lines = []
    for one in planned.withheld:
        lines += ["", f"Not offered: {one.key}: {one_line(one.reason, limit=500)}"]
        if one.command != one.paste:
            lines.append(f"{_CODE}{one_line(one.command, limit=2000)}")
        if one.paste:
            lines.append(f"{_MARGIN}For the shell that runs already, paste: {one.paste}")
    if planned.left:
        lines += ["", f"Left to you, as the report says: {', '.join(planned.left)}"]
    return lines


def done(one: Applied) -> list[str]:
    """How one change went, as soon as it is over."""
    if one.outcome == "applied":
        lines = [f"{_MARGIN}Done."]
    else:
        lines = [f"{_MARGIN}{one.outcome.capitalize()}: {one_line(one.detail, limit=500)}"]
    return lines + ([f"{_MARGIN}To go back: {one.undo}"] if one.undo else [])


def summary(applied: Iterable[Applied], new: tuple[str, ...], left: tuple[str, ...]) -> list[str]:
    """What became of everything, and what doctor says now.

    new: keys of problems that were not there before. left: keys of all problems that are there now.
    """
    offered = [one for one in applied if one.outcome != "not-offered"]
    lines = ["", "After --apply" if offered else "After --apply: nothing was offered"]
    lines += [f"{_MARGIN}{one.key}: {_became(one)}" for one in offered]
    lines.append(f"{_MARGIN}New problems: {', '.join(new) or 'none'}")
    lines.append(f"{_MARGIN}Problems now: {', '.join(left) or 'none'}")
    return lines


def _became(one: Applied) -> str:
    words: list[str] = [one.outcome]
    if one.outcome == "failed":
        words = [f"failed ({one_line(one.detail)})"]
    if one.finding is not None:
        words.append(f"the problem is {one.finding}")
    if one.outcome == "applied" and one.file is not None:
        words.append("in shells that start from now on")
    return ", ".join(words)
