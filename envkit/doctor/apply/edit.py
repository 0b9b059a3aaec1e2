"""Start-up files: which lines set a variable, and the file without them. Bytes in, bytes out.

Only a line that does nothing but set one variable is ever changed. Whatever else names the variable is told,
and left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from envkit.doctor.apply.model import Dialect

_VALUE = rb"""(?:"[^"`\\]*"|'[^']*'|[^\s"'`;&|<>()#\\])*"""
"""One word of a shell: quoted and bare pieces, without a command in it."""
_PLAIN: dict[Dialect, bytes] = {
    "sh": rb"[ \t]*(?:(?:export|declare[ \t]+-x|typeset[ \t]+-x)[ \t]+)?%s=" + _VALUE + rb"[ \t]*(?:#.*)?",
    "fish": rb"[ \t]*set(?:[ \t]+(?:-[A-Za-z]+|--[a-z]+))*[ \t]+%s(?:[ \t]+" + _VALUE + rb")*[ \t]*(?:#.*)?",
    "conf": rb"[ \t]*%s=.*",
}
_MENTION: dict[Dialect, bytes] = {
    "sh": rb"(?<![\w$])%s\+?=",
    "fish": rb"\bset\b[^#;]*[ \t]%s(?:[ \t]|$)",
    "conf": rb"(?<!\w)%s=",
}
_FISH_OTHER = re.compile(rb"[ \t]*set[ \t].*(?<=[ \t])(?:-[A-Za-z]*[eqS]|--erase|--query|--show)\b")
_OPENS = re.compile(rb"(?:(?<!\w)(?:then|do|else|in)|[{()])[ \t]*(?:#.*)?$")
"""What a line ends with that begins a block, which may not stay empty."""
_HEREDOC = re.compile(rb"<<-?[ \t]*[\"']?(\w+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A line that sets a variable, or may do so."""

    number: int
    """Counted from 1."""
    plain: bool
    """Whether it does nothing else, so that it may be changed."""


def settings(data: bytes, name: str, dialect: Dialect) -> tuple[Setting, ...]:
    """Lines that set a variable."""
    plain = re.compile(_PLAIN[dialect] % name.encode())
    mention = re.compile(_MENTION[dialect] % name.encode())
    found = []
    for number, (line, free) in enumerate(_lines(data, dialect), 1):
        text = line.rstrip(b"\r\n")
        if text.lstrip().startswith(b"#") or (dialect == "fish" and _FISH_OTHER.match(text)):
            continue
        if free and plain.fullmatch(text):
            found.append(Setting(number=number, plain=True))
        elif mention.search(text):
            found.append(Setting(number=number, plain=False))
    return tuple(found)


def without(data: bytes, names: tuple[str, ...], dialect: Dialect, note: str) -> bytes:
    """The file with the plain settings of these variables commented out.

    note: stands in the comment, and says who did it and when.
    """
    lines = _split(data)
    gone = {s.number for name in names for s in settings(data, name, dialect) if s.plain}
    for number in sorted(gone):
        lines[number - 1] = _commented(lines, number - 1, dialect, note)
    return b"".join(lines)


def with_value(data: bytes, name: str, value: str, dialect: Dialect, note: str) -> bytes:
    """The file with a variable set: in place of its last plain setting, else at the end."""
    plain = [s.number for s in settings(data, name, dialect) if s.plain]
    lines = _split(data)
    if not plain:
        end = _line_end(lines)
        if lines and not lines[-1].endswith(b"\n"):
            lines[-1] += end
        return b"".join(lines) + _setting(name, value, dialect) + f"  # {note}".encode() + end
    place = plain[-1] - 1
    indent, _, end = _parts(lines[place])
    old = _commented(lines, place, dialect, note)
    old = old if old.endswith(b"\n") else old + _line_end(lines)
    lines[place] = old + indent + _setting(name, value, dialect) + end
    return b"".join(lines)


def _setting(name: str, value: str, dialect: Dialect) -> bytes:
    forms = {"sh": f"export {name}={value}", "fish": f"set -gx {name} {value}", "conf": f"{name}={value}"}
    return forms[dialect].encode()


def _commented(lines: list[bytes], place: int, dialect: Dialect, note: str) -> bytes:
    """A line as a comment; where it may be all that a block holds, behind the command that does nothing."""
    indent, text, end = _parts(lines[place])
    before = next((line for line in reversed(lines[:place]) if not _is_idle(line)), b"")
    alone = dialect == "sh" and _OPENS.search(before.rstrip(b"\r\n")) is not None
    return indent + (b": " if alone else b"") + f"# {note}: ".encode() + text + end


def _is_idle(line: bytes) -> bool:
    return not line.strip() or line.lstrip().startswith(b"#")


def _parts(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Indentation, text, line end."""
    text = line.rstrip(b"\r\n")
    bare = text.lstrip(b" \t")
    return text[: len(text) - len(bare)], bare, line[len(text) :]


def _split(data: bytes) -> list[bytes]:
    """Lines with their ends. Only the newline ends a line; a form feed is a character."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)


def _line_end(lines: list[bytes]) -> bytes:
    return b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"


def _lines(data: bytes, dialect: Dialect) -> Iterator[tuple[bytes, bool]]:
    """Each line, and whether it stands for itself: not in a here-document, not joined to another line."""
    until: bytes | None = None
    joined = False
    for line in _split(data):
        text = line.rstrip(b"\r\n")
        if until is not None:
            yield line, False
            until = None if text.strip() == until else until
            continue
        continues = text.endswith(b"\\")
        yield line, not joined and not continues
        joined = continues
        opened = _HEREDOC.search(text) if dialect == "sh" and not _is_idle(text) else None
        until = opened[1] if opened and b"<<<" not in text else None
