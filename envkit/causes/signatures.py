"""Error signatures as data: what programs print, and the causes that it points to.

Loads `data/signatures/*.toml`. A signature is one message: literals that must occur on a line, perhaps a
regular expression on that line, and the causes it points to, each with a weight and with the hints that speak
for or against it. A hint is something else that the text (or a snapshot) says, as `wsl` or `gpu-newer`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from envkit.causes.catalogue import catalogue
from envkit.causes.model import CauseDataError

SIGNATURE_FAMILIES = (
    "driver",
    "hardware",
    "framework",
    "loader",
    "compilers",
    "container",
    "runtime",
    "distributed",
    "training",
    "windows",
    "setup",
    "ambiguous",
)
"""One file of data each; `hints.toml` beside them holds the hints."""

COMPUTED_HINTS = frozenset(
    {
        "gpu-newer",
        "gpu-older",
        "driver-below",
        "old-driver",
        "not-in-container",
        "linux-sure",
        "no-nodes",
        "job-without-gpu",
        "module-loaded",
        "module-built",
        "mask-hides",
        "reboot-required",
    }
)
"""Hints that are not literals of the text but compared or read from a snapshot (envkit.match)."""

_NEAR = 30
"""Characters between the parts of a message that was broken in two."""
_LINE = {"text", "also", "not", "match"}
_SIGNATURE = _LINE | {"cause", "weight", "points", "needs", "without", "decides", "example"}
_POINT = {"cause", "weight", "more", "less"}
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "`": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"'})


@dataclass(frozen=True, kw_only=True, slots=True)
class LinePattern:
    """What one line must hold, `folded`."""

    text: tuple[str, ...]
    """At least one of these."""
    also: tuple[str, ...] = ()
    """All of these."""
    absent: tuple[str, ...] = ()
    """None of these."""
    pattern: str | None = None
    """And this regular expression somewhere."""

    def found(self, line: str, joint: int = 0) -> bool:
        """Whether a folded line has it; when two lines were joined at `joint`, whether it lies across."""
        if not any(text in line for text in self.text) or any(text in line for text in self.absent):
            return False
        if not all(text in line for text in self.also):
            return False
        match = None if self.pattern is None else compiled(self.pattern).search(line)
        if self.pattern is not None and match is None:
            return False
        if not joint or (match is not None and match.start() < joint < match.end()):
            return True
        if any(text in line[max(0, joint - len(text) + 1) : joint + len(text) - 1] for text in self.text):
            return True
        return match is not None and self._straddles(line, joint, match.start(), match.end())

    def _straddles(self, line: str, joint: int, start: int, end: int) -> bool:
        """Whether a literal is on one side of the joint and the expression on the other, close together."""
        for text in self.text:
            at = line.find(text)
            if at < 0:
                continue
            if at + len(text) <= joint <= start:
                return start - (at + len(text)) <= _NEAR
            if end <= joint <= at:
                return at - end <= _NEAR
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One cause that a message points to."""

    cause: str
    weight: float
    """How sure without any hint, 0..1."""
    more: tuple[str, ...] = ()
    """Hints that speak for it."""
    less: tuple[str, ...] = ()
    """Hints that speak against it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """One message of a program."""

    name: str
    """File and number, as `driver:12`."""
    line: LinePattern
    points: tuple[Point, ...]
    needs: tuple[str, ...] = ()
    """At least one of these hints, where there are any."""
    without: tuple[str, ...] = ()
    """None of these hints."""
    decides: str | None = None
    """The fact that decides between several causes."""
    example: str
    """The message as the program prints it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """Something that a text says besides its error."""

    name: str
    line: LinePattern


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression, compiled once."""
    return re.compile(pattern)


def folded(text: str) -> str:
    """Lower case, quotes of all kinds made one, runs of white space made one space."""
    return " ".join(text.lower().translate(_QUOTES).split())


@cache
def signatures() -> tuple[Signature, ...]:
    """All signatures. Raises CauseDataError when the data is wrong."""
    known = {hint.name for hint in hints()} | COMPUTED_HINTS
    found = []
    for family in SIGNATURE_FAMILIES:
        for number, row in enumerate(_rows(family, "signature"), 1):
            found.append(_signature(f"{family}:{number}", row, known))
    return tuple(found)


@cache
def hints() -> tuple[Hint, ...]:
    """All hints that are literals of a text. Raises CauseDataError when the data is wrong."""
    found = []
    for row in _rows("hints", "hint"):
        if row.keys() - _LINE - {"name"} or "name" not in row:
            raise CauseDataError(f"hints.toml: {row}")
        found.append(Hint(name=row["name"], line=_line(f"hint {row['name']}", row)))
    return tuple(found)


@cache
def asides() -> tuple[LinePattern, ...]:
    """Lines that say nothing where another line does. Raises CauseDataError when the data is wrong."""
    rows = _rows("asides", "aside")
    if stray := [row for row in rows if row.keys() - _LINE]:
        raise CauseDataError(f"asides.toml: {stray[0]}")
    return tuple(_line(f"aside {number}", row) for number, row in enumerate(rows, 1))


def _rows(family: str, key: str) -> list[dict[str, Any]]:
    path = resources.files("envkit.causes") / "data" / "signatures" / f"{family}.toml"
    rows: list[dict[str, Any]] = tomllib.loads(path.read_text("utf-8"))[key]
    return rows


def _signature(name: str, row: dict[str, Any], known: set[str]) -> Signature:
    if unknown := row.keys() - _SIGNATURE:
        raise CauseDataError(f"signature {name} has unknown {', '.join(sorted(unknown))}")
    if ("cause" in row) == ("points" in row) or "example" not in row:
        raise CauseDataError(f"signature {name} has an example, and either a cause or points")
    rows = row["points"] if "points" in row else [{"cause": row["cause"], "weight": row.get("weight", 0.9)}]
    if len(rows) > 1 and "decides" not in row:
        raise CauseDataError(f"signature {name} does not say what decides")
    signature = Signature(
        name=name,
        line=_line(f"signature {name}", row),
        points=tuple(_point(name, point) for point in rows),
        needs=tuple(row.get("needs", ())),
        without=tuple(row.get("without", ())),
        decides=row.get("decides"),
        example=row["example"],
    )
    used = {*signature.needs, *signature.without}.union(*((*p.more, *p.less) for p in signature.points))
    if stray := used - known:
        raise CauseDataError(f"signature {name} uses unknown hints {', '.join(sorted(stray))}")
    return signature


def _point(name: str, row: dict[str, Any]) -> Point:
    if row.keys() - _POINT or row["cause"] not in catalogue() or not 0 < row["weight"] < 1:
        raise CauseDataError(f"signature {name}: {row}")
    return Point(
        cause=row["cause"],
        weight=row["weight"],
        more=tuple(row.get("more", ())),
        less=tuple(row.get("less", ())),
    )


def _line(name: str, row: dict[str, Any]) -> LinePattern:
    pattern = row.get("match")
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise CauseDataError(f"{name}: {error}") from error
    return LinePattern(
        text=_texts(name, row["text"]),
        also=_texts(name, row.get("also", ())),
        absent=_texts(name, row.get("not", ())),
        pattern=pattern,
    )


def _texts(name: str, value: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Folded, except that white space at the ends, which keeps words apart, stays one space."""
    found = []
    for text in (value,) if isinstance(value, str) else value:
        inner = folded(text)
        if not inner:
            raise CauseDataError(f"{name} has an empty text")
        found.append(" " * text.startswith(" ") + inner + " " * text.endswith(" "))
    return tuple(found)
