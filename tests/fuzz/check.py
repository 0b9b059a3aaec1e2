"""What holds for every command line, whatever it was given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, NoReturn

import msgspec

from envkit.doctor.answer import Answer
from envkit.doctor.fleet import Fleet
from envkit.match.model import Explanation
from tests.fuzz.words import ACTING

CODES = (0, 1, 2, 3, 4, 7)
"""What a command that reads files may end with."""
_OURS = re.compile(r'File "[^"\n]*envkit/\w|envkit has a bug|itself failed')
_VOID = {"meta", "br"}
_OUTSIDE = re.compile(r"https?:|//|javascript:|data:|url\(|@import|expression\(", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a command line ended."""

    arguments: tuple[str, ...]
    code: int
    out: bytes
    err: bytes


def violations(outcome: Outcome) -> list[str]:
    """What should not be; [] for a report or a clear error."""
    return [*_of_error(outcome), *_of_output(outcome)]


def _of_error(outcome: Outcome) -> Iterator[str]:
    err = outcome.err.decode("utf-8", "backslashreplace")
    if outcome.code not in CODES:
        yield f"exit code {outcome.code}"
    if "Traceback" in err or _OURS.search(err):
        yield f"a bug is told: {err.strip().splitlines()[0][:200]}"
    if ACTING.search(err):
        yield "control characters on standard error"
    if outcome.code in (0, 1) and err:
        yield f"standard error beside a report: {err[:200]}"
    if 2 <= outcome.code <= 9 and not _merged(outcome):
        lines = err.splitlines()
        if len(lines) != 2 or not lines[0].startswith("envkit: ") or not lines[1].startswith("  "):
            yield f"an error that is not told in two lines: {err[:200]!r}"
        if outcome.out:
            yield "a report beside an error"


def _merged(outcome: Outcome) -> bool:
    """A report on several files, of which some could not be read: it names them itself, and ends with 4."""
    return "--merge" in outcome.arguments and outcome.code == 4 and outcome.out != b""


def _of_output(outcome: Outcome) -> Iterator[str]:
    if outcome.code not in (0, 1) and not _merged(outcome):
        return
    try:
        out = outcome.out.decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"output is not UTF-8: {error}"
        return
    if not out.strip():
        yield "no report"
    if found := ACTING.search(out):
        yield f"control character {found[0]!r} in the report"
    if found := _OURS.search(out):
        yield f"a bug is shown: {out[max(0, found.start() - 200) : found.end() + 200]}"
    form = outcome.arguments[outcome.arguments.index("--format") + 1]
    if form == "json":
        yield from _of_json(outcome)
    elif form == "html":
        yield from _of_html(out)


def _refused(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not JSON")


def _of_json(outcome: Outcome) -> Iterator[str]:
    kind: Any = Explanation if outcome.arguments[0] == "explain" else Answer
    if "--merge" in outcome.arguments:
        kind = Fleet
    try:
        json.loads(outcome.out, parse_constant=_refused)
        msgspec.json.decode(outcome.out, type=kind)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        yield f"JSON that does not fit its schema: {error}"


class _Page(HTMLParser):
    """Notes what a page of envkit never has."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "embed", "link", "base", "form", "a"):
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in (
                "href",
                "src",
                "srcset",
                "action",
                "formaction",
                "xlink:href",
            ):
                self.wrong.append(f"{tag} {name}={value!r}")
            elif name == "style" and _OUTSIDE.search(value or ""):
                self.wrong.append(f"{tag} style={value!r}")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.wrong.append(f"<{tag}/>")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> where another is open")

    def handle_comment(self, data: str) -> None:
        self.wrong.append("a comment")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style" and _OUTSIDE.search(data):
            self.wrong.append("a style sheet that reaches outside")


def _of_html(out: str) -> Iterator[str]:
    page = _Page()
    page.feed(out)
    page.close()
    if page.open:
        page.wrong.append(f"left open: {page.open[:5]}")
    if page.wrong:
        yield f"HTML: {'; '.join(page.wrong[:3])}"
